"""What a person sets for themselves: it binds beside the administrators' rules, and never lifts them."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from credit.grant import Sizes
from credit.pool import connect
from protos.pedagio.v1 import settings_pb2 as pb
from protos.pedagio.v1.admin_pb2 import AccountName
from protos.pedagio.v1.settings_pb2_grpc import SettingsServiceStub
from tests.books import Books
from tests.integration.admin_service import USD, Service, serve
from tests.integration.doors import CREDIT, Replica, new_id, refusal_of, until
from tests.integration.rules_scene import Team, place_sizes
from tests.integration.test_admin_cli import in_json, pedagio, prepare
from tests.integration.test_policies import put
from tests.integration.test_rights import OF_ACCOUNTING

WITHIN_S = 1.0  # the promise
WHO = ("chat", "maria")
WHY = ("--reason", "asked by mail")
SET = "SELECT set_settings($1, $2, $3, $4, $5, $6, $7, '{}')"


async def choose(
    team: Team,
    account: int,
    *,
    language: str | None = None,
    pool_id: int | None = None,
    day: int | None = None,
    month: int | None = None,
) -> None:
    """What the service does, for a person of the ledger."""
    await team.pool.execute(SET, account, language, None, pool_id, day, month, str(uuid.uuid4()))


def a_change(**changes: Any) -> pb.SetSettingsRequest:
    """Maria's daily limit of a dollar, but for the changes."""
    wanted: dict[str, Any] = {
        "account": AccountName(client="chat", external_id="maria"),
        "daily_limit_nanos": USD, "reason": "r", "request_id": "a", **changes,
    }  # fmt: skip
    return pb.SetSettingsRequest(**wanted)


@pytest.mark.parametrize(
    ("own", "house", "least"), [(300, None, 300), (300, 500, 300), (500, 300, 300)]
)
async def test_own_limit_and_cap_of_the_administrators_both_bind(
    team: Team, own: int, house: int | None, least: int
) -> None:
    """The smaller of the two, whoever set it; the credit is there."""
    maria = await team.account(10_000)
    await choose(team, maria, day=own)
    if house:
        await team.set_cap(maria, house, period="day")
    hold_id, placed = await team.place(maria, least)
    assert placed.result == "placed"
    _, refused = await team.place(maria, 1)
    assert (refused.result, refused.reason) == ("refused", "credit_in_flight")
    await team.charge(hold_id, maria, least)
    await team.close(hold_id)
    _, refused = await team.place(maria, 1)
    assert (refused.result, refused.reason) == ("refused", "cap_reached")
    await team.check_rules()


async def test_own_limit_taken_away_lifts_nothing_of_the_administrators(team: Team) -> None:
    """And their command does not reach the person's: each takes back its own word only."""
    maria = await team.account(10_000)
    await team.set_cap(maria, 300, period="day")
    await choose(team, maria, day=200)
    await choose(team, maria, day=0)
    _, refused = await team.place(maria, 301)
    assert refused.reason == "cap_reached"
    await choose(team, maria, day=200)
    assert await team.pool.fetchval("SELECT clear_cap($1, NULL, 'day')", maria)
    assert not await team.pool.fetchval("SELECT clear_cap($1, NULL, 'day')", maria)
    _, refused = await team.place(maria, 201)
    assert refused.reason == "cap_reached"
    await choose(team, maria, day=0)
    _, placed = await team.place(maria, 5_000)
    assert placed.result == "placed"
    await team.check_rules()


async def test_own_limit_counts_what_a_pool_pays(team: Team) -> None:
    """A limit on spending, not on the own balance."""
    maria = await team.account(0)
    await team.open_pool("TI", 10_000, [maria])
    await choose(team, maria, month=400)
    assert (await team.place(maria, 401))[1].reason == "cap_reached"
    assert (await team.place(maria, 400))[1].result == "placed"


async def test_team_that_the_person_put_first_pays_while_they_belong_to_it(team: Team) -> None:
    """Before the others, not before the own credit; who has left it draws on it no more."""
    maria = await team.account(100)
    first, second = (
        await team.open_pool("a", 10_000, [maria]),
        await team.open_pool("b", 10_000, [maria]),
    )
    sizes = Sizes(500, 500, 500)
    assert (await place_sizes(team, maria, sizes))[1].payer == first
    await choose(team, maria, pool_id=second)
    assert (await place_sizes(team, maria, sizes))[1].payer == second
    assert (await team.place(maria, 100))[1].payer == maria
    await team.pool.execute("DELETE FROM pool_member WHERE pool_id = $1", second)
    assert (await place_sizes(team, maria, sizes))[1].payer == first
    await choose(team, maria, pool_id=0)
    await team.check_rules()


