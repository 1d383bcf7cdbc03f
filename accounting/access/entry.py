"""Translation in: an entry of Envoy's access log stream, as plain values of ours."""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import struct_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from accounting.access.record import Entry
from protos import access_log_pb2 as pb

AUTHZ: Final = "envoy.filters.http.ext_authz"
STAGES: Final = {pb.DownstreamEnd: "end", pb.DownstreamPeriodic: "progress"}
NANOS_PER_MS: Final = 1_000_000
MS_PER_S: Final = 1_000
# Envoy's short names, as its log lines have them, by the fields of ResponseFlags.
FLAGS: Final = {
    "failed_local_healthcheck": "LH",
    "no_healthy_upstream": "UH",
    "upstream_request_timeout": "UT",
    "local_reset": "LR",
    "upstream_remote_reset": "UR",
    "upstream_connection_failure": "UF",
    "upstream_connection_termination": "UC",
    "upstream_overflow": "UO",
    "no_route_found": "NR",
    "delay_injected": "DI",
    "fault_injected": "FI",
    "rate_limited": "RL",
    "unauthorized_details": "UAEX",
    "rate_limit_service_error": "RLSE",
    "downstream_connection_termination": "DC",
    "upstream_retry_limit_exceeded": "URX",
    "stream_idle_timeout": "SI",
    "invalid_envoy_request_headers": "IH",
    "downstream_protocol_error": "DPE",
    "upstream_max_stream_duration_reached": "UMSDR",
    "response_from_cache_filter": "RFCF",
    "no_filter_config_found": "NFCF",
    "duration_timeout": "DT",
    "upstream_protocol_error": "UPE",
    "no_cluster_found": "NC",
    "overload_manager": "OM",
    "dns_resolution_failure": "DF",
    "downstream_remote_reset": "DR",
}


def read(entry: pb.HttpAccessLogEntry, now_ms: int) -> Entry:
    """Translate; never raises. `now_ms` dates an entry of a call that still runs, which has no end yet."""
    seen, answer = entry.common_properties, entry.response
    stage = STAGES.get(seen.access_log_type, "")
    began_ms = seen.start_time.seconds * MS_PER_S + seen.start_time.nanos // NANOS_PER_MS
    duration_ms = now_ms - began_ms if stage == "progress" else _ms(seen.duration)
    first_byte = seen.HasField("time_to_first_upstream_rx_byte")
    return Entry(
        request_id=entry.request.request_id,
        stage=stage,
        route=seen.route_name,
        code=answer.response_code.value or None,
        details=_text(answer.response_code_details),
        flags=tuple(_flags(seen.response_flags)),
        bytes_received=entry.request.request_body_bytes,
        bytes_sent=answer.response_body_bytes,
        duration_ms=duration_ms,
        first_byte_ms=_ms(seen.time_to_first_upstream_rx_byte) if first_byte else None,
        upstream=seen.HasField("time_to_first_upstream_tx_byte"),
        content_type=_text(answer.response_headers.get("content-type", b"")),
        said=_said(seen.metadata.filter_metadata.get(AUTHZ, b"")),
        at_ms=began_ms + duration_ms,
    )


def _text(octets: bytes) -> str:
    return octets.decode(errors="replace")


def _ms(duration: Duration) -> int:
    return int(duration.seconds) * MS_PER_S + int(duration.nanos) // NANOS_PER_MS


def _flags(flags: pb.ResponseFlags) -> Iterator[str]:
    for field, _ in flags.ListFields():
        yield FLAGS[field.name]


def _said(metadata: bytes) -> dict[str, str]:
    """What authz said of the request; of the other namespaces (values of the body) nothing is ever read."""
    said = struct_pb2.Struct()
    try:
        said.ParseFromString(metadata)
    except DecodeError:
        return {}
    values: Any = said.fields.items()
    return {name: value.string_value for name, value in values if value.string_value}
