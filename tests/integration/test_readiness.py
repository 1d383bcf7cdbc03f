"""Readiness for enforcement, with the shadow report before it: on the real ledger, at the command line."""

import uuid
from typing import Any

from credit import ledger
from tests.books import a_place, a_record, an_event
from tests.integration.admin_service import USD, Service
from tests.integration.doors import open_for_business
from tests.integration.test_admin_cli import in_json, pedagio
from tests.unit.test_cli_commands import COMMANDS


async def shadowed(admin: Service) -> list[int]:
    """A ledger in shadow with Maria, who has two dollars, and Joao, who has a hundred; their accounts."""
    await open_for_business(admin.pool, mode="shadow")
    await admin.create_client("chat")
    made = []
    for person, dollars in (("maria", 2), ("joao", 100)):
        await pedagio(
            admin, "account", "open", "chat", person, "--email", f"{person}@example.com",
            "--reason", "pilot",
        )  # fmt: skip
        await admin.grant(dollars * USD, person)
        made.append((await in_json(admin, "balance", "chat", person))["id"])
    return made


async def ask(admin: Service, account_id: int, nanos: int, cost: int) -> str:
    """A call in shadow: decided, passed all the same, and told of by both witnesses."""
    place = a_place(account_id, nanos, shadow=True)
    answers = await ledger.place_batch(admin.pool, [place], 2100)
    records = [a_record(place.hold_id, account_id), a_record(place.hold_id, account_id, "end")]
    await ledger.capture_batch(admin.pool, records, [an_event(place.hold_id, cost)], 2100)
    await admin.pool.execute(
        "INSERT INTO call_record (id, hold_id, kind, body, at) VALUES ($1, $2, 'access', $3, now())",
        uuid.uuid4().hex, place.hold_id, {"stage": "end"},
    )  # fmt: skip
    end = {"hold_id": place.hold_id, "outcome": "captured", "reason": "reported", "estimate": 0}
    await ledger.close_batch(admin.pool, [end | {"records_seen": 3}])
    return answers[place.hold_id].result


async def test_shadow_report_of_an_unused_ledger_is_a_sentence(admin: Service) -> None:
    """Nothing to count is said."""
    shown = (await pedagio(admin, "shadow", "report")).stdout
    assert shown == "no request was seen in the last 7 days\n"


