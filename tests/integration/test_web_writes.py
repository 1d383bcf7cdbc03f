"""Forms of the pages for administrators: what they do, once; what they say where they do not."""

import asyncio

import asyncpg
import pytest

from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import plans_pb2 as plans
from protos.pedagio.v1 import purchases_pb2 as purchases
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.purchases_pb2_grpc import PurchaseServiceStub
from tests.integration import request_scene
from tests.integration.admin_service import USD, Service, serve
from tests.integration.admins import add
from tests.integration.rules_scene import Team
from tests.integration.test_usage import spend
from tests.integration.web_office import browser, opened, pages_of

TERMS = {"allowance": "US$20", "period": "month", "rollover": "none", "reason": "budget"}


async def team_credit(admin: Service, name: str = "TI") -> int:
    """What the pool has."""
    request = plans.GetPoolRequest(name=name)
    found = await admin.ask("GetPool", request, stub=PlanServiceStub)
    return int(found.pool.posted_nanos)


async def test_mode_is_switched_with_a_reason_and_back(admin: Service) -> None:
    """The audit names who did it; the page shows what holds now."""
    async with browser(admin, "operator", email="olga@example.com") as page:
        assert "Shadow" in await page.get("/mode")
        html = await page.send("/mode", 422, mode="off", reason=" ")
        assert "Please fill this in." in html
        assert (await admin.ask("GetMode", pb.GetModeRequest())).mode == "shadow"
        assert await page.send("/mode", mode="off", reason="finance asked") == "/mode?done=mode"
        assert "Nothing is held or refused" in await page.get("/mode?done=mode")
        await page.send("/mode", mode="shadow", reason="and back")
    assert [(who, what) for who, what, *_ in await admin.audit()][-2:] == [
        ("olga@example.com", "set_mode"),
        ("olga@example.com", "set_mode"),
    ]


async def test_enforcing_takes_readiness_or_a_tick(admin: Service) -> None:
    """What blocks is shown with its command; the plain switch does not go around the report."""
    async with browser(admin, "operator") as page:
        html = await page.get("/mode/enforce")
        assert "no call was seen yet" in html
        assert "pedagio mode set shadow --reason watch" in html
        html = await page.send("/mode/enforce", 409, days="7", reason="the pilot is over")
        assert "Tick the box to enforce all the same." in html
        assert 'value="the pilot is over"' in html
        assert (await admin.ask("GetMode", pb.GetModeRequest())).mode == "shadow"
        await page.send("/mode", 422, mode="enforce", reason="around the report")
        assert (await admin.ask("GetMode", pb.GetModeRequest())).mode == "shadow"
        await page.get("/mode/enforce")
        await page.send("/mode/enforce", days="7", reason="the pilot is over", force="yes")
        assert (await admin.ask("GetMode", pb.GetModeRequest())).mode == "enforce"


async def test_request_is_approved_with_less_and_another_denied(admin: Service) -> None:
    """Two clicks at once are one grant; the person reads why it was denied."""
    bia, _ = await request_scene.office(admin)
    asked = await request_scene.submit(admin, 5 * USD)
    async with pages_of(admin) as app, opened(app, bia) as page:
        assert "Requests for credit: 1" in await page.get("/")
        html = await page.get("/requests")
        assert "report for Friday" in html
        html = await page.send(f"/requests/{asked.id}/approve", 422, amount="2", reason="so far")
        assert "Write an amount with its unit" in html
        assert 'value="so far"' in html
        where = await asyncio.gather(
            *(
                page.send(f"/requests/{asked.id}/approve", amount="US$2", reason="so far")
                for _ in range(4)
            )
        )
        assert set(where) == {"/requests?done=approved"}
        assert [amount for amount, *_ in await request_scene.grants(admin)] == [2 * USD]
        other = await request_scene.submit(admin, 5 * USD, "s")
        await page.get("/requests")
        await page.send(f"/requests/{other.id}/deny", reason="ask again on Monday")
        html = await page.get("/requests?done=denied")
    assert "ask again on Monday" in html
    assert "Nobody waits for an answer" in html


async def test_request_shows_what_the_person_has_and_spent(admin: Service) -> None:
    """Who decides need not look elsewhere first."""
    await request_scene.office(admin)
    await admin.grant(7 * USD)
    account = await admin.ask("GetBalance", request_scene.MARIA)
    await spend(Team(admin.pool), account.id, 4 * USD)
    await request_scene.submit(admin)
    async with browser(admin, "treasurer") as page:
        html = await page.get("/requests")
    assert "<dt>Has left</dt><dd>US$3.00</dd>" in html
    assert "<dt>Spent this month</dt><dd>US$4.00</dd>" in html


async def test_request_decided_meanwhile_is_said(admin: Service) -> None:
    """The second answer changes nothing, and the page says who was first."""
    bia, rui = await request_scene.office(admin)
    asked = await request_scene.submit(admin)
    async with pages_of(admin) as app, opened(app, rui) as page:
        await page.get("/requests")
        await request_scene.ask(admin, "DenyRequest", request_scene.denial(asked.id), bia)
        html = await page.send(f"/requests/{asked.id}/approve", 409, amount="", reason="needed")
        assert "denied" in html
    assert await request_scene.grants(admin) == []


