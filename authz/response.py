"""Translation out: the one place that builds every answer to Envoy.

An empty CheckResponse, or a denial without a status code, ALLOWS the request
(facts-envoy.md): so no other module creates one, and a test walks all refusals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf import struct_pb2

from credit.refusal import STATUS, Reason, error_body
from protos import ext_authz_pb2 as pb

GRPC_OK = 0
GRPC_PERMISSION_DENIED = 7


@dataclass(frozen=True, slots=True)
class Allow:
    """Let the request pass with these headers set and those removed; `seen` goes to the access log."""

    headers: Mapping[str, str]
    remove: tuple[str, ...] = ()
    seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Turn the request away with a typed reason and the sentence for the person."""

    reason: Reason
    text: str
    style: str
    param: str | None = None
    seen: Mapping[str, str] = field(default_factory=dict)


def build(answer: Allow | Refuse) -> pb.CheckResponse:
    """Return the CheckResponse; every refusal has a non-zero code and an HTTP status."""
    if isinstance(answer, Allow):
        ok = pb.OkHttpResponse(headers=_headers(answer.headers), headers_to_remove=answer.remove)
        return pb.CheckResponse(
            status=pb.Status(code=GRPC_OK),
            ok_response=ok,
            dynamic_metadata=_struct({**answer.seen, "decision": "allow"}),
        )
    denied = pb.DeniedHttpResponse(
        status=pb.HttpStatus(code=STATUS[answer.reason]),
        headers=_headers({"content-type": "application/json", "x-should-retry": "false"}),
        body=error_body(answer.reason, answer.text, answer.style, answer.param).decode(),
    )
    seen = {**answer.seen, "decision": "refuse", "reason": answer.reason.value}
    return pb.CheckResponse(
        status=pb.Status(code=GRPC_PERMISSION_DENIED),
        denied_response=denied,
        dynamic_metadata=_struct(seen),
    )


def _headers(values: Mapping[str, str]) -> list[pb.HeaderValueOption]:
    overwrite = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return [
        pb.HeaderValueOption(header=pb.HeaderValue(key=key, value=value), append_action=overwrite)
        for key, value in values.items()
    ]


def _struct(values: Mapping[str, str]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    for key, value in values.items():
        struct.fields[key].string_value = value
    return struct
