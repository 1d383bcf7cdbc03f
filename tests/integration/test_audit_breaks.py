"""Each promise broken on purpose in real books: the auditor says which one, and freezes the account."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from accounting.audit.invariants import INVARIANTS
from credit.pool import connect
from tests.integration.audit_scene import Scene, auditor
from tests.integration.conftest import cloned

# (invariant, what the owner of the database does to it): exactly that invariant must be reported.
BREAKS = (
    ("posted", """INSERT INTO transfer (debit_account, credit_account, amount, kind, actor, event_at, tx)
        VALUES ({provider}, {maria}, 5, 'adjustment', 'intruder', now(), '1')"""),
    ("held", "UPDATE hold_open SET amount = amount - 1 WHERE hold_id = '{open}'"),
    ("grants_posted", """WITH g AS (
            INSERT INTO credit_grant (account_id, source, amount, remaining, valid_from, state, open, actor)
            VALUES ({maria}, 'goodwill', 5, 5, now(), 'active', true, 'intruder') RETURNING id)
        INSERT INTO grant_entry (grant_id, kind, amount) SELECT g.id, 'opened', 5 FROM g"""),
    ("grant_remaining", """INSERT INTO grant_entry (grant_id, kind, amount)
        SELECT g.id, 'burn', -1 FROM credit_grant AS g WHERE g.account_id = {maria} LIMIT 1"""),
    ("spared", "INSERT INTO hold_spared (hold_id, grant_id, amount) SELECT '{open}', {ended}, 5"),
    ("due_known", "UPDATE account SET plan_ends_at = now() WHERE id = {maria}"),
    ("advanced", "UPDATE account SET advanced = 5 WHERE id = {maria}"),
    ("requested", """INSERT INTO credit_request (account_id, amount, request_id, submitter, requested_at, expires_at,
            fallback_at, state, granted, grant_id, decided_at)
        VALUES ({maria}, 50, 'r', 'intruder', now(), now(), now(), 'approved', 50, {ended}, now())"""),
    ("cap_posted", "UPDATE cap SET limit_nanos = limit_nanos + 1 WHERE account_id = {cap}"),
    ("newest_history", "UPDATE account SET overdraft = 1000000 WHERE id = {maria}"),
    ("newest_history", "UPDATE account SET version = version + 1 WHERE id = {maria}"),
    ("step_posted", "UPDATE account_history SET posted = posted + 1 WHERE account_id = {maria} AND version = 1"),
    ("step_versions", """UPDATE hold SET granted = granted + 1, want = want + 1, target = target + 1,
        minimum = minimum + 1 WHERE id = '{open}'"""),
    ("step_versions", """UPDATE hold SET account_version = account_version - 1
        WHERE id = (SELECT h.id FROM hold AS h WHERE h.granted = 4000 ORDER BY h.account_version DESC LIMIT 1)"""),
    ("step_versions", "UPDATE hold SET account_version = account_version - 1 WHERE id = '{free}'"),
    ("hold_version", """INSERT INTO hold_close (hold_id, outcome, reason, granted, captured, overage, tx)
        VALUES ('00000000-0000-0000-0000-000000000001', 'released', 'x', 0, 0, 0, '1')""",
     """INSERT INTO hold (id, account_id, client_id, route, model, granted, want, target, minimum,
            account_version, placed_by)
        VALUES ('00000000-0000-0000-0000-000000000001', {maria}, 'librechat', 'chat', 'gpt-4o', 0, 0, 0, 0, 999,
            'authz')"""),
    ("debit_once", "UPDATE usage_event SET cost = cost + 1 WHERE hold_id = '{captured}' AND cost > 0"),
    ("debit_once", "UPDATE usage_event SET cost = 7 WHERE hold_id = '{captured}' AND cost = 0"),
    ("debit_once", "UPDATE usage_event SET cost = 0 WHERE hold_id = '{exceeded}'"),
    ("debit_once", "UPDATE usage_event SET account_id = {provider} WHERE hold_id = '{exceeded}'"),
    ("estimate_once", "UPDATE transfer SET kind = 'adjustment', reverses = NULL WHERE kind = 'reversal'"),
    ("reversal", "UPDATE transfer SET hold_id = '{open}' WHERE kind = 'reversal'"),
    ("transfer_sides", """INSERT INTO transfer (debit_account, credit_account, amount, kind, actor, event_at)
        VALUES (999999, {provider}, 5, 'adjustment', 'intruder', now())"""),
    ("hold_state", "DELETE FROM hold_open WHERE hold_id = '{free}'"),
    ("hold_state", """INSERT INTO hold_open (hold_id, account_id, amount, granted, deadline_at)
        VALUES ('{captured}', {maria}, 0, 0, now() + interval '1 hour')"""),
    ("hold_state", "UPDATE hold_open SET account_id = {provider} WHERE hold_id = '{free}'"),
    ("close_sum", "UPDATE hold_close SET captured = captured - 1 WHERE hold_id = '{captured}'"),
    ("close_sum", "UPDATE hold_close SET captured = captured + 65, overage = 35 WHERE hold_id = '{settled}'"),
    ("overage", "UPDATE hold_close SET overage = 0 WHERE hold_id = '{exceeded}'"),
    ("overage", "UPDATE hold_close SET granted = 0, overage = captured WHERE hold_id = '{captured}'"),
    ("close_reason", "UPDATE hold_close SET reason = ' ' WHERE hold_id = '{captured}'"),
    ("overdue", "UPDATE hold_open SET deadline_at = now() - interval '10 minutes' WHERE hold_id = '{open}'"),
    ("refused_placed", "UPDATE decision SET hold_id = '{captured}' WHERE hold_id = '{refused}'"),
    ("placement", "UPDATE hold SET want = 399, target = 399, minimum = 399 WHERE id = '{open}'"),
    ("placement", "UPDATE hold SET want = 20000, target = 20000, minimum = 20000 WHERE id = '{captured}'"),
    ("refusal", "UPDATE decision SET posted = posted + 1 WHERE hold_id = '{refused}'"),
    ("refusal", "UPDATE decision SET held = held - 1 WHERE hold_id = '{behind}'"),
    ("refusal", "UPDATE decision SET want = 10, target = 10, minimum = 10 WHERE hold_id = '{refused}'"),
    ("refusal", "UPDATE decision SET reason = 'credit_in_flight' WHERE hold_id = '{refused}'"),
    ("refusal", "UPDATE decision SET reason = 'insufficient_credit' WHERE hold_id = '{behind}'"),
    ("refusal", "UPDATE decision SET reason = 'account_suspended' WHERE hold_id = '{refused}'"),
    ("refusal", "UPDATE decision SET reason = 'insufficient_credit' WHERE hold_id = '{open}'"),
    ("refusal", "UPDATE decision SET own_held = own_held + 1 WHERE hold_id = '{open}'"),
    ("guards", "ALTER TABLE transfer DISABLE TRIGGER append_only"),
    ("guards", "ALTER TABLE transfer DISABLE TRIGGER ALL"),
    ("guards", "DROP TRIGGER history ON account"),
    ("guards", "DROP INDEX transfer_one_charge"),
    ("guards", "ALTER TABLE account DROP CONSTRAINT account_held_check"),
    ("guards", "CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'"),
)  # fmt: skip
# Broken only where rows were sealed before.
SEALED_BREAKS = (
    ("changed row", "UPDATE usage_event SET model = 'cheaper' WHERE hold_id = '{captured}'"),
    ("deleted row", "DELETE FROM usage_event WHERE hold_id = '{captured}' AND cost = 0"),
    ("inserted row", """INSERT INTO audit (actor, action, subject, tx)
        SELECT 'ana', 'grant', '{maria}', s.from_tx FROM seal AS s WHERE s.number = 1"""),
    ("changed time", "UPDATE hold_close SET closed_at = closed_at - interval '1 day' WHERE hold_id = '{settled}'"),
    ("changed parts", """UPDATE seal SET parts = jsonb_set(parts, '{{transfer,rows}}', '99') WHERE number = 1"""),
    ("changed digest", "UPDATE seal SET digest = repeat('0', 64) WHERE number = 1"),
    ("changed range", "UPDATE seal SET to_tx = (to_tx::text::bigint + 1)::text::xid8 WHERE number = 1"),
    ("changed sealing time", "UPDATE seal SET sealed_at = sealed_at - interval '1 second' WHERE number = 1"),
    ("deleted chain", "DELETE FROM seal"),
)  # fmt: skip


# The freeze is a new version, so the account is what its history says; the step to it is not one change then.
AFTER_THE_FREEZE = {"newest_history": "step_versions"}


@pytest.fixture(scope="module")
def template(postgres_url: str) -> Iterator[tuple[str, dict[str, object]]]:
    """A database with the scene in it, made once, and the scene's ids."""
    with cloned(postgres_url) as url:

        async def set_up() -> dict[str, object]:
            async with await connect(url) as pool:
                return (await Scene(pool).set_up()).ids

        yield url, asyncio.run(set_up())