async def test_gift_beyond_the_amount_waits_and_is_confirmed_by_another(pool: asyncpg.Pool) -> None:
    """It is said as such, twice sent is one proposal, nobody confirms their own."""
    async with serve(pool, four_eyes_above=10 * USD) as admin:
        await request_scene.office(admin)
        olga = await add(admin, "olga@example.com", "treasurer")
        async with pages_of(admin) as app, opened(app, olga) as page:
            await page.get("/teams/TI")
            gift = {"amount": "US$400", "source": "goodwill", "reason": "campaign"}
            for _ in range(2):
                html = await page.send("/teams/TI/credit", 202, **gift)
                assert "This waits for a second pair of eyes." in html
            assert (await page.get("/requests")).count("Take back") == 1
            await page.send("/requests/proposals/1/confirm", 409, reason="me too")
        vera = await add(admin, "vera@example.com", "treasurer")
        async with pages_of(admin) as app, opened(app, vera) as page:
            html = await page.get("/requests")
            assert "US$400.00" in html
            assert "campaign" in html
            await page.send("/requests/proposals/1/confirm", reason="agreed")
        assert await team_credit(admin) == 400 * USD


async def test_plan_is_made_changed_and_not_overwritten(admin: Service) -> None:
    """A new plan never changes one that is there; a wrong field is named and the rest kept."""
    async with browser(admin, "treasurer") as page:
        html = await page.send("/plans", 422, name="Team A", **TERMS)
        assert "lower-case letters" in html
        assert 'value="Team A"' in html
        assert await page.send("/plans", name="team", **TERMS) == "/plans/team?done=made"
        html = await page.send("/plans", 422, name="team", **(TERMS | {"allowance": "US$90"}))
        assert "There is a plan of this name already" in html
        await page.get("/plans/team")
        html = await page.send("/plans/team", 422, **(TERMS | {"rollover": "capped"}))
        assert "Please fill this in." in html
        capped = {"rollover": "capped", "rollover_cap": "US$5", "whole_first_period": "yes"}
        await page.send("/plans/team", **(TERMS | capped))
    request = plans.GetPlanRequest(id="team")
    found = await admin.ask("GetPlan", request, stub=PlanServiceStub)
    assert (found.allowance_nanos, found.rollover_cap_nanos) == (20 * USD, 5 * USD)
    assert (found.whole_first_period, found.time_zone) == (True, "America/Sao_Paulo")


async def test_team_is_made_filled_and_given_credit_once(admin: Service) -> None:
    """Members by e-mail, caps, and a gift whose form is sent five times."""
    await admin.create_client()
    await request_scene.person(admin)
    async with browser(admin, "treasurer") as page:
        html = await page.send("/teams", 422, name="no good/name", reason="new")
        assert "letters, digits, dots" in html
        assert await page.send("/teams", name="TI", reason="new") == "/teams/TI?done=made"
        await page.get("/teams/TI")
        html = await page.send("/teams/TI/members", 422, person="maria", reason="joined")
        assert "Write an e-mail, or APPLICATION/PERSON." in html
        await page.send("/teams/TI/members", person="maria@example.com", reason="joined")
        gift = {"amount": "US$20", "source": "goodwill", "reason": "start"}
        await page.get("/teams/TI")
        await asyncio.gather(*(page.send("/teams/TI/credit", **gift) for _ in range(5)))
        assert await team_credit(admin) == 20 * USD
        cap = {"person": "chat/maria", "period": "day", "limit": "US$5", "reason": "policy"}
        await page.send("/teams/TI/caps", **cap)
        html = await page.get("/teams/TI?done=cap")
        assert "US$5.00" in html
        await page.send("/teams/TI/caps/clear", person="chat/maria", period="day", reason="over")
        await page.send("/teams/TI/members/remove", person="chat/maria", reason="left")
        assert "No members yet" in await page.get("/teams/TI")


@pytest.mark.parametrize(
    ("price", "worth", "wrong"),
    [
        ("2750", "US$500", "Write what was paid"),
        ("R$ 2.750,005", "US$500", "Write what was paid"),
        ("50000cr", "US$500", "Write what was paid"),
        ("R$ 2.750,00", "", "what was paid is in reais"),
        ("R$ 2.750,00", "R$ 500", "Reais have no rate here"),
    ],
)
async def test_purchase_in_reais_says_what_it_is_worth(
    admin: Service, price: str, worth: str, wrong: str
) -> None:
    """Next to the field, and the other fields as they were; then it is recorded once."""
    bought = {
        "supplier": "OpenAI", "reference": "A7", "buyer": "bia", "bought": "2026-11-02",
        "reason": "prepaid",
    }  # fmt: skip
    async with browser(admin, "treasurer") as page:
        await page.get("/purchases")
        html = await page.send("/purchases", 422, price=price, worth=worth, **bought)
        assert wrong in html
        assert 'value="OpenAI"' in html
        good = {"price": "R$ 2.750,00", "worth": "US$500"} | bought
        await asyncio.gather(*(page.send("/purchases", **good) for _ in range(3)))
    answer = await admin.ask(
        "ListPurchases", purchases.ListPurchasesRequest(), stub=PurchaseServiceStub
    )
    (found,) = answer.purchases
    assert (found.amount_cents, found.currency) == (275_000, "BRL")
    assert found.worth_nanos == 500 * USD


async def test_exception_is_resolved_with_a_note(admin: Service) -> None:
    """It leaves the list; who looks for it later sees who said what."""
    made = "INSERT INTO exception (kind, subject) VALUES ('price_mismatch', 'x') RETURNING id"
    number = await admin.pool.fetchval(made)
    async with browser(admin, "support", email="sue@example.com") as page:
        assert "more than 1 % off the price book" in await page.get("/exceptions")
        await page.send(f"/exceptions/{number}/resolve", 422, reason="")
        await page.send(f"/exceptions/{number}/resolve", reason="new price entered")
        assert "Nothing to look at" in await page.get("/exceptions")
        html = await page.send(f"/exceptions/{number}/resolve", 409, reason="once more")
        assert "resolved already" in html
        html = await page.get("/exceptions?all=yes")
    assert "new price entered" in html
    assert "sue@example.com" in html
