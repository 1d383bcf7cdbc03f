"""Coming in by a browser: passwords, invitations, delays after wrong ones, sessions that end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from accounting.admin.sign_in import FREE, LONGEST_S, delay_s
from accounting.web.sign_in_pages import own_path
from protos.pedagio.v1 import admins_pb2, plans_pb2, sign_in_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.sign_in_pb2_grpc import SignInServiceStub
from tests.integration.admin_service import Service
from tests.integration.admins import add, ask
from tests.integration.web_scene import PASSWORD, Browser, Pages, pages

ANA, BIA = "ana@example.com", "bia@example.com"


@pytest.fixture
async def web(admin: Service) -> AsyncIterator[Pages]:
    """The pages."""
    async with pages(admin) as made:
        yield made


async def actions(web: Pages) -> list[str]:
    """What the audit log says of signing in."""
    known = ("sign_in", "sign_out", "set_password", "invite_admin", "sign_in_failures")
    return [action for _, action, _, _ in await web.admin.audit() if action in known]


def cookie(browser: Browser) -> str:
    """The session that the browser has."""
    return browser.client.cookies.get("pedagio_session") or ""


async def test_without_a_session_every_page_leads_to_sign_in_and_back(web: Pages) -> None:
    """The address that was asked for comes back, with its query."""
    browser = web.browser()
    for path in ("/", "/people", "/people/one?email=a%40b.example", "/people/import", "/password"):
        answer = await browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=%2F")
    part = await browser.client.get("/people?search=a", headers={"hx-request": "true"})
    assert part.headers["hx-redirect"] == "/sign-in?next=%2Fpeople%3Fsearch%3Da"
    shown = await browser.get("/sign-in?next=/people/one?email=a%40b.example")
    assert 'name="next" value="/people/one?email=a@b.example"' in shown.text


async def test_invitation_sets_a_password_once_and_the_password_signs_in(web: Pages) -> None:
    """The address works once; the session cookie is kept from scripts and other sites."""
    await add(web.admin, ANA, "viewer")
    code = await web.invite(ANA)
    browser = web.browser()
    assert ANA in (await browser.get(f"/sign-in/{code}")).text
    short = await browser.send(f"/sign-in/{code}", {"password": "short", "again": "short"})
    assert (short.status_code, "At least 12" in short.text) == (422, True)
    fields = {"password": PASSWORD, "again": PASSWORD}
    answer = await browser.send(f"/sign-in/{code}", fields)
    assert answer.status_code == 303
    kept = next(each for each in answer.headers.get_list("set-cookie") if "_session" in each)
    assert all(word in kept for word in ("HttpOnly", "Secure", "SameSite=strict"))
    assert (await browser.get("/")).status_code == 200
    assert (await web.browser().get(f"/sign-in/{code}")).status_code == 404
    other = web.browser()
    assert (await other.sign_in(ANA.upper(), next="/people")).headers["location"] == "/people"
    assert (await other.get("/people")).status_code == 200
    assert await actions(web) == ["invite_admin", "set_password", "sign_in", "sign_in"]


async def test_newer_invitation_ends_the_older_one(web: Pages) -> None:
    """A code that went astray is taken back by asking for another."""
    await add(web.admin, ANA, "viewer")
    first, second = await web.invite(ANA), await web.invite(ANA)
    assert (await web.browser().get(f"/sign-in/{first}")).status_code == 404
    assert (await web.browser().get(f"/sign-in/{second}")).status_code == 200
    await web.admin.pool.execute("UPDATE admin_invite SET expires_at = now()")
    assert (await web.browser().get(f"/sign-in/{second}")).status_code == 404


async def test_signing_in_again_replaces_the_session_and_signing_out_ends_it(web: Pages) -> None:
    """What somebody copied from the browser before opens nothing afterwards."""
    browser = await web.signed(ANA, "viewer")
    old = cookie(browser)
    await browser.sign_in(ANA)
    new = cookie(browser)
    assert new != old
    copied = web.browser()
    copied.client.cookies.set("pedagio_session", old)
    assert (await copied.get("/")).status_code == 303
    answer = await browser.send("/sign-out", {}, page="/password")
    assert answer.headers["location"] == "/sign-in"
    copied.client.cookies.set("pedagio_session", new)
    assert (await copied.get("/")).status_code == 303
    assert "sign_out" in await actions(web)


@pytest.mark.parametrize("how", ["removed", "changed", "invited"])
async def test_session_ends_with_its_administrator_and_with_a_new_password(
    web: Pages, how: str
) -> None:
    """At once, also in other browsers."""
    await web.signed(ANA, "viewer")
    elsewhere, here = web.browser(), web.browser()
    for browser in (elsewhere, here):
        await browser.sign_in(ANA)
    if how == "removed":
        await ask(web.admin, "RemoveAdmin", admins_pb2.RemoveAdminRequest(email=ANA, reason="left"))
    else:
        new = {"password": "another long one", "again": "another long one"}
        wrong = await here.send("/password", {"current": "not this one", **new})
        assert wrong.status_code == 422
        assert (await elsewhere.get("/")).status_code == 200
        if how == "changed":
            assert (await here.send("/password", {"current": PASSWORD, **new})).status_code == 303
            assert (await here.get("/")).status_code == 200
        else:
            code = await web.invite(ANA)
            assert (await web.browser().send(f"/sign-in/{code}", new)).status_code == 303
        assert (await web.browser().sign_in(ANA)).status_code == 422
    assert (await elsewhere.get("/")).status_code == 303


async def test_wrong_passwords_are_answered_alike_and_delayed(web: Pages) -> None:
    """Known or not; the delay counts on each replica, and a right password meanwhile does not pass it."""
    await web.signed(ANA, "viewer")
    answers: dict[str, list[tuple[int, bool]]] = {}
    for email in (ANA, "nobody@example.com"):
        browser = web.browser()
        answers[email] = []
        for _ in range(FREE["email"] + 2):
            answer = await browser.sign_in(email, "wrong password!")
            answers[email].append((answer.status_code, "is wrong" in answer.text))
    free = FREE["email"] + 1
    assert answers[ANA] == answers["nobody@example.com"] == [(422, True)] * free + [(429, False)]
    async with pages(web.admin) as replica:
        assert (await replica.browser("10.0.0.9").sign_in(ANA)).status_code == 429
    await web.admin.pool.execute("UPDATE sign_in_delay SET until = now()")
    assert (await web.browser().sign_in(ANA)).status_code == 303
    assert (await actions(web)).count("sign_in_failures") == 2
    written = str(await web.admin.audit())
    assert "nobody@example.com" not in written


async def test_nobody_is_kept_out_by_somebody_else_who_guesses(web: Pages) -> None:
    """A browser in which the person was before is counted by itself; an invitation opens another way."""
    known = await web.signed(ANA, "viewer")
    for _ in range(3):
        await web.admin.pool.execute("UPDATE sign_in_delay SET until = now()")
        for _ in range(FREE["email"] + 2):
            await web.browser().sign_in(ANA, "wrong password!")
    assert (await web.browser().sign_in(ANA)).status_code == 429
    known.client.cookies.delete("pedagio_session")
    assert (await known.sign_in(ANA)).status_code == 303
    forged = web.browser()
    forged.client.cookies.set("pedagio_device", f"nonce.{'0' * 64}")
    assert (await forged.sign_in(ANA)).status_code == 429
    code = await web.invite(ANA)
    fields = {"password": PASSWORD, "again": PASSWORD}
    assert (await web.browser().send(f"/sign-in/{code}", fields)).status_code == 303


def test_delays_grow_to_a_quarter_of_an_hour_and_no_further() -> None:
    """Slips of the keyboard wait for nothing; an office shares an address."""
    for kind, free in FREE.items():
        grown = [delay_s(kind, n) for n in range(1, free + 40)]
        assert grown[:free] == [0] * free
        assert grown == sorted(grown)
        assert grown[free] == 2
        assert grown[-1] == LONGEST_S


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/a\r\nx: y",
        "",
        "people",
        "/\t/x",
    ],
)
def test_next_leads_to_no_other_site(path: str) -> None:
    """Whoever sends a link to the sign-in page chooses a page of ours, or none."""
    assert own_path(path) == "/"


async def test_inviter_confirms_nothing_of_their_own_with_that_password(admin: Service) -> None:
    """Until it is changed, somebody else may know it: four eyes take the session for the inviter's."""
    async with pages(admin) as web:
        inviter = await add(admin, BIA, "operator")
        await add(admin, ANA, "treasurer")
        request = sign_in_pb2.InviteAdminRequest(email=ANA, reason="test")
        code = (await admin.ask("InviteAdmin", request, token=inviter, stub=SignInServiceStub)).code
        browser = web.browser()
        fields = {"password": PASSWORD, "again": PASSWORD}
        await browser.send(f"/sign-in/{code}", fields)
        issued = (
            "SELECT t.issued_by = i.id FROM admin_token AS t, admin AS i"
            " WHERE t.session AND t.revoked_at IS NULL AND i.email = $1"
        )
        assert await admin.pool.fetchval(issued, BIA) is True
        new = {"password": "another long one", "again": "another long one"}
        await browser.send("/password", {"current": PASSWORD, **new})
        assert await admin.pool.fetchval(issued, ANA) is True
        assert await admin.ask("ListPlans", plans_pb2.ListPlansRequest(), stub=PlanServiceStub,
                               token=cookie(browser))  # fmt: skip


