"""The trimmed access log protobufs agree with Envoy's full API, field by field."""

from typing import Any

import pytest
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.data.accesslog import v3 as data
from envoy_data_plane.envoy.service.accesslog import v3 as service

from accounting.access.entry import FLAGS
from protos import access_log_pb2 as ours
from tests.unit.full_api import check_numbers, numbers_of_full

MESSAGES: list[tuple[Any, Any]] = [
    (ours.StreamAccessLogsMessage, service.StreamAccessLogsMessage),
    (ours.StreamAccessLogsMessage.Identifier, service.StreamAccessLogsMessageIdentifier),
    (
        ours.StreamAccessLogsMessage.HttpAccessLogEntries,
        service.StreamAccessLogsMessageHttpAccessLogEntries,
    ),
    (ours.HttpAccessLogEntry, data.HttpAccessLogEntry),
    (ours.AccessLogCommon, data.AccessLogCommon),
    (ours.Metadata, core.Metadata),
    (ours.HttpRequestProperties, data.HttpRequestProperties),
    (ours.HttpResponseProperties, data.HttpResponseProperties),
    (ours.ResponseFlags, data.ResponseFlags),
    (ours.ResponseFlags.Unauthorized, data.ResponseFlagsUnauthorized),
]
# What must never become a value in accounting: texts of people, and where they are.
NEVER = {
    "path", "original_path", "user_agent", "referer", "forwarded_for", "authority",
    "request_headers", "downstream_remote_address", "downstream_direct_remote_address",
    "tls_properties", "response_trailers", "custom_tags", "filter_state_objects",
}  # fmt: skip


@pytest.mark.parametrize(("trimmed", "complete"), MESSAGES, ids=str)
def test_trimmed_message_every_field_has_envoys_number(trimmed: Any, complete: Any) -> None:
    """A wrong number reads as an absent field: a failed call would look like a good one."""
    check_numbers(trimmed, complete)
    assert NEVER.isdisjoint(field.name for field in trimmed.DESCRIPTOR.fields)


def test_response_flags_all_are_declared_and_named() -> None:
    """A flag that is missing here would be missing in the evidence, without a word."""
    declared = {field.name for field in ours.ResponseFlags.DESCRIPTOR.fields}
    assert declared == numbers_of_full(data.ResponseFlags).keys() == FLAGS.keys()
    assert len(set(FLAGS.values())) == len(FLAGS)


def test_access_log_types_are_envoys() -> None:
    """The kinds of entries that our subset names have the full API's values."""
    wanted = {member.name: member.value for member in data.AccessLogType}
    for name, value in ours.AccessLogType.items():
        assert wanted[name] == value


def test_service_full_name_is_the_one_envoy_calls() -> None:
    """Envoy calls /envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs."""
    name = ours.DESCRIPTOR.services_by_name["AccessLogService"].methods_by_name["StreamAccessLogs"]
    assert name.full_name == "envoy.service.accesslog.v3.AccessLogService.StreamAccessLogs"
    assert (name.client_streaming, name.server_streaming) == (True, False)
