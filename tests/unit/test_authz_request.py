"""Translation in: who is asking, and that no bytes whatever get past without a key."""

import asyncio
import contextlib
from hashlib import sha256

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.request import Request, read
from authz.response import Allow, Answered, Listed, Refuse, build
from protos import ext_authz_pb2 as pb
from tests.unit.door import HOLD, KEY, Door, Memory, a_check

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.one_of(TEXT, st.floats(), st.booleans(), st.none())
HEADERS = st.dictionaries(
    st.one_of(st.sampled_from(["authorization", "x-user-id", "x-request-id"]), TEXT), TEXT
)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "   ",
        "{{LIBRECHAT_USER_ID}}",
        "maria,jose",
        "maria, maria",
        "x" * 129,
        "a\nb",
        "a\x00",
        "\u202e",
    ],
)
def test_identity_that_is_none_gives_no_person(header: str) -> None:
    """DESIGN 3: empty, unresolved placeholder, several values, overlong or unprintable: nobody."""
    assert read(a_check(x_user_id=header)).external_id is None


@pytest.mark.parametrize(
    ("header", "person"),
    [("maria", "maria"), ("  maria ", "maria"), ("Mária 2", "Mária 2"), ("x" * 128, "x" * 128)],
)
def test_identity_that_is_one_is_trimmed_and_kept(header: str, person: str) -> None:
    """Case and letters belong to the client."""
    assert read(a_check(x_user_id=header)).external_id == person


@pytest.mark.parametrize(
    ("content_type", "is_form"),
    [
        ("multipart/form-data; boundary=x", True),
        ("Multipart/Form-Data ;boundary=x", True),
        ("application/json", False),
        ("application/json, multipart/form-data", False),
        ("multipart/form-data, application/json", False),
        ("", False),
    ],
)
def test_form_is_told_by_its_type_as_litellm_does(content_type: str, is_form: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    """What LiteLLM would read as JSON is no form."""
    assert read(a_check(content_type=content_type)).is_form is is_form


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY} "])
def test_key_in_a_bearer_header_is_digested(header: str) -> None:
    """The key itself goes no further than this module."""
    assert read(a_check(authorization=header)).key_sha256 == sha256(KEY.encode()).digest()


@pytest.mark.parametrize("header", ["", KEY, "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer\t{KEY}"])
def test_key_in_another_form_is_no_key(header: str) -> None:
    """Only `Bearer <key>` counts."""
    assert read(a_check(authorization=header)).key_sha256 is None


@pytest.mark.parametrize(
    ("header", "hold_id"),
    [
        (HOLD, HOLD),
        (HOLD.upper(), HOLD),
        ("", ""),
        ("1", ""),
        (f"{HOLD},{HOLD}", ""),
        ("a\x00", ""),
    ],
)
def test_hold_id_is_a_canonical_uuid_or_nothing(header: str, hold_id: str) -> None:
    """Another text would fail in the ledger, together with everybody in the same batch."""
    assert read(a_check(x_request_id=header)).hold_id == hold_id


def test_path_with_a_query_is_told_apart() -> None:
    """LiteLLM lets `?model=` override the body."""
    asked = read(a_check(path="/v1/chat/completions?model=gpt-5"))
    assert (asked.path, asked.has_query) == ("/v1/chat/completions", True)


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("application/json", "body"),
        ("Application/JSON;charset=UTF-8", "body"),
        ("text/plain", "content-type"),
        ("application/json; charset=utf-16", "content-type"),
        ("", "content-type"),
    ],
)
def test_body_that_envoy_could_not_read_is_told_from_its_type(
    content_type: str, named: str
) -> None:
    """One flag says either; a person repairs the one or the other."""
    check = a_check({"unreadable": True})
    check.attributes.request.http.headers["content-type"] = content_type
    assert read(check).body["unreadable"] == named


def test_size_that_envoy_does_not_know_is_zero() -> None:
    """-1 must not become a negative bound."""
    assert read(a_check(size=-1)).size_bytes == 0


def test_message_that_is_empty_reads_as_nobody() -> None:
    """Absent parts read as empty."""
    assert read(pb.CheckRequest()) == Request("", None, "", False, None, 0)  # noqa: FBT003


def answer_of(check: pb.CheckRequest, mode: str) -> Allow | Refuse | Listed | Answered:
    """The decision about one question, built too."""
    answer = asyncio.run(Door(Memory(mode=mode)).check.decide(read(check)))
    build(answer)
    return answer


@given(st.binary(max_size=400), st.sampled_from(["off", "shadow", "enforce", "closed"]))
@settings(max_examples=150, deadline=None)
def test_bytes_of_any_kind_never_pass(raw: bytes, mode: str) -> None:
    """What protobuf can read at all is refused, in every mode, without an exception."""
    with contextlib.suppress(DecodeError):
        assert isinstance(answer_of(pb.CheckRequest.FromString(raw), mode), Refuse)


@given(HEADERS, TEXT, st.dictionaries(TEXT, SCALARS), st.sampled_from(["off", "shadow", "enforce"]))
@settings(max_examples=150, deadline=None)
def test_fields_of_any_kind_never_pass_without_a_key(
    headers: dict[str, str], path: str, body: dict[str, object], mode: str
) -> None:
    """No combination of headers, path and body stands in for the key."""
    check = a_check(body, path, authorization="")
    check.attributes.request.http.headers.update(headers)
    assert isinstance(answer_of(check, mode), Refuse)


@given(
    HEADERS,
    st.dictionaries(
        st.sampled_from(["model", "max_tokens", "n", "service_tier", "user", "unreadable"]), SCALARS
    ),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(["off", "shadow", "enforce"]),
)
@settings(max_examples=200, deadline=None)
def test_fields_of_any_kind_with_a_key_get_an_answer(
    headers: dict[str, str], body: dict[str, object], size: int, mode: str
) -> None:
    """A known client may send nonsense: an answer, no exception; outside of enforce no refusal."""
    check = a_check(body, size=size)
    check.attributes.request.http.headers.update(
        {name: value for name, value in headers.items() if name != "authorization"}
    )
    answer = answer_of(check, mode)
    assert mode == "enforce" or isinstance(answer, Allow)
