"""Envoy's entries become rows: from real entries, from hostile ones, from its file as from its stream."""

import json
from typing import Any

import pytest
import yaml
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from accounting.access import entry as access_entry
from accounting.access import log_file as access_file
from accounting.access.record import METERED_ROUTES, Entry, record_id, row
from credit.flat import FLAT_ROUTES
from protos import access_log_pb2 as pb
from tests.unit.access_cases import CASES, PROGRESS, Case, case

NOW_MS = 1_795_404_400_000
ALLOWED = {
    "stage", "code", "details", "flags", "bytes_received", "bytes_sent", "duration_ms", "upstream",
    "first_byte_ms", "content_type", "route", "decision", "reason", "mode", "client", "account",
}  # fmt: skip


def entry_of(recorded: Case) -> pb.HttpAccessLogEntry:
    """A recorded entry, for a test to change."""
    return pb.HttpAccessLogEntry.FromString(recorded.entry)


def row_of(entry: pb.HttpAccessLogEntry) -> Any:
    """What is kept of an entry."""
    return row(access_entry.read(entry, NOW_MS))


def row_of_line(line: dict[str, Any]) -> Any:
    """What is kept of a line."""
    entry = access_file.read(json.dumps(line))
    return row(entry) if entry else None


@pytest.mark.parametrize("recorded", CASES, ids=lambda each: each.name)
def test_entry_and_line_of_one_request_become_the_same_row(recorded: Case) -> None:
    """Else a replay would add a second, different witness."""
    assert row_of(entry_of(recorded)) == recorded.row
    assert row_of_line(recorded.line) == recorded.row


def test_row_holds_what_is_allowed_and_nothing_else() -> None:
    """No path, no query, no address, no text of a request; the id is made of hold and stage."""
    for recorded in (*CASES, PROGRESS):
        if recorded.row is not None:
            assert recorded.row.keys() == {"id", "hold_id", "body", "at_ms"}
            assert recorded.row["body"].keys() == ALLOWED
            assert recorded.row["id"] == record_id(
                recorded.row["hold_id"], recorded.row["body"]["stage"]
            )
    assert len({record_id("h", "end"), record_id("h", "progress"), record_id("i", "end")}) == 3


def test_progress_entry_is_dated_when_it_came() -> None:
    """A call that still runs has no duration of Envoy's."""
    entry = entry_of(PROGRESS)
    began_ms = entry.common_properties.start_time.ToMilliseconds()
    assert row(access_entry.read(entry, began_ms + 61_000)) is not None
    found = row(access_entry.read(entry, began_ms + 61_000))
    assert found is not None
    assert (found["at_ms"], found["body"]["duration_ms"]) == (began_ms + 61_000, 61_000)
    assert found["body"]["stage"] == "progress"


def test_route_names_that_count_are_those_of_metered_paths(root: Any) -> None:
    """Envoy's filter, the lint and this process must speak of the same routes."""
    table = yaml.safe_load((root / "envoy" / "routes.yaml").read_text(encoding="utf-8"))
    routes = table["resources"][0]["virtual_hosts"][0]["routes"]
    metered = {"/v1/chat/completions", "/v1/responses", "/v1/embeddings", *FLAT_ROUTES}
    named = {r["name"] for r in routes if r["match"].get("path") in metered and "route" in r}
    assert named == METERED_ROUTES
    flat = {r["match"]["path"]: r["name"] for r in routes if r["match"].get("path") in FLAT_ROUTES}
    assert flat == {path: route.name for path, route in FLAT_ROUTES.items()}


@pytest.mark.parametrize(
    ("decision", "reason", "kept"),
    [
        ("allow", "", True),
        ("", "", True),
        ("answer", "", False),
        ("refuse", "insufficient_credit", False),
        ("refuse", "identity_missing", False),
        ("refuse", "enforcement_unavailable", True),
    ],
)
def test_refusals_are_counted_except_where_the_ledger_did_not_answer(
    decision: str, reason: str, *, kept: bool
) -> None:
    """A refusal moved nothing; one for want of an answer may have left a hold."""
    line = {**case("succeed").line, "decision": decision or None, "reason": reason or None}
    found = row_of_line(line)
    assert (found is not None) == kept


@pytest.mark.parametrize(
    "change",
    [
        {"route": "models"},
        {"route": None},
        {"request_id": "not-a-uuid"},
        {"request_id": None},
    ],
)
def test_line_about_no_held_call_becomes_no_row(change: dict[str, Any]) -> None:
    """Free paths and Envoy's own answers are nobody's evidence."""
    assert row_of_line({**case("succeed").line, **change}) is None