@pytest.fixture
async def scene(template: tuple[str, dict[str, object]]) -> AsyncIterator[Scene]:
    """A scene of this test's own."""
    url, ids = template
    with cloned(url) as own_url:
        async with await connect(own_url) as pool:
            found = Scene(pool)
            found.ids = ids
            yield found


async def reported(scene: Scene, *, recent: bool) -> set[str]:
    """The invariants that a run finds broken."""
    run = auditor(scene.pool).run_recent if recent else auditor(scene.pool).run_everything
    report = await run()
    assert report is not None
    return {violation.invariant for violation in report.violations}


async def test_books_with_a_call_of_each_kind_keep_every_promise(scene: Scene) -> None:
    """Without a break there is no violation, and every promise had something to look at."""
    await scene.books.check()
    report = await auditor(scene.pool).run_everything()
    assert report.violations == []
    assert [name for name, finding in report.findings.items() if not finding.checked] == []
    assert list(report.findings) == list(INVARIANTS)


def test_breaks_of_every_invariant_are_there() -> None:
    """An invariant that no test can break may as well be missing."""
    assert {name for name, *_ in BREAKS} | {"seal"} == set(INVARIANTS)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: f"{broken[0]}: {broken[1][:60]}")
async def test_break_of_a_promise_is_found_and_freezes(
    scene: Scene, broken: tuple[str, ...]
) -> None:
    """By the minute's run, and by the run over everything; where it is about an account, that is frozen."""
    name, *statements = broken
    await scene.break_books(*statements)
    assert await reported(scene, recent=True) == {name}
    about_nobody = {"overdue", "guards", "transfer_sides", "cap_posted"}
    expected = (
        ("active", "audit_violation") if name in about_nobody else ("frozen", "account_frozen")
    )
    assert (await scene.status(), *set(await scene.alarms())) == expected
    # Sealed by now, broken as it is.
    assert await reported(scene, recent=False) == {AFTER_THE_FREEZE.get(name, name)}


@pytest.mark.parametrize("broken", SEALED_BREAKS, ids=lambda broken: broken[0])
async def test_break_of_the_seal_is_found_by_both_runs(
    scene: Scene, broken: tuple[str, str]
) -> None:
    """What was sealed can be changed, removed or added to by nobody, its owner included."""
    assert await reported(scene, recent=True) == set()
    await scene.break_books(broken[1])
    assert await reported(scene, recent=True) == {"seal"}
    assert await reported(scene, recent=False) == {"seal"}
    assert set(await scene.alarms()) == {"audit_violation"}
    assert await scene.status() == "active"
