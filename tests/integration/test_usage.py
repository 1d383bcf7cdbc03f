"""What was used, asked by time, person, team, client and model: the sums are the ledger's."""

import csv
import io
import time
from typing import Any

import pytest

from credit import ledger
from protos.pedagio.v1 import usage_pb2 as pb
from protos.pedagio.v1.usage_pb2_grpc import UsageServiceStub
from tests.books import a_place, a_record, an_event
from tests.integration.admin_service import Service
from tests.integration.rules_scene import Team
from tests.integration.test_admin_cli import in_json, pedagio

USD = 10**9
LABEL = "INSERT INTO account_label (account_id, email) VALUES ($1, $2)"
DAY_MS = 86_400_000


async def spend(team: Team, account: int, nanos: int, model: str = "gpt-4o") -> str:
    """One call of a model that costs so much."""
    one = a_place(account, nanos)
    await ledger.place_batch(team.pool, [one], 2100)
    event = an_event(one.hold_id, nanos, usage={"prompt_tokens": 10, "completion_tokens": 4})
    await team.report([a_record(one.hold_id, account)], [event | {"model": model}])
    await team.close(one.hold_id)
    return one.hold_id


@pytest.fixture
async def spent(team: Team) -> dict[str, int]:
    """Ana and Rui spent of their own, Rui of a pool too, and one call was estimated."""
    ana, rui = await team.account(0, "ana"), await team.account(0, "rui")
    for account, nanos in ((ana, 9 * USD), (rui, 2 * USD)):
        await team.give(account, nanos)
    await team.pool.execute(LABEL, ana, "ana@example.com")
    await spend(team, ana, 3 * USD)
    await spend(team, rui, 2 * USD)
    pool_id = await team.open_pool("TI", 10 * USD, [rui])
    await spend(team, rui, 5 * USD)
    hold_id, _ = await team.place(ana, USD)
    await team.close(hold_id, "settled", "aborted", USD // 2)
    return {"ana": ana, "rui": rui, "pool": pool_id}


async def ask(admin: Service, by: str, **fields: Any) -> pb.QueryUsageResponse:
    """The last day's usage."""
    now_ms = int(time.time() * 1000)
    given = {"from_ms": now_ms - DAY_MS, "to_ms": now_ms + DAY_MS, **fields}
    request = pb.QueryUsageRequest(by=by, **given)
    answer: pb.QueryUsageResponse = await admin.ask("QueryUsage", request, stub=UsageServiceStub)
    return answer


async def test_usage_by_anything_sums_to_what_was_debited(
    admin: Service, team: Team, spent: dict[str, int]
) -> None:
    """Whatever it is grouped by, the total is what the accounts lost, to the nano."""
    debited = await team.pool.fetchval(
        "SELECT sum(CASE kind WHEN 'reversal' THEN -amount ELSE amount END)::bigint FROM transfer"
        " WHERE kind IN ('charge', 'estimate', 'reversal')"
    )
    assert debited == 21 * USD // 2
    for by in ("hour", "day", "month", "person", "team", "client", "model"):
        found = await ask(admin, by)
        assert found.total.cost_nanos == sum(row.cost_nanos for row in found.rows) == debited
        assert (found.total.calls, found.total.estimated_nanos) == (4, USD // 2)
        assert (found.total.prompt_tokens, found.total.completion_tokens) == (30, 12)
    people = await ask(admin, "person")
    assert [(row.key, row.account_id, row.cost_nanos) for row in people.rows] == [
        ("rui", spent["rui"], 7 * USD),
        ("ana@example.com", spent["ana"], 7 * USD // 2),
    ]
    teams = await ask(admin, "team")
    assert [(row.key, row.account_id, row.cost_nanos) for row in teams.rows] == [
        ("", 0, 11 * USD // 2),
        ("TI", spent["pool"], 5 * USD),
    ]


async def test_estimate_that_was_replaced_counts_once(admin: Service, team: Team) -> None:
    """The actual figure takes its place, and is no estimate any more."""
    account = await team.account(0, "ana")
    await team.give(account, 9 * USD)
    hold_id, _ = await team.place(account, USD)
    await team.close(hold_id, "settled", "aborted", USD)
    await team.report([a_record(hold_id, account)], [an_event(hold_id, USD // 4)])
    total = (await ask(admin, "day")).total
    assert (total.calls, total.cost_nanos, total.estimated_nanos) == (1, USD // 4, 0)


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"person": "ana@EXAMPLE.com"}, 7 * USD // 2),
        ({"person": "rui"}, 7 * USD),
        ({"team": "TI"}, 5 * USD),
        ({"person": "rui", "team": "TI"}, 5 * USD),
        ({"model": "gpt-4o"}, 21 * USD // 2),
        ({"model": "gpt-5"}, 0),
        ({"from_ms": 1, "to_ms": DAY_MS}, 0),
    ],
)
async def test_usage_of_some_is_only_theirs(
    admin: Service, spent: dict[str, int], fields: dict[str, Any], cost: int
) -> None:
    """Filters narrow, and a quiet time is no error."""
    del spent
    assert (await ask(admin, "model", **fields)).total.cost_nanos == cost


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"by": "colour"}, "INVALID_ARGUMENT", "by must be one of"),
        ({"from_ms": 0}, "INVALID_ARGUMENT", "from_ms must be milliseconds"),
        ({"to_ms": 1}, "INVALID_ARGUMENT", "to_ms must be after from_ms"),
        ({"from_ms": 1, "to_ms": 500 * DAY_MS}, "INVALID_ARGUMENT", "from_ms must be within 400 days"),
        ({"time_zone": "Mars/Olympus"}, "INVALID_ARGUMENT", "time_zone is unknown"),
        ({"person": "nobody"}, "NOT_FOUND", "nobody is known as nobody"),
        ({"team": "gone"}, "NOT_FOUND", "there is no pool 'gone'"),
        ({"page_size": -1}, "INVALID_ARGUMENT", "page_size must be"),
    ],
)  # fmt: skip
async def test_question_that_cannot_be_answered_names_its_field(
    admin: Service, fields: dict[str, Any], status: str, sentence: str
) -> None:
    """Nothing is guessed."""
    given = {"by": "day", "from_ms": int(time.time() * 1000) - DAY_MS, **fields}
    found = await admin.refused("QueryUsage", pb.QueryUsageRequest(**given), stub=UsageServiceStub)
    assert found[0] == status
    assert found[1].startswith(sentence)


async def test_usage_command_shows_a_table_json_and_csv(
    admin: Service, team: Team, spent: dict[str, int]
) -> None:
    """For people, programs and spreadsheets; a name that would be calculated there is text."""
    await team.pool.execute(
        "UPDATE account_label SET email = '=cmd()' WHERE account_id = $1", spent["ana"]
    )
    shown = (await pedagio(admin, "usage", "--by", "team")).stdout
    for part in ("TI", "US$5.00", "own credit", "total", "US$10.50"):
        assert part in shown
    found = await in_json(admin, "usage", "--by", "model", "--since", "24h")
    assert found["total"]["calls"] == 4
    text = (await pedagio(admin, "usage", "--by", "person", "--csv")).stdout
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in rows] == ["person", "rui", "'=cmd()"]
    assert "nothing was used" in (await pedagio(admin, "usage", "--model", "none")).stdout
    wrong = await pedagio(admin, "usage", "--since", "yesterday", code=1)
    assert "--since 'yesterday' is no time: write 24h, 7d or 2026-12-01" in wrong.stderr
