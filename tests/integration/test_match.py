"""The match on the real ledger: the seven combinations, and what is said about them."""

import itertools
import uuid
from datetime import timedelta

import asyncpg
import pytest

from accounting.metrics import MATCH_CALLS, MATCH_RATE
from accounting.settling import match
from accounting.settling.match import CALLS_FLOOR, Matcher
from accounting.settling.outcome import END_WAIT_S
from tests.integration.office import CREDIT, HELD, LONG_S, Office, cost, end, start, token


def matcher(office: Office, *, expects_access: bool = True) -> Matcher:
    """A match that has just begun."""
    return Matcher(office.pool, office.settler, expects_access=expects_access)


async def placed(office: Office) -> tuple[str, str]:
    """A call has a hold: its id, its token."""
    account_id = await office.books.account(0)
    if not (await office.books.figures(account_id)).posted:
        await office.books.account(CREDIT)
    hold_id, answer = await office.books.place(account_id, HELD)
    assert answer.result == "placed"
    return hold_id, token(hold_id, account_id)


async def call(office: Office, *, held: bool, access: bool, callback: bool) -> str:
    """One call that is over, told of by these witnesses."""
    hold_id, text = await placed(office) if held else (str(uuid.uuid4()), "")
    if not held and callback:
        account_id = await office.books.account(0)
        text = token(hold_id, account_id, mode="off", granted=0)
    if access:
        await office.envoy(hold_id, age_s=END_WAIT_S + 1)
    if callback:
        await office.report(start(hold_id, text), end(hold_id, text), cost(hold_id, text))
    if held and not callback:
        await office.expire(hold_id)
        await office.settler.sweep_once()
    return hold_id


@pytest.mark.parametrize("combination", match.COMBINATIONS)
async def test_match_counts_each_combination_of_witnesses(office: Office, combination: str) -> None:
    """Hold, access log, callback: 1 or 0 each (protocol.md 6)."""
    held, access, callback = (mark == "1" for mark in combination)
    await call(office, held=held, access=access, callback=callback)
    await office.make_older(600)
    counted = await matcher(office).round()
    assert {name: calls for name, calls in counted.items() if calls} == {combination: 1}
    assert MATCH_CALLS.labels(combination)._value.get() == 1  # noqa: SLF001 (what Prometheus reads)
    assert MATCH_RATE._value.get() == (1 if combination == "111" else 0)  # noqa: SLF001
    expected = {"110": ["report_missing"], "100": ["no_evidence"], "010": ["unmetered"]}
    assert await office.exceptions() == expected.get(combination, [])


async def test_match_counts_each_call_once_and_forgets_after_an_hour(office: Office) -> None:
    """Round after round; a process that begins anew looks back over the hour."""
    await call(office, held=True, access=True, callback=True)
    await office.make_older(600)
    running = matcher(office)
    for _ in range(3):
        assert (await running.round())["111"] == 1
    assert (await matcher(office).round())["111"] == 1
    await office.make_older(3_600)
    assert (await matcher(office).round())["111"] == 0


async def test_call_that_just_closed_is_counted_when_its_witnesses_had_time(office: Office) -> None:
    """Envoy's entry may come seconds after the report: not a missing one."""
    await call(office, held=True, access=False, callback=True)
    assert (await matcher(office).round())["101"] == 0


async def test_unmetered_requests_are_one_exception_a_client_route_and_day(office: Office) -> None:
    """0 1 0: a flood of them does not bury everything else; two processes say it once."""
    for _ in range(5):
        await office.envoy(str(uuid.uuid4()), age_s=LONG_S / 6, client="librechat", route="chat")
    await office.envoy(str(uuid.uuid4()), age_s=LONG_S / 6, client="script", route="chat")
    for _ in range(2):
        assert (await matcher(office).round())["010"] == 6
    rows = await office.pool.fetch("SELECT subject FROM exception ORDER BY subject")
    subjects = [row["subject"].rpartition(":")[0] for row in rows]
    assert subjects == ["librechat:chat", "script:chat"]