async def test_settings_are_shown_changed_and_taken_back_at_the_command_line(
    admin: Service,
) -> None:
    """One audit line for each change, none for a dry run."""
    await prepare(admin)
    shown = (await pedagio(admin, "settings", "show", *WHO)).stdout
    assert "pt-BR (the client's)" in shown
    await in_json(admin, "pool", "create", "TI", *WHY)
    await in_json(admin, "pool", "add", "TI", *WHO, *WHY)
    change = ("--language", "en", "--daily-limit", "US$2", "--no-notices", "--first-pool", "TI")
    before = len(await admin.audit())
    dry = await in_json(admin, "settings", "set", *WHO, *change, "--dry-run", *WHY)
    found = {each["path"]: each["after"] for each in dry["differences"]}
    assert (found["language"], found["daily_left_nanos"]) == ("en", str(2 * USD))
    assert len(await admin.audit()) == before
    assert (await in_json(admin, "settings", "show", *WHO))["language"] == ""
    done = await in_json(admin, "settings", "set", *WHO, *change, *WHY)
    assert done == dry["answer"]
    ((actor, action, _, detail),) = (await admin.audit())[before:]
    assert (actor, action) == ("ana", "set_settings")
    assert detail == {
        "reason": "asked by mail", "language": "en", "notices": False, "first_pool": "TI",
        "daily_limit_nanos": 2 * USD,
    }  # fmt: skip
    (cap,) = (await in_json(admin, "cap", "list"))["caps"]
    assert (cap["own"], cap["limit_nanos"]) == (True, 2 * USD)
    assert "by their own setting" in (await pedagio(admin, "cap", "list")).stdout
    result = await pedagio(admin, "cap", "clear", "day", *WHO, *WHY, code=1)
    assert "there is no such cap" in result.stderr
    back = await in_json(
        admin, "settings", "set", *WHO, "--language", "none", "--daily-limit", "none", *WHY
    )
    assert (back["language"], back["daily_limit_nanos"], back["notices"]) == ("", 0, False)


async def test_policy_says_what_people_may_change(admin: Service) -> None:
    """Of the client, and of the plan over it; what is allowed beside it is not half applied."""
    await prepare(admin)
    await put(admin.pool, {"settings": {"own_limits": False}}, "chat")
    status, sentence = await admin.refused(
        "SetSettings", a_change(language="en"), stub=SettingsServiceStub
    )
    assert (status, "daily_limit_nanos" in sentence) == ("INVALID_ARGUMENT", True)
    found = await in_json(admin, "settings", "show", *WHO)
    assert (found["locked"], found["language"]) == (["own_limits"], "")
    await in_json(admin, "plan", "put", "free", "--allowance", "US$1", *WHY)
    await in_json(admin, "plan", "assign", "free", *WHO, *WHY)
    await in_json(admin, "policy", "set", "plan:free", "--set", "settings.own_limits=true", *WHY)
    answer = await admin.ask("SetSettings", a_change(), stub=SettingsServiceStub)
    assert answer.daily_limit_nanos == USD


