"""One plan, one pool, a pool's statement at the command line."""

from credit import ledger
from tests.books import a_record, an_event
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio, prepare

WHO = ("chat", "maria")
WHY = ("--reason", "r")


async def test_plan_is_shown_with_its_terms(admin: Service) -> None:
    """Everything that `plan put` takes; an unknown one is said with the command that lists them."""
    put = await in_json(
        admin, "plan", "put", "team", "--allowance", "US$20", "--rollover", "capped",
        "--rollover-cap", "US$5", "--priority", "7", "--shadow", *WHY,
    )  # fmt: skip
    assert await in_json(admin, "plan", "show", "team") == put
    shown = (await pedagio(admin, "plan", "show", "team")).stdout
    for text in ("US$20.00 each month", "up to US$5.00", "the part that is left", "shadow", "7"):
        assert text in shown
    result = await pedagio(admin, "plan", "show", "nope", code=1)
    assert "there is no plan 'nope': `pedagio plan list` shows them" in result.stderr


async def test_plan_keeps_the_terms_that_are_not_named_again(admin: Service) -> None:
    """Another allowance leaves the rollover alone; another rollover drops the cap that went with it."""
    first = await in_json(
        admin, "plan", "put", "team", "--allowance", "US$20", "--period", "week", "--zone", "UTC",
        "--rollover", "capped", "--rollover-cap", "US$5", "--priority", "7", "--shadow",
        "--whole-first-period", *WHY,
    )  # fmt: skip
    raised = await in_json(admin, "plan", "put", "team", "--allowance", "US$30", *WHY)
    assert raised == {**first, "allowance_nanos": 30 * USD}
    other = await in_json(
        admin, "plan", "put", "team", "--rollover", "all", "--no-shadow", "--part-of-first-period",
        *WHY,
    )  # fmt: skip
    assert (other["rollover"], other["allowance_nanos"]) == ("all", 30 * USD)
    terms = ("shadow", "whole_first_period", "rollover_cap_nanos")
    assert not any(other[term] for term in terms)
    result = await pedagio(admin, "plan", "put", "new", *WHY, code=1)
    assert "allowance" in result.stderr


async def test_member_keeps_what_is_not_named_again(admin: Service) -> None:
    """Another place among her pools does not turn whose credit goes first."""
    await prepare(admin)
    await in_json(admin, "pool", "create", "TI", *WHY)
    for options, wanted in (
        ((), (1, False)),
        (("--pool-first",), (1, True)),
        (("--position", "3"), (3, True)),
        (("--own-first",), (3, False)),
    ):
        await in_json(admin, "pool", "add", "TI", *WHO, *options, *WHY)
        (member,) = (await in_json(admin, "pool", "show", "TI"))["members"]
        assert (member["position"], member["pool_first"]) == wanted
    result = await pedagio(admin, "pool", "add", "XY", *WHO, *WHY, code=1)
    assert "there is no pool 'XY'" in result.stderr


async def test_pool_of_nobody_with_nothing_says_so(admin: Service) -> None:
    """Empty states are sentences, with the command for the next step."""
    await in_json(admin, "pool", "create", "TI", *WHY)
    shown = (await pedagio(admin, "pool", "show", "TI")).stdout
    for text in ("pool TI", "no credit", "no members yet: `pedagio pool add`", "no caps on draws"):
        assert text in shown
    assert "no transfers yet" in (await pedagio(admin, "statement", "--pool", "TI")).stdout
    result = await pedagio(admin, "pool", "show", "XY", code=1)
    assert "there is no pool 'XY'" in result.stderr


async def test_pool_is_shown_with_its_members_and_their_draws(admin: Service) -> None:
    """Spent and held are out of this pool alone; the statement says whose call each debit was."""
    maria = int((await prepare(admin))["id"])
    await admin.open_account("joao")
    for name, dollars in (("TI", 50), ("RH", 20)):
        await in_json(admin, "pool", "create", name, *WHY)
        await in_json(admin, "grants", "give", f"US${dollars}", "--pool", name, *WHY)
    await in_json(admin, "pool", "add", "TI", *WHO, "--pool-first", "--position", "2", *WHY)
    await in_json(admin, "pool", "add", "TI", "chat", "joao", *WHY)
    await in_json(admin, "pool", "add", "RH", *WHO, "--pool-first", "--position", "3", *WHY)
    await in_json(admin, "cap", "set", "day", "US$30", *WHO, "--pool", "TI", *WHY)
    await in_json(admin, "cap", "set", "day", "US$29", *WHO, *WHY)
    pool_id = await admin.pool.fetchval("SELECT id FROM account WHERE name = 'TI'")
    ended = await admin.place(maria, 4 * USD)
    events = [an_event(ended, 3 * USD)]
    await ledger.capture_batch(admin.pool, [a_record(ended, pool_id)], events, 2100)
    await admin.place(maria, 5 * USD)
    found = await in_json(admin, "pool", "show", "TI")
    assert (found["pool"]["posted_nanos"], found["pool"]["members"]) == (47 * USD, 2)
    assert [grant["remaining_nanos"] for grant in found["credit"]["grants"]] == [47 * USD]
    assert [cap["limit_nanos"] for cap in found["caps"]] == [30 * USD]
    first, second = found["members"]
    assert (first["account"]["external_id"], first["position"], first["pool_first"]) == (
        "maria", 2, True,
    )  # fmt: skip
    # A dollar of the ended call is held until it closes.
    assert (first["spent_nanos"], first["held_nanos"]) == (3 * USD, 6 * USD)
    assert (second["account"]["external_id"], second["spent_nanos"]) == ("joao", 0)
    assert (await in_json(admin, "pool", "show", "RH"))["members"][0]["spent_nanos"] == 0
    shown = (await pedagio(admin, "pool", "show", "TI")).stdout
    for text in ("chat / maria", "before own credit", "US$47.00", "maria, out of TI"):
        assert text in shown
    told = await in_json(admin, "statement", "--pool", "TI")
    assert [
        (each["entry"]["kind"], each["entry"]["amount_nanos"], each["person"]["external_id"])
        for each in told["entries"]
    ] == [("charge", -3 * USD, "maria"), ("grant", 50 * USD, "")]
    assert "chat / maria" in (await pedagio(admin, "statement", "--pool", "TI")).stdout


async def test_statement_of_a_pool_has_pages(admin: Service) -> None:
    """A token of one pool is none of another's."""
    await prepare(admin)
    for name in ("TI", "RH"):
        await in_json(admin, "pool", "create", name, *WHY)
    for dollars in (1, 2, 3):
        await in_json(admin, "grants", "give", f"US${dollars}", "--pool", "TI", *WHY)
    page = await in_json(admin, "statement", "--pool", "TI", "--page-size", "2")
    token = page["next_page_token"]
    rest = await in_json(admin, "statement", "--pool", "TI", "--page-token", token)
    whole = await in_json(admin, "statement", "--pool", "TI", "--all")
    assert page["entries"] + rest["entries"] == whole["entries"]
    assert [each["entry"]["amount_nanos"] for each in whole["entries"]] == [3 * USD, 2 * USD, USD]
    result = await pedagio(admin, "statement", "--pool", "RH", "--page-token", token, code=1)
    assert "page_token" in result.stderr
    both = await pedagio(admin, "statement", "chat", "maria", "--pool", "TI", code=1)
    assert "CLIENT and USER, or --pool NAME" in both.stderr
