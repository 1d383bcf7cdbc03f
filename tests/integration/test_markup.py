"""What a plan puts on top of the cost: pinned on the hold, on every way to a debit, to the nano."""

import uuid
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from accounting.admin.explain import explain
from credit import ledger
from credit.money import marked_up
from tests.books import Books, Figures, a_place, a_record, an_event
from tests.integration.office import CREDIT, Office, cost, end, start, token

MARKUP = 15
COST = 4_500_000  # of the office's cost record, by LiteLLM and by the book
ESTIMATE = 1_000 * 2_500 + 100 * 10_000
EVENTS = "SELECT cost, litellm_cost, book_cost FROM usage_event ORDER BY recorded_at, id"


async def test_markup_in_sql_is_that_of_the_domain(pool: asyncpg.Pool) -> None:
    """The same figure on both sides, over the whole range, also where a product would not fit a bigint."""
    amounts = [0, 1, 2, 9, 99, 100, 101, 4_500_001, 10**13 - 1, 10**16]
    for percent in (0, 1, 7, 15, 33, 99, 100, 101, 999, 1000):
        found = await pool.fetch(
            "SELECT marked_up(x, $2) AS y FROM unnest($1::bigint[]) AS x", amounts, percent
        )
        assert [row["y"] for row in found] == [marked_up(each, percent) for each in amounts]


async def test_debit_carries_the_markup_of_its_hold(pool: asyncpg.Pool) -> None:
    """The person pays it; the event keeps what LiteLLM and the book said without it."""
    books = Books(pool)
    account = await books.account(CREDIT)
    marked = marked_up(COST + 1, MARKUP)
    one = replace(a_place(account, marked), markup_percent=MARKUP)
    await ledger.place_batch(pool, [one], 2100)
    event = an_event(one.hold_id, COST + 1)
    await books.report([a_record(one.hold_id, account)], [event])
    await books.close(one.hold_id)
    assert await books.figures(account) == Figures(CREDIT - marked, 0)
    (row,) = await pool.fetch(EVENTS)
    assert tuple(row) == (marked, COST + 1, COST + 1)
    # Reported again with the same figures it is the same event, not a conflict of figures.
    again = await books.report([a_record(one.hold_id, account)], [event | {"record_id": "r2"}])
    assert again["event", event["id"]] == "duplicate"
    assert await pool.fetchval("SELECT count(*) FROM usage_conflict") == 0
    await books.check()


async def test_placement_asked_again_says_the_markup_that_was_pinned(pool: asyncpg.Pool) -> None:
    """Also where the one who asks again has another one in mind."""
    books = Books(pool)
    one = replace(a_place(await books.account(CREDIT), 10**7), markup_percent=MARKUP)
    first = (await ledger.place_batch(pool, [one], 2100))[one.hold_id]
    again = (await ledger.place_batch(pool, [replace(one, markup_percent=0)], 2100))[one.hold_id]
    assert (first.result, first.markup_percent) == ("placed", MARKUP)
    assert (again.result, again.markup_percent) == ("replay", MARKUP)


async def test_explanation_names_the_markup_and_whose_price_it_was(pool: asyncpg.Pool) -> None:
    """Support sees why a call cost more than the list says."""
    books = Books(pool)
    account = await books.account(CREDIT)
    one = replace(a_place(account, 10**7), markup_percent=MARKUP)
    await ledger.place_batch(pool, [one], 2100)
    event = an_event(one.hold_id, COST, flags=["house_price"])
    await books.report([a_record(one.hold_id, account)], [event])
    await books.close(one.hold_id)
    (found,) = await explain(pool, one.hold_id)
    assert found.detail == f"price set here; markup {MARKUP} %"


async def test_hold_that_a_report_brings_carries_the_markup_of_its_token(office: Office) -> None:
    """Mode off or shadow: nothing was held, and the debit is what it would have been."""
    account_id = await office.books.account(CREDIT)
    hold_id = str(uuid.uuid4())
    text = token(hold_id, account_id, mode="off", markup=MARKUP)
    await office.report(start(hold_id, text), cost(hold_id, text), end(hold_id, text))
    assert (await office.books.figures(account_id)).posted == CREDIT - marked_up(COST, MARKUP)


async def test_estimate_carries_the_markup_of_its_hold(office: Office) -> None:
    """An aborted call costs what it would have cost, with its markup."""
    hold_id, text, account_id = await office.placed(markup_percent=MARKUP)
    guess = cost(hold_id, text, error_code="499", cost_usd="0.9")
    await office.report(start(hold_id, text), end(hold_id, text, "aborted"), guess)
    marked = marked_up(ESTIMATE, MARKUP)
    assert await office.closed(hold_id) == ("settled", "aborted", marked)
    assert await office.books.figures(account_id) == Figures(CREDIT - marked, 0)


@pytest.mark.parametrize(
    "claims", [{"markup": -1}, {"markup": 1001}, {"prices": -1}, {"prices": 2**63}]
)
async def test_token_that_the_ledger_cannot_hold_proves_nothing(
    office: Office, claims: dict[str, Any]
) -> None:
    """Signed by us does not mean storable: the report is kept, as one without a token."""
    account_id = await office.books.account(CREDIT)
    hold_id = str(uuid.uuid4())
    text = token(hold_id, account_id, **claims)
    await office.report(cost(hold_id, text))
    assert "unproven" in await office.exceptions()
    assert (await office.books.figures(account_id)).posted == CREDIT