async def test_same_request_changes_once_and_another_content_is_refused(admin: Service) -> None:
    """A lost answer is asked again, also after a later change: the later one stands."""
    await prepare(admin)
    first = await admin.ask("SetSettings", a_change(), stub=SettingsServiceStub)
    later = a_change(daily_limit_nanos=2 * USD, request_id="b")
    await admin.ask("SetSettings", later, stub=SettingsServiceStub)
    again = await admin.ask("SetSettings", a_change(), stub=SettingsServiceStub)
    assert (first.replayed, again.replayed, again.daily_limit_nanos) == (False, True, 2 * USD)
    status, sentence = await admin.refused(
        "SetSettings", a_change(daily_limit_nanos=3), stub=SettingsServiceStub
    )
    assert (status, "another change" in sentence) == ("FAILED_PRECONDITION", True)
    assert [line[1] for line in await admin.audit()].count("set_settings") == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"language": "fr"}, "language"),
        ({"daily_limit_nanos": -1}, "daily_limit_nanos"),
        ({"monthly_limit_nanos": 2**62}, "monthly_limit_nanos"),
        ({"first_pool": "nope"}, "there is no pool"),
        ({"first_pool": "TI"}, "first_pool"),
        ({"request_id": ""}, "request_id"),
        ({"reason": ""}, "reason"),
        ({"account": AccountName(client="chat")}, "account"),
        ({"account": AccountName(client="chat", external_id="jose")}, "jose has no account"),
    ],
)
async def test_bad_setting_names_the_field_and_changes_nothing(
    admin: Service, changes: dict[str, Any], field: str
) -> None:
    """The good ones beside it neither."""
    await prepare(admin)
    await in_json(admin, "pool", "create", "TI", *WHY)
    before = len(await admin.audit())
    _, sentence = await admin.refused("SetSettings", a_change(**changes), stub=SettingsServiceStub)
    assert field in sentence
    assert len(await admin.audit()) == before
    rows = "SELECT (SELECT count(*) FROM account_setting) + (SELECT count(*) FROM cap)"
    assert await admin.pool.fetchval(rows) == 0


async def test_nothing_to_change_is_said(admin: Service) -> None:
    """An empty request is a mistake."""
    await prepare(admin)
    request = a_change()
    request.ClearField("daily_limit_nanos")
    _, sentence = await admin.refused("SetSettings", request, stub=SettingsServiceStub)
    assert sentence.startswith("settings must name")
    result = await pedagio(admin, "settings", "set", *WHO, *WHY, code=1)
    assert "say what to change" in result.stderr


async def test_accounting_has_the_rights_that_settings_need(database_url: str) -> None:
    """Its own role, not the owner."""
    async with await connect(f"{database_url}?role={OF_ACCOUNTING}") as pool, serve(pool) as admin:
        await prepare(admin)
        for limit in (USD, 0):
            request = a_change(request_id=str(limit), language="en", daily_limit_nanos=limit)
            answer = await admin.ask("SetSettings", request, stub=SettingsServiceStub)
            assert answer.daily_limit_nanos == limit


async def test_language_is_used_by_every_replica_within_a_second(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Without Redis: a refusal for credit, one at the door, the token; and the client's again when taken back."""
    rosa = await books.account(0, "rosa")
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    async with Replica(folders[0], database_url) as one, Replica(folders[1], database_url) as other:
        for number, (language, words) in enumerate(
            (("en", ("Your AI credit", "mystery has no price")), ("", ("Seu crédito", "mystery ainda")))
        ):  # fmt: skip
            await books.pool.execute(SET, rosa, language, None, None, None, None, str(number))
            for authz in (one, other):

                async def there(authz: Replica = authz, said: str = words[0]) -> bool:
                    answer = await authz.ask(new_id(), x_user_id="rosa")
                    return said in answer.denied_response.body

                await until(there, WITHIN_S)
                answer = await authz.ask(new_id(), body={"model": "mystery"}, x_user_id="rosa")
                assert words[1] in answer.denied_response.body
        answer = await one.ask(new_id(), body={"model": "mystery"})
        assert "mystery ainda" in answer.denied_response.body  # Maria has chosen nothing


async def test_replicas_hear_of_languages_only(team: Team) -> None:
    """What they keep in memory is asked for anew when a language changed, not with every limit."""
    maria = await team.account(0)
    versions = []
    for language, day in ((None, 5), ("en", None), (None, 7), ("en", None), ("", None)):
        await choose(team, maria, language=language, day=day)
        versions.append(
            await team.pool.fetchval("SELECT version FROM news WHERE topic = 'languages'")
        )
    first = versions[0]
    assert versions == [first, first + 1, first + 1, first + 1, first + 2]


async def test_refusal_says_that_the_person_chose_the_limit(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Where the administrators' cap is the smaller one, it is theirs."""
    maria = await books.account(CREDIT)
    await books.pool.execute(SET, maria, "en", None, None, 1_000, None, "a")
    async with Replica(tmp_path, database_url) as authz:
        answer = await authz.ask(new_id())
        assert refusal_of(answer)[1] == "cap_reached"
        assert "limit, the daily one that you set yourself" in answer.denied_response.body
        await books.pool.execute(
            "SELECT set_cap($1, NULL, 'month', 'America/Sao_Paulo', 900)", maria
        )
        answer = await authz.ask(new_id())
        assert "set yourself" not in answer.denied_response.body
