"""The trimmed ext_authz protobufs agree with Envoy's full API, field by field."""

from typing import Any

import pytest
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.service.auth import v3 as full
from envoy_data_plane.envoy.type import v3 as http_type
from envoy_data_plane.google import rpc

from protos import ext_authz_pb2 as ours
from tests.unit.full_api import check_numbers

MESSAGES: list[tuple[Any, Any]] = [
    (ours.CheckRequest, full.CheckRequest),
    (ours.AttributeContext, full.AttributeContext),
    (ours.AttributeContext.Peer, full.AttributeContextPeer),
    (ours.AttributeContext.Request, full.AttributeContextRequest),
    (ours.AttributeContext.HttpRequest, full.AttributeContextHttpRequest),
    (ours.Address, core.Address),
    (ours.SocketAddress, core.SocketAddress),
    (ours.Metadata, core.Metadata),
    (ours.CheckResponse, full.CheckResponse),
    (ours.Status, rpc.Status),
    (ours.DeniedHttpResponse, full.DeniedHttpResponse),
    (ours.OkHttpResponse, full.OkHttpResponse),
    (ours.HttpStatus, http_type.HttpStatus),
    (ours.HeaderValueOption, core.HeaderValueOption),
    (ours.HeaderValue, core.HeaderValue),
]


@pytest.mark.parametrize(("trimmed", "complete"), MESSAGES, ids=str)
def test_trimmed_message_every_field_has_envoys_number(trimmed: Any, complete: Any) -> None:
    """A wrong number reads as an absent field, and an absent status allows a request."""
    check_numbers(trimmed, complete)


def test_append_action_values_are_envoys() -> None:
    """The enum values of our subset are those of `core.v3.HeaderValueOption`."""
    wanted = {member.name: member.value for member in core.HeaderValueOptionHeaderAppendAction}
    assert dict(ours.HeaderValueOption.AppendAction.items()) == wanted


def test_service_full_name_is_the_one_envoy_calls() -> None:
    """Envoy calls /envoy.service.auth.v3.Authorization/Check."""
    method = ours.DESCRIPTOR.services_by_name["Authorization"].methods_by_name["Check"]
    assert method.full_name == "envoy.service.auth.v3.Authorization.Check"


def test_refusal_read_by_the_full_api_keeps_status_and_body() -> None:
    """What we serialise as a denial is a denial with code, headers and body in the full API."""
    denied = ours.DeniedHttpResponse(status=ours.HttpStatus(code=402), body="{}")
    denied.headers.add(header=ours.HeaderValue(key="x-should-retry", value="false"))
    answer = ours.CheckResponse(status=ours.Status(code=7), denied_response=denied)
    answer.dynamic_metadata.update({"hold": "h"})
    read = full.CheckResponse.parse(answer.SerializeToString())
    assert read.status is not None
    assert read.status.code == 7
    assert read.denied_response is not None
    assert read.denied_response.status is not None
    assert (read.denied_response.status.code, read.denied_response.body) == (402, "{}")
    assert read.denied_response.headers[0].header == core.HeaderValue(
        key="x-should-retry", value="false"
    )
