"""Who may report: one of the live keys, recently, over exactly these bytes."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.ingest.signing import WINDOW_S, is_genuine

NEW, OLD = b"n" * 32, b"o" * 32
NOW_S = 1_795_000_000
NONCE = "0123456789abcdef" * 2
BODY = b'{"records":[{"cost_usd":"0.5"}]}'


def signed(
    body: bytes = BODY, key: bytes = NEW, at: str = str(NOW_S), nonce: str = NONCE
) -> dict[str, str]:
    """Headers as the callback makes them."""
    mark = hmac.new(key, f"{at}.{nonce}.".encode() + body, "sha256").hexdigest()
    return {
        "x-pedagio-timestamp": at,
        "x-pedagio-nonce": nonce,
        "x-pedagio-signature": f"v1={mark}",
    }


@pytest.mark.parametrize("key", [NEW, OLD])
def test_report_signed_by_a_live_key_is_genuine(key: bytes) -> None:
    """Keys change without losing a report: both are live for a while."""
    assert is_genuine(signed(key=key), BODY, [NEW, OLD], NOW_S)
    assert not is_genuine(signed(key=key), BODY, [b"x" * 32], NOW_S)
    assert not is_genuine(signed(key=key), BODY, [], NOW_S)


@pytest.mark.parametrize(
    ("off_s", "genuine"),
    [(0, True), (-WINDOW_S, True), (WINDOW_S, True), (-WINDOW_S - 1, False), (WINDOW_S + 1, False)],
)
def test_report_outside_the_window_is_refused(off_s: int, *, genuine: bool) -> None:
    """Five minutes either way, so that a stolen request is worth little."""
    assert is_genuine(signed(at=str(NOW_S + off_s)), BODY, [NEW], NOW_S) is genuine


def test_report_changed_in_any_part_is_refused() -> None:
    """Body, timestamp and nonce are all under the signature."""
    headers = signed()
    assert not is_genuine(headers, BODY.replace(b"0.5", b"0.1"), [NEW], NOW_S)
    assert not is_genuine(headers | {"x-pedagio-timestamp": str(NOW_S + 1)}, BODY, [NEW], NOW_S)
    assert not is_genuine(headers | {"x-pedagio-nonce": NONCE[::-1]}, BODY, [NEW], NOW_S)


def test_report_with_bytes_moved_into_the_nonce_is_refused() -> None:
    """The parts have fixed forms, so one signature fits one split only."""
    head, _, tail = BODY.partition(b".")
    moved = signed() | {"x-pedagio-nonce": f"{NONCE}.{head.decode()}"}
    assert not is_genuine(moved, tail, [NEW], NOW_S)


@pytest.mark.parametrize("at", ["", " ", "-1", "1e9", "١٢٣", "9" * 13, "1795000000.0", "nan"])
def test_report_with_a_strange_timestamp_is_refused_quietly(at: str) -> None:
    """Signed or not: no exception, no acceptance."""
    assert not is_genuine(signed(at=at), BODY, [NEW], NOW_S)


@given(st.dictionaries(st.sampled_from(sorted(signed())), st.text()), st.binary())
def test_report_with_arbitrary_headers_is_refused_quietly(
    headers: dict[str, str], body: bytes
) -> None:
    """Nothing a stranger sends raises or passes."""
    assert not is_genuine(headers, body, [NEW], NOW_S)
