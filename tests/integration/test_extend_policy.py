"""What a policy does to the words of an extension that is refused."""

import json
from typing import Any

import asyncpg
import pytest

from tests.integration.office import Office
from tests.integration.test_extend import extend
from tests.unit.door import a_model_map, a_price

CREDIT = 10_000_000
MINI = a_price("mini", input_cost_per_token=1e-7, output_cost_per_token=4e-7)


async def refusal_of(pool: asyncpg.Pool, body: dict[str, Any], minimum: int) -> str:
    """What a person with 10 milli-dollars reads when a call of gpt-4o needs `minimum` nano-USD."""
    office = Office(pool, models=a_model_map(mini=MINI))
    account_id = await office.books.account(CREDIT)
    await pool.execute("UPDATE client SET style = 'plain', language = 'en'")
    await pool.execute(
        "INSERT INTO policy (subject_kind, subject_id, body, changed_by, replaces)"
        " VALUES ('client', 'librechat', $1, 'test', 0)",
        body,
    )
    hold_id, _ = await office.books.place(account_id, 100)
    _, answer = await extend(office, hold_id, minimum, minimum)
    return str(answer["error"]["error"]["message"])


@pytest.mark.parametrize(("minimum", "hinted"), [(240_000_000, True), (260_000_000, False)])
async def test_extension_refused_names_the_cheaper_model_that_is_surely_paid_for(
    pool: asyncpg.Pool, minimum: int, *, hinted: bool
) -> None:
    """Mini costs a twenty-fifth of gpt-4o, input as output."""
    text = await refusal_of(pool, {"cheaper": {"gpt-4o": "mini"}}, minimum)
    assert ("use mini" in text) is hinted


async def test_extension_refused_is_worded_as_the_policy_says(pool: asyncpg.Pool) -> None:
    """The same texts as at the door."""
    clauses = ["Too large", " for {model}", ", {available} left", " ({ref})"]
    text = await refusal_of(
        pool, {"texts": {"request_too_large_for_balance": {"en": clauses}}}, 10**9
    )
    assert text.startswith("Too large for gpt-4o, US$0.01 left (")


async def test_extension_under_a_policy_of_a_newer_release_is_worded_as_usual(
    pool: asyncpg.Pool,
) -> None:
    """A body that cannot be read must not cost the person the sentence."""
    text = await refusal_of(pool, json.loads('{"telepathy": true}'), 10**9)
    assert text.startswith("This conversation is too large")


async def test_extension_refused_is_worded_in_the_language_of_the_person(
    pool: asyncpg.Pool,
) -> None:
    """Whatever the client's, as at the door."""
    await Office(pool).books.account(0)
    await pool.execute(
        "SELECT set_settings(a.id, 'pt-BR', NULL, NULL, NULL, NULL, 'a', '{}')"
        " FROM account AS a WHERE a.external_id = 'maria'"
    )
    assert (await refusal_of(pool, {}, 10**9)).startswith("Esta conversa é grande")


@pytest.mark.parametrize(("house", "said"), [(None, True), (150, False)])
async def test_extension_refused_by_the_persons_own_limit_says_so(
    pool: asyncpg.Pool, house: int | None, *, said: bool
) -> None:
    """Where the administrators' cap leaves less, it is theirs; the credit is there either way."""
    office = Office(pool)
    account_id = await office.books.account(CREDIT)
    await pool.execute("UPDATE client SET style = 'plain', language = 'en'")
    await pool.execute(
        "SELECT set_settings($1, NULL, NULL, NULL, NULL, 200, 'a', '{}')", account_id
    )
    if house:
        await pool.execute(
            "SELECT set_cap($1, NULL, 'month', 'America/Sao_Paulo', $2)", account_id, house
        )
    hold_id, _ = await office.books.place(account_id, 100)
    _, answer = await extend(office, hold_id, 900, 900)
    assert answer["reason"] == "cap_reached"
    text = str(answer["error"]["error"]["message"])
    assert ("limit, the monthly one that you set yourself" in text) is said
