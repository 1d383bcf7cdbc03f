"""Translation out: the one place that builds every answer to Envoy.

An empty CheckResponse, or a denial without a status code, ALLOWS the request
(facts-envoy.md): so no other module creates one, and a test walks all refusals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credit.refusal import STATUS, Reason, error_body
from protos import ext_authz_pb2 as pb

if TYPE_CHECKING:  # generic in the stubs only
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

HTTP_OK = 200
GRPC_OK = 0
GRPC_PERMISSION_DENIED = 7


@dataclass(frozen=True, slots=True)
class Allow:
    """Let the request pass with these headers set and those removed; `seen` goes to the access log.

    `shown`: headers of the answer that the client gets.
    """

    headers: Mapping[str, str]
    remove: tuple[str, ...] = ()
    seen: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Turn the request away with a typed reason and the sentence for the person."""

    reason: Reason
    text: str
    style: str
    param: str | None = None
    seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """The key is somebody's: Envoy may read the body, then ask for the decision. Nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Answer `GET /v1/models` in LiteLLM's place: OpenAI's list of these objects, status 200."""

    models: Sequence[Mapping[str, str | int]]
    seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """Answer a call in a model's place, status 200: this body, of this content type."""

    body: str
    content_type: str
    seen: Mapping[str, str] = field(default_factory=dict)


def build(answer: Allow | Refuse | Known | Listed | Answered) -> pb.CheckResponse:
    """Return the CheckResponse; every refusal has a non-zero code and an HTTP status.

    Filled in place: a message handed to another's constructor is copied, which took half the time.
    """
    if isinstance(answer, Known):
        response = pb.CheckResponse(status=pb.Status(code=GRPC_OK))
        response.ok_response.SetInParent()
        return response
    if isinstance(answer, Allow):
        response = pb.CheckResponse(status=pb.Status(code=GRPC_OK))
        response.ok_response.SetInParent()
        _set_headers(response.ok_response.headers, answer.headers)
        _set_headers(response.ok_response.response_headers_to_add, answer.shown)
        response.ok_response.headers_to_remove.extend(answer.remove)
        _show(response, {**answer.seen, "decision": "allow"})
        return response
    if isinstance(answer, Listed):
        body = json.dumps({"object": "list", "data": list(answer.models)}, ensure_ascii=False)
        response = _instead(HTTP_OK, body, {"content-type": "application/json"})
        _show(response, {**answer.seen, "decision": "answer"})
        return response
    if isinstance(answer, Answered):
        headers = {"content-type": answer.content_type, "cache-control": "no-store"}
        response = _instead(HTTP_OK, answer.body, headers)
        _show(response, {**answer.seen, "decision": "answer"})
        return response
    body = error_body(answer.reason, answer.text, answer.style, answer.param).decode()
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    response = _instead(STATUS[answer.reason], body, headers)
    _show(response, {**answer.seen, "decision": "refuse", "reason": answer.reason.value})
    return response


def _instead(status: int, body: str, headers: Mapping[str, str]) -> pb.CheckResponse:
    """What Envoy sends to the client while nothing goes upstream, whatever the status."""
    response = pb.CheckResponse(status=pb.Status(code=GRPC_PERMISSION_DENIED))
    response.denied_response.status.code = status
    response.denied_response.body = body
    _set_headers(response.denied_response.headers, headers)
    return response


def _set_headers(
    target: RepeatedCompositeFieldContainer[pb.HeaderValueOption], values: Mapping[str, str]
) -> None:
    for key, value in values.items():
        option = target.add(append_action=pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        option.header.key = key
        option.header.value = value


def _show(response: pb.CheckResponse, seen: Mapping[str, str]) -> None:
    """Dynamic metadata: what the access log says about the decision."""
    for key, value in seen.items():
        response.dynamic_metadata.fields[key].string_value = value
