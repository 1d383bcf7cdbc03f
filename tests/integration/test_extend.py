"""Extending a hold through the HTTP face: totals, the ledger's own refusals, words for the person."""

import json
import uuid
from typing import Any

import pytest

from accounting.ingest.reports import NANOS_LIMIT
from tests.books import Figures
from tests.integration.office import Office

SOME_HOLD = "6f7c2c0e-6d0c-4b1e-9a55-0d8f6b0c1a11"


async def extend(office: Office, hold_id: Any, want: Any, minimum: Any) -> tuple[int, Any]:
    """Ask for a total; status and body."""
    asked = {"hold": hold_id, "want_total_nanos": want, "min_total_nanos": minimum}
    answer = await office.send(json.dumps(asked).encode(), "/v1/extend")
    return answer.status_code, answer.json()


async def test_extension_that_fits_is_held_once(office: Office) -> None:
    """Totals, not increments: asking again changes nothing."""
    account_id = await office.books.account(1_000)
    hold_id, _ = await office.books.place(account_id, 100)
    for _ in range(3):
        assert await extend(office, hold_id, 400, 400) == (
            200,
            {"result": "extended", "granted_nanos": 400},
        )
    assert (await office.books.figures(account_id)).held == 400


async def test_extension_up_to_all_of_available_is_granted(office: Office) -> None:
    """The hold's own grant counts as available to it."""
    account_id = await office.books.account(1_000)
    hold_id, _ = await office.books.place(account_id, 100)
    assert (await extend(office, hold_id, 5_000, 1_000))[1]["granted_nanos"] == 1_000
    assert await office.books.figures(account_id) == Figures(1_000, 1_000)


async def test_extension_that_asks_for_less_than_held_changes_nothing(office: Office) -> None:
    """A hold never shrinks by asking."""
    account_id = await office.books.account(1_000)
    hold_id, _ = await office.books.place(account_id, 300)
    assert (await extend(office, hold_id, 100, 50))[1]["granted_nanos"] == 300


async def test_extension_with_a_want_below_its_minimum_gets_the_minimum(office: Office) -> None:
    """A contradiction of the caller is read in favour of the call."""
    account_id = await office.books.account(1_000)
    hold_id, _ = await office.books.place(account_id, 100)
    assert (await extend(office, hold_id, 100, 700))[1]["granted_nanos"] == 700


async def test_extension_that_does_not_fit_says_why(office: Office) -> None:
    """Too large for what is there; or there, but reserved by another answer."""
    account_id = await office.books.account(1_000)
    hold_id, _ = await office.books.place(account_id, 100)
    status, body = await extend(office, hold_id, 5_000, 2_000)
    assert (status, body["result"], body["reason"]) == (
        200,
        "refused",
        "request_too_large_for_balance",
    )
    await office.books.place(account_id, 400)
    _, body = await extend(office, hold_id, 900, 800)
    assert body["reason"] == "credit_in_flight"
    assert (await office.books.figures(account_id)).held == 500


@pytest.mark.parametrize(("style", "language"), [("librechat", "pt-BR"), ("plain", "en")])
async def test_extension_that_is_refused_is_worded_for_the_client(
    office: Office, style: str, language: str
) -> None:
    """The callback passes the object on as it is."""
    account_id = await office.books.account(1_000)
    await office.pool.execute("UPDATE client SET style = $1, language = $2", style, language)
    hold_id, _ = await office.books.place(account_id, 100)
    _, body = await extend(office, hold_id, 5_000, 2_000)
    error = body["error"]["error"]
    assert (error["type"], error["code"]) == ("request_too_large_for_balance",) * 2
    if style == "librechat":
        shown = json.loads(error["message"])
        assert shown["type"] == "google_error"
        text = shown["info"]
    else:
        text = error["message"]
    assert text.startswith("Esta conversa" if language == "pt-BR" else "This conversation")
    assert text.endswith(f"(ref. {hold_id[:6]})")


async def test_extension_of_a_hold_that_is_closed_or_unknown_is_unavailable(
    office: Office,
) -> None:
    """Not a statement about credit."""
    account_id = await office.books.account(1_000)
    hold_id, _ = await office.books.place(account_id, 100)
    await office.books.close(hold_id, "released", "no_evidence")
    for asked in (hold_id, str(uuid.uuid4())):
        status, body = await extend(office, asked, 200, 200)
        assert (status, body["reason"]) == (200, "enforcement_unavailable")
    assert await office.books.figures(account_id) == Figures(1_000, 0)


@pytest.mark.parametrize(
    ("hold", "want", "minimum"),
    [
        ("no-uuid", 1, 1),
        (None, 1, 1),
        (SOME_HOLD, -1, 1),
        (SOME_HOLD, 1, -1),
        (SOME_HOLD, NANOS_LIMIT + 1, 1),
        (SOME_HOLD, 2**63, 2**63),
        (SOME_HOLD, 1.5, 1),
        (SOME_HOLD, "many", 1),
        (SOME_HOLD, None, 1),
    ],
)
async def test_extension_that_makes_no_sense_is_400(
    office: Office, hold: Any, want: Any, minimum: Any
) -> None:
    """Absurd amounts are refused before the ledger."""
    assert (await extend(office, hold, want, minimum))[0] == 400


async def test_extension_that_is_no_object_is_400(office: Office) -> None:
    """Nor is one with fields nobody knows."""
    for body in (b"[]", b"1", b"{}", b'{"hold": "x", "secret": 1}'):
        assert (await office.send(body, "/v1/extend")).status_code == 400
