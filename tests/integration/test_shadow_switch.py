"""A policy that switches to a cheaper model: shadow alters nothing, and says that nobody would have been refused."""

from dataclasses import replace

import pytest

from accounting.reports import recompute, shadow
from credit import ledger
from credit.ledger import Cheaper, Placed
from tests.books import a_place
from tests.integration.rules_scene import Team

CHEAPER = Cheaper("mini", 100, 100, 100)


async def ask(team: Team, account: int, *, shadow: bool) -> tuple[str, Placed]:
    """A call that is too dear, where a cheaper one would do."""
    one = replace(a_place(account, 5_000), cheaper=CHEAPER, shadow=shadow)
    return one.hold_id, (await ledger.place_batch(team.pool, [one], 2100))[one.hold_id]


async def test_shadow_says_that_enforcement_would_have_switched(team: Team) -> None:
    """The same call enforced is placed for the cheaper model; watched, it is counted apart from refusals."""
    watched, enforced = await team.account(1_000, "watched"), await team.account(1_000, "enforced")
    _, placed = await ask(team, enforced, shadow=False)
    assert (placed.result, placed.model) == ("placed", "mini")
    hold_id, would = await ask(team, watched, shadow=True)
    assert (would.result, would.shadow) == ("refused", True)
    found = await shadow.read(team.pool, 7)
    assert [(row["reason"], row["requests"], row["saved"]) for row in found.reasons] == [
        ("cheaper_model", 1, 0)
    ]
    assert (found.would_refuse, found.people_refused) == (0, 0)
    (again,) = await recompute.recompute(team.pool, hold_id)
    assert again.verdict == recompute.AGREES
    await team.check_rules()


@pytest.mark.parametrize("owned", [0, 99])
async def test_shadow_says_refused_where_the_cheaper_one_would_not_do_either(
    team: Team, owned: int
) -> None:
    """Both verdicts are refusals then."""
    watched, enforced = await team.account(owned, "watched"), await team.account(owned, "enforced")
    _, refused = await ask(team, enforced, shadow=False)
    _, would = await ask(team, watched, shadow=True)
    assert (refused.result, would.result) == ("refused", "refused")
    assert (await shadow.read(team.pool, 7)).would_refuse == 1