async def test_guesses_at_once_are_counted_one_by_one(web: Pages) -> None:
    """Also over several replicas: no more are looked at than one after the other."""
    await web.signed(ANA, "viewer")
    async with pages(web.admin) as replica:
        browsers = [each.browser() for each in (web, replica) for _ in range(6)]
        tries = [browser.sign_in(ANA, "wrong password!") for browser in browsers]
        answers = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert sorted(set(answers)) == [422, 429]
    assert answers.count(422) == FREE["email"] + 1


async def test_address_that_guesses_at_many_is_slowed_and_no_other(web: Pages) -> None:
    """One password tried on everybody."""
    for number in range(FREE["peer"] + 1):
        answer = await web.browser("10.9.9.9").sign_in(f"a{number}@example.com", "wrong password!")
        assert answer.status_code == 422
    assert (await web.browser("10.9.9.9").sign_in("b@example.com")).status_code == 429
    assert (await web.browser("10.9.9.8").sign_in("b@example.com")).status_code == 422


async def test_right_password_takes_back_what_it_was_counted_as(web: Pages) -> None:
    """An office that signs in each morning from one address is never slow."""
    await web.signed(ANA, "viewer")
    for _ in range(FREE["peer"] + 2):
        assert (await web.browser("10.9.9.9").sign_in(ANA)).status_code == 303
    left = await web.admin.pool.fetch("SELECT failures FROM sign_in_delay")
    assert [row["failures"] for row in left] == [0]