async def test_shadow_report_counts_what_enforcement_would_have_saved(admin: Service) -> None:
    """The would-be refused call cost three dollars; the call that was placed does not count as saved."""
    maria, joao = await shadowed(admin)
    assert await ask(admin, joao, USD, USD // 2) == "placed"
    assert await ask(admin, maria, 5 * USD, 3 * USD) == "refused"
    found = await in_json(admin, "shadow", "report")
    assert (found["requests"], found["would_refuse"], found["people_refused"]) == (2, 1, 1)
    assert found["saved_nanos"] == 3 * USD
    assert [each["reason"] for each in found["reasons"]] == ["insufficient_credit"]
    first = found["persons"][0]
    assert (first["email"], first["saved_nanos"]) == ("maria@example.com", 3 * USD)
    shown = (await pedagio(admin, "shadow", "report", "--days", "1")).stdout
    assert "US$3.00" in shown
    assert "maria@example.com" in shown


async def test_shadow_report_counts_people_who_ended_nearly_out_as_near_misses(
    admin: Service,
) -> None:
    """Less than a fifth is left of what was granted; nothing was refused."""
    maria, _ = await shadowed(admin)
    assert await ask(admin, maria, USD, USD + USD * 7 // 10) == "placed"
    found = await in_json(admin, "shadow", "report")
    assert (found["would_refuse"], found["near_misses"]) == (0, 1)


async def lines(admin: Service, *words: str) -> dict[str, Any]:
    """The readiness by line, after an attempt that must fail."""
    refused = await pedagio(admin, "mode", "enforce", "--reason", "go", *words, code=1)
    assert "pedagio: not ready: " in refused.stderr
    return {"stdout": refused.stdout, "stderr": refused.stderr}


async def test_mode_enforce_is_refused_until_what_blocks_is_mended(admin: Service) -> None:
    """Maria would be refused: the report names her, and the command that gives her credit."""
    maria, joao = await shadowed(admin)
    await ask(admin, joao, USD, USD // 2)
    await ask(admin, maria, 5 * USD, USD)
    said = await lines(admin)
    assert said["stderr"].startswith("pedagio: not ready: people; nothing was changed")
    assert "chat / maria" in said["stdout"]
    assert "pedagio grant chat maria AMOUNT" in said["stdout"]
    assert (await in_json(admin, "mode"))["mode"] == "shadow"
    await admin.grant(10 * USD, "maria")
    done = await pedagio(admin, "mode", "enforce", "--reason", "go")
    assert done.stdout.endswith("mode enforce\n")
    assert admin.published[-1] == "mode"


async def test_mode_enforce_by_force_leaves_the_readiness_in_the_audit(admin: Service) -> None:
    """Who did it all the same, and what was known then."""
    maria, _ = await shadowed(admin)
    await ask(admin, maria, 5 * USD, USD)
    await pedagio(admin, "mode", "enforce", "--reason", "now", "--force")
    actor, action, subject, detail = (await admin.audit())[-1]
    assert (actor, action, subject, detail["forced"]) == ("ana", "set_mode", "enforce", True)
    assert [line["name"] for line in detail["readiness"] if not line["ready"]] == ["people"]


async def test_each_line_that_is_not_ready_names_a_command_that_exists(admin: Service) -> None:
    """A model without price, a path without meter, a missing witness, nobody's e-mail."""
    maria, _ = await shadowed(admin)
    await ask(admin, maria, 5 * USD, USD)
    await admin.pool.execute(
        "INSERT INTO decision (hold_id, client_id, kind, reason, model)"
        " VALUES (gen_random_uuid(), 'chat', 'would_refuse', 'model_unpriced', 'gpt-none')"
    )
    await admin.pool.execute(
        "INSERT INTO exception (kind, subject) VALUES ('unmetered', 'chat:/v1/images:2026-11-27')"
    )
    await admin.pool.execute("UPDATE account_label SET email = NULL")
    shown = (await lines(admin))["stdout"]
    for text in ("gpt-none", "chat:/v1/images:2026-11-27", "1 person without e-mail"):
        assert text in shown
    for command in ("models sync", "exceptions resolve", "grant", "alarms"):
        assert command in COMMANDS


async def test_cohort_enforces_while_the_ledger_stays_in_shadow(admin: Service) -> None:
    """The members of a pool go first; nobody else is refused."""
    maria, joao = await shadowed(admin)
    await ask(admin, joao, USD, USD)
    pool_id = await admin.pool.fetchval(
        "INSERT INTO account (kind, name) VALUES ('pool', 'TI') RETURNING id"
    )
    await admin.pool.execute(
        "INSERT INTO pool_member (account_id, pool_id) VALUES ($1, $2)", maria, pool_id
    )
    words = ("mode", "enforce", "--cohort", "team=TI", "--reason", "TI first")
    shown = (await pedagio(admin, *words)).stdout
    assert shown.endswith("mode shadow; team=TI enforces: 1 accounts changed\n")
    assert (await in_json(admin, "balance", "chat", "maria"))["mode_override"] == "enforce"
    assert (await in_json(admin, "balance", "chat", "joao"))["mode_override"] == ""
    assert (await admin.audit())[-1][1:3] == ("enforce_cohort", "team=TI")
    for account_id in (maria, joao):
        assert await ask(admin, account_id, 500 * USD, USD) == "refused"
    kinds = await admin.pool.fetch("SELECT account_id, kind FROM decision")
    assert {row["account_id"]: row["kind"] for row in kinds} == {
        maria: "refuse", joao: "would_refuse",
    }  # fmt: skip


async def test_cohort_is_watched_again_when_the_mode_goes_back_to_shadow(admin: Service) -> None:
    """Before and after everybody else enforces: one command takes all of it back."""
    account = (await admin.open_account()).id if await admin.create_client() else 0
    override = "SELECT mode_override FROM account WHERE id = $1"
    for everybody in (False, True):
        await admin.pool.execute(
            "UPDATE account SET mode_override = 'enforce' WHERE id = $1", account
        )
        if everybody:
            await pedagio(admin, "mode", "enforce", "--force", "--reason", "all")
        await pedagio(admin, "mode", "set", "shadow", "--reason", "back")
        assert await admin.pool.fetchval(override, account) is None
        released = (await admin.audit())[-1][3]["released"]
        assert released == (0 if everybody else 1)


async def test_cohort_that_nobody_knows_is_said(admin: Service) -> None:
    """Neither a pool nor a person: nothing is changed."""
    words = ("mode", "enforce", "--reason", "go", "--cohort")
    assert "has no members" in (await pedagio(admin, *words, "team=XY", code=1)).stderr
    assert "cohort must be" in (await pedagio(admin, *words, "XY", code=1)).stderr
