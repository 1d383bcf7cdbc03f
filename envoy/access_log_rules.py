"""What must hold for the access log: complete, bounded, and told only to whom we mean.

accounting closes holds by these entries, so a field or a route that is missing here is a hold that waits
for its deadline, and a key in these files is a key in git.
"""

import functools
from collections.abc import Iterator
from typing import Final

from configuration import KEY_FILTER, Configuration, Finding, Tree
from paths import HELD

FILE_LOG: Final = "envoy.access_loggers.file"
STREAM_LOG: Final = "envoy.access_loggers.http_grpc"
SECRETS_FOLDER: Final = "/etc/envoy-secrets"
LARGEST_BUFFER_BYTES: Final = 65_536
# What accounting/access/log_file.py reads of a line.
FIELDS: Final = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "route": "%ROUTE_NAME%",
    "code": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration_ms": "%DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "added_us": "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)%",
    "content_type": "%RESP(CONTENT-TYPE):100%",
} | {
    name: f"%DYNAMIC_METADATA(envoy.filters.http.ext_authz:{name})%"
    for name in ("hold", "account", "client", "decision", "reason", "mode")
}
# Words of a format that would write a person's text, a key or a query string.
FORBIDDEN: Final = ("AUTHORIZATION", "COOKIE", "X-USER-ID", "pedagio.body", "%PATH(WQ", ":PATH)%")

Findings = Iterator[Finding]
in_listener = functools.partial(Finding, "listener.yaml")
in_clusters = functools.partial(Finding, "clusters.yaml")


def access_log_file(configuration: Configuration) -> Findings:
    """One line for each ended request, with all that a replay needs and nothing secret."""
    logger = _loggers(configuration).get(FILE_LOG, {})
    if logger.get("filter") != {"log_type_filter": {"types": ["DownstreamEnd"]}}:
        yield in_listener("access_log file", "filter DownstreamEnd: one line, of the end")
    fields = logger.get("typed_config", {}).get("log_format", {}).get("json_format", {})
    for name, value in FIELDS.items():
        if fields.get(name) != value:
            yield in_listener(f"access_log file {name}", f"must be {value}: replay reads it")
    for name, value in fields.items():
        if any(word in str(value) for word in FORBIDDEN):
            yield in_listener(f"access_log file {name}", "would write a secret or a query string")


def access_log_stream(configuration: Configuration) -> Findings:
    """Entries of the metered routes go to accounting, in small batches, with progress."""
    logger = _loggers(configuration).get(STREAM_LOG)
    if logger is None:
        yield in_listener("access_log", "http_grpc is missing: holds would wait for deadlines")
        return
    entry = logger["typed_config"]
    yield from _filtered(configuration, logger)
    if entry.get("additional_response_headers_to_log") != ["content-type"]:
        yield in_listener("access_log stream", "log the response header content-type, no other")
    if "additional_request_headers_to_log" in entry:
        yield in_listener("access_log stream", "no request headers: they carry keys")
    common = entry["common_config"]
    if not 0 < common.get("buffer_size_bytes", 0) <= LARGEST_BUFFER_BYTES:
        yield in_listener(
            "buffer_size_bytes", f"1 to {LARGEST_BUFFER_BYTES}: it is what a loss loses"
        )
    if "buffer_flush_interval" not in common:
        yield in_listener("buffer_flush_interval", "must be set: a failed call frees its hold then")
    options = configuration.manager.get("access_log_options", {})
    if "access_log_flush_interval" not in options:
        yield in_listener(
            "access_log_options", "access_log_flush_interval: long calls show nothing"
        )


def access_log_key(configuration: Configuration) -> Findings:
    """The key comes from a secret file: in these files it would be in git."""
    logger = _loggers(configuration).get(STREAM_LOG, {})
    service = logger.get("typed_config", {}).get("common_config", {}).get("grpc_service", {})
    if "initial_metadata" in service:
        yield in_listener("initial_metadata", "absent: %ENVIRONMENT(…)% is sent as it stands there")
    name = service.get("envoy_grpc", {}).get("cluster_name")
    cluster = configuration.clusters.get(name)
    if cluster is None:
        yield in_listener("access_log stream", f"there is no cluster {name}")
        return
    path = _secret_path(cluster)
    if path is None or not path.startswith(f"{SECRETS_FOLDER}/"):
        yield in_clusters(f"{name} {KEY_FILTER}", f"the key must be a file in {SECRETS_FOLDER}")


def _loggers(configuration: Configuration) -> dict[str, Tree]:
    return {logger["name"]: logger for logger in configuration.manager.get("access_log", [])}


def _filtered(configuration: Configuration, logger: Tree) -> Findings:
    """By route name: strangers' requests for other paths are nobody's evidence."""
    config = logger.get("filter", {}).get("extension_filter", {}).get("typed_config", {})
    expression = config.get("expression", "")
    metered = [
        route["name"]
        for route in configuration.routes
        if route["match"].get("path") in HELD and "route" in route
    ]
    if not expression.startswith("xds.route_name in ["):
        yield in_listener("access_log stream", "filter by xds.route_name in [metered routes]")
    for name in metered:
        if f"'{name}'" not in expression:
            yield in_listener("access_log stream", f"the metered route {name} is not in its filter")


def _secret_path(cluster: Tree) -> str | None:
    """Where the cluster's own filter reads the credential it injects."""
    (options,) = cluster.get("typed_extension_protocol_options", {"": {}}).values()
    for item in options.get("http_filters", []):
        if item["name"] == KEY_FILTER:
            credential = item["typed_config"]["credential"]["typed_config"]["credential"]
            source = credential.get("sds_config", {}).get("path_config_source", {})
            return str(source.get("path"))
    return None
