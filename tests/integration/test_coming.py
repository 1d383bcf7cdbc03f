"""What comes next, asked of the real ledger for each kind of refusal."""

from credit.coming import coming_fields, read_coming
from credit.ledger import Placed
from credit.refusal import Reason
from credit.wording import Wording
from tests.integration.rules_scene import Team

WORDING = Wording(unit="usd")
USD = 10**9


async def fields_of(team: Team, account: int, placed: Placed) -> dict[str, str]:
    """What the sentence may say."""
    row = await read_coming(team.pool, account, placed.others)
    return coming_fields(Reason(placed.reason or ""), row, WORDING, "en")


async def test_plan_pool_and_cap_are_named_to_whoever_is_refused_by_them(team: Team) -> None:
    """The plan's next allowance, the pool that is empty, the tightest cap of several."""
    await team.add_plan("team", 2 * USD)
    maria = await team.account(0)
    await team.assign(maria, "team")
    _, refused = await team.place(maria, 3 * USD)
    assert await fields_of(team, maria, refused) == {
        "pool": "", "next_amount": "US$2.00", "next_date": "2026-12-01"}  # fmt: skip
    await team.open_pool("TI", USD, [maria])
    _, refused = await team.place(maria, 3 * USD)
    assert (await fields_of(team, maria, refused))["pool"] == "TI"
    await team.set_cap(maria, USD // 2, period="day")
    await team.set_cap(maria, 5 * USD, period="month")
    _, refused = await team.place(maria, USD)
    assert refused.reason == "cap_reached"
    assert await fields_of(team, maria, refused) == {
        "cap": "US$0.50", "period": "today", "next_date": "2026-11-11"}  # fmt: skip