@pytest.mark.parametrize(
    "text",
    [
        "{", '{"route": "chat"', "[]", "null", '"chat"', "12", "\x00",
        json.dumps({**case("succeed").line, "code": "200"}),
        json.dumps({**case("succeed").line, "code": True}),
        json.dumps({**case("succeed").line, "bytes_sent": 1.5}),
        json.dumps({**case("succeed").line, "time": "yesterday"}),
        json.dumps({**case("succeed").line, "time": "2026-11-23T03:10:34"}),
        json.dumps({**case("succeed").line, "client": ["x"]}),
        json.dumps({**case("succeed").line, "path": "x" * 20_000}),
        "{" * 10_000,
    ],
)  # fmt: skip
def test_line_that_is_broken_is_called_unreadable(text: str) -> None:
    """It says so, once, and keeps no other line back."""
    if text == "[]":  # what begins with a bracket is Envoy's own message
        assert access_file.read(text) is None
        return
    with pytest.raises(access_file.UnreadableLineError):
        access_file.read(text)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "[2026-11-23 03:10:50.606][2163][warning][main] x", '{"level": "info"}', "{}"],
)
def test_line_of_others_is_passed_over(text: str) -> None:
    """A container's log holds more than access-log lines."""
    assert access_file.read(text) is None


def test_texts_that_are_no_names_are_left_out() -> None:
    """Whatever gets into a field where a word belongs, no sentence gets into the ledger."""
    prompt = "tell me about my illness"
    line = case("succeed").line | {
        "client": prompt, "account": prompt, "mode": prompt, "reason": prompt, "details": prompt,
        "content_type": prompt, "flags": prompt, "decision": prompt,
    }  # fmt: skip
    found = row_of_line(line)
    assert prompt not in json.dumps(found)
    assert (found["body"]["flags"], found["body"]["content_type"]) == ([], None)


def test_body_values_in_an_entry_are_never_opened() -> None:
    """Envoy passes its namespace of body values along; octets that would not even parse change nothing."""
    entry = entry_of(case("succeed"))
    assert entry.common_properties.metadata.filter_metadata["pedagio.body"]
    entry.common_properties.metadata.filter_metadata["pedagio.body"] = b"\xff\xff\xff"
    assert row_of(entry) == case("succeed").row


def test_octets_that_are_no_text_do_not_fail_a_message() -> None:
    """One upstream's odd header must not cost the entries of everybody in the same message."""
    entry = entry_of(case("succeed"))
    entry.response.response_headers["content-type"] = b"\xff\xfe"
    entry.response.response_code_details = b"\xff"
    message = pb.StreamAccessLogsMessage()
    message.http_logs.log_entry.append(entry)
    read = pb.StreamAccessLogsMessage.FromString(message.SerializeToString())
    found = row_of(read.http_logs.log_entry[0])
    assert (found["body"]["content_type"], found["body"]["details"]) == (None, "")


def test_authz_metadata_of_other_types_reads_as_absent() -> None:
    """Only texts count; what does not parse says nothing."""
    said = struct_pb2.Struct()
    said.update({"decision": 1, "client": {"a": "b"}, "account": None, "mode": ["x"]})
    for octets in (said.SerializeToString(), b"\xff\xff"):
        entry = entry_of(case("succeed"))
        entry.common_properties.metadata.filter_metadata[access_entry.AUTHZ] = octets
        found = row_of(entry)["body"]
        assert [found[name] for name in ("decision", "client", "account", "mode")] == [""] * 4


@given(st.binary(max_size=400))
def test_entry_of_any_bytes_never_raises(octets: bytes) -> None:
    """Whoever has the key may send anything that parses; the stream goes on."""
    entry = pb.HttpAccessLogEntry()
    try:
        entry.ParseFromString(octets)
    except Exception:  # noqa: BLE001 (gRPC refuses such a message before us)
        return
    row(access_entry.read(entry, NOW_MS))


@given(
    st.builds(
        Entry,
        request_id=st.uuids().map(str),
        stage=st.sampled_from(["end", "progress"]),
        route=st.sampled_from(sorted(METERED_ROUTES)),
        code=st.none() | st.integers(0, 999),
        details=st.text(max_size=200),
        flags=st.tuples(st.text(max_size=12)),
        bytes_received=st.integers(-(2**64), 2**64),
        bytes_sent=st.integers(-(2**64), 2**64),
        duration_ms=st.integers(-(2**64), 2**64),
        first_byte_ms=st.none() | st.integers(-(2**64), 2**64),
        upstream=st.booleans(),
        content_type=st.text(max_size=40),
        said=st.dictionaries(st.sampled_from(["decision", "client", "reason"]), st.text()),
        at_ms=st.integers(-(2**64), 2**64),
    )
)
def test_row_of_any_entry_is_what_the_ledger_can_hold(entry: Entry) -> None:
    """Figures within 2^53, words without control characters: one odd row would fail its whole batch."""
    found = row(entry)
    if found is None:
        return
    text = json.dumps(found["body"])
    assert "\\u0000" not in text
    figures = [v for v in found["body"].values() if isinstance(v, int)]
    assert all(0 <= figure <= 2**53 for figure in [*figures, found["at_ms"]])