@pytest.mark.parametrize(
    "entry",
    [
        {"upstream": False, "code": 503},  # never sent
        {"code": 404},  # LiteLLM answered with an error
        {"stage": "progress"},  # going on
        {"age_s": 60.0},  # its report may still come
    ],
)
async def test_request_that_used_nothing_is_not_unmetered(office: Office, entry: dict) -> None:  # type: ignore[type-arg]
    """An exception that means nothing is one that nobody reads."""
    await office.envoy(str(uuid.uuid4()), **{"age_s": LONG_S / 6} | entry)
    assert (await matcher(office).round())["010"] == 0
    assert await office.exceptions() == []


async def test_report_without_a_token_that_envoy_never_saw_raises_an_alarm(office: Office) -> None:
    """0 0 1: signed by our callback, and not by authz: once an hour, however many."""
    for _ in range(2):
        hold_id = str(uuid.uuid4())
        await office.report(end(hold_id, None), cost(hold_id, None))
    await office.make_older(600)
    for _ in range(2):
        assert (await matcher(office, expects_access=False).round())["001"] == 2
    assert await office.alarms() == ["unproven"]
    assert await office.exceptions() == ["unproven", "unproven"]


async def test_access_log_that_misses_calls_raises_an_alarm_from_one_in_a_thousand(
    office: Office,
) -> None:
    """protocol.md 6, 1 0 1; with few calls one that is missing means nothing."""
    account_id = await office.books.account(CREDIT)
    await office.pool.execute(MANY_CALLS, account_id, CALLS_FLOOR - 1, 2)
    await matcher(office).round()
    assert await office.alarms() == []
    await office.pool.execute(MANY_CALLS, account_id, 1, 0)
    await matcher(office, expects_access=False).round()
    assert await office.alarms() == []
    await matcher(office).round()
    await matcher(office).round()
    assert await office.alarms() == ["access_log_incomplete"]


async def test_access_log_that_is_silent_while_calls_end_raises_an_alarm(office: Office) -> None:
    """A minute without any entry; then a callback that fails would not be found either."""
    for _ in range(3):
        await call(office, held=True, access=False, callback=True)
    await office.make_older(60)
    await matcher(office).round()
    assert await office.alarms() == ["access_log_silent"]
    await office.pool.execute("ALTER TABLE alarm DISABLE TRIGGER append_only")
    await office.pool.execute("DELETE FROM alarm")
    await office.envoy(str(uuid.uuid4()))
    await matcher(office).round()
    assert await office.alarms() == []


async def test_statements_of_the_match_are_all_prepared_by_postgres(pool: asyncpg.Pool) -> None:
    """Every statement fits the schema, also those that no test happens to run."""
    names = [name for name in match.STATEMENTS.available_queries if not name.endswith("_cursor")]
    assert len(names) >= 4
    async with pool.acquire() as connection:
        for name in names:
            await connection.prepare(getattr(match.STATEMENTS, name).sql)


async def test_slices_of_the_match_leave_no_gap_and_never_overlap(pool: asyncpg.Pool) -> None:
    """An hour is caught up minute by minute; what is too new waits."""
    now = await pool.fetchval("SELECT now()")
    slices, found = match.Slices(timedelta(seconds=30)), []
    while (one := slices.next(now)) is not None:
        found.append(one)
        slices.at = one[1]
    assert found[0][0] == now - match.HOUR
    assert found[-1][1] == now - timedelta(seconds=30)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))
    assert max(until - after for after, until in found) <= match.SLICE


# Reported calls that closed ten minutes ago, all but some of them seen by Envoy.
MANY_CALLS = """
    WITH made AS (
        INSERT INTO hold (id, account_id, client_id, route, model, granted, want, target, minimum,
                          account_version, placed_by)
        SELECT gen_random_uuid(), $1, 'librechat', 'chat', 'gpt-4o', 0, 0, 0, 0, 0, 'authz'
        FROM generate_series(1, $2) RETURNING id),
    closed AS (
        INSERT INTO hold_close (hold_id, outcome, reason, granted, captured, overage, closed_at)
        SELECT id, 'captured', 'reported', 0, 0, 0, now() - interval '10 minutes' FROM made),
    told AS (
        INSERT INTO call_record (id, hold_id, kind, body, at)
        SELECT md5(id::text), id, 'end', '{}', now() FROM made)
    INSERT INTO call_record (id, hold_id, kind, body, at)
    SELECT md5(id::text || 'a'), id, 'access', '{"stage": "end", "upstream": true}', now()
    FROM made OFFSET $3"""
