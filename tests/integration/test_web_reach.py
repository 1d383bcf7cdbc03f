"""Who sees what on the pages for administrators, what people wrote in them, what spreadsheets get."""

import csv
import io
from typing import Any

import httpx
import pytest

from accounting.web.session import SESSION_COOKIE
from protos.pedagio.v1 import plans_pb2 as plans
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration import request_scene
from tests.integration.admin_service import USD, Service
from tests.integration.web_office import SITE, Browser, browser, pages_of

PAGES = (
    "/mode", "/mode/enforce", "/requests", "/plans", "/teams", "/exceptions", "/audit", "/models",
    "/purchases", "/usage",
)  # fmt: skip
SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|'/c calc'!A1"


async def two_teams(admin: Service) -> None:
    """Maria in TI, Caio in RH."""
    await admin.create_client()
    for name, pool in (("maria", "TI"), ("caio", "RH")):
        await request_scene.person(admin, name, f"{name}@example.com")
        await request_scene.a_team(admin, name, pool=pool)


@pytest.mark.parametrize("role", ["viewer", "support", "treasurer", "operator"])
async def test_every_page_of_an_empty_installation_says_what_to_do(
    admin: Service, role: str
) -> None:
    """Nobody who reads everything is turned away, and no page is blank."""
    async with browser(admin, role) as page:
        for path in PAGES:
            html = await page.get(path)
            assert '<main id="main"' in html
            if role == "viewer":
                assert 'method="post" action="/sign-out"' in html
                assert html.count('method="post"') == 1, path


async def test_team_lead_sees_one_team_and_learns_of_no_other(admin: Service) -> None:
    """Foreign names are not found, whether they are there or not; nor may a form reach them."""
    await two_teams(admin)
    async with browser(admin, "team_lead") as page:
        html = await page.get("/teams")
        assert "/teams/TI" in html
        assert "RH" not in html
        assert 'href="/audit"' not in html
        html = await page.get("/teams/TI")
        assert "Maria Silva" in html
        assert "Give credit" not in html
        below = ("", "/statement", "/statement.csv")
        for foreign in ("RH", "nowhere", "%00"):
            answers = [await page.http.get(f"/teams/{foreign}{each}") for each in below]
            assert [each.status_code for each in answers] == [404, 404, 404]
            assert "caio" not in answers[0].text
        cap = {"person": "chat/caio", "period": "day", "limit": "US$1", "reason": "x"}
        await page.send("/teams/RH/caps", 404, **cap)
        await page.get("/teams/TI")
        await page.send("/teams/TI/caps", 404, **cap)
        await page.send("/teams/TI/credit", 403, amount="US$5", source="goodwill", reason="x")
        for closed in ("/audit", "/exceptions", "/purchases", "/usage", "/audit.csv"):
            assert (await page.http.get(closed)).status_code == 403
    found = await admin.ask("GetPool", plans.GetPoolRequest(name="RH"), stub=PlanServiceStub)
    assert not found.caps


async def test_approver_sees_requests_of_own_people_only(admin: Service) -> None:
    """And what is not theirs to answer is not found."""
    await two_teams(admin)
    mine = await request_scene.submit(admin, 5 * USD, "r1", why="for the report")
    other = request_scene.asking(5 * USD, "r2", why="secret of RH")
    other.account.external_id = "caio"
    foreign = await request_scene.ask(admin, "SubmitRequest", other)
    async with browser(admin, "approver") as page:
        html = await page.get("/requests")
        assert "for the report" in html
        assert "secret of RH" not in html
        assert "secret of RH" not in (await page.http.get("/requests.csv")).text
        for verb in ("approve", "deny"):
            answer = await page.send(f"/requests/{foreign.id}/{verb}", 404, reason="x")
            nothing = await page.send("/requests/99/approve", 404, reason="x")
            assert "secret of RH" not in answer + nothing
        await page.send(f"/requests/{mine.id}/approve", reason="needed")


@pytest.mark.parametrize(
    "path", ["/requests/0/approve", f"/requests/{2**63}/deny", "/requests/x/deny"]
)
async def test_numbers_that_are_none_are_refused(admin: Service, path: str) -> None:
    """As a form that cannot be used, not as our failure."""
    async with browser(admin, "treasurer") as page:
        await page.send(path, 422, reason="x")


async def test_forms_without_their_token_do_nothing(admin: Service) -> None:
    """Of each page, as from another site."""
    await two_teams(admin)
    paths = (
        "/mode", "/mode/enforce", "/requests/1/approve", "/requests/1/deny", "/plans", "/teams",
        "/teams/TI/members", "/teams/TI/members/remove", "/teams/TI/caps", "/teams/TI/caps/clear",
        "/teams/TI/credit", "/teams/TI/plan", "/exceptions/1/resolve", "/models/sync",
        "/models/price", "/models/price/end", "/purchases", "/requests/proposals/1/confirm",
        "/requests/proposals/1/deny",
    )  # fmt: skip
    before = len(await admin.audit())
    async with browser(admin, "operator") as page:
        for path in paths:
            assert (await page.http.post(path, data={"reason": "x"})).status_code == 403, path
    assert len(await admin.audit()) == before + 2  # the browser's own administrator and token


async def scripts(admin: Service) -> None:
    """Names, reasons, words of people, all of them a script."""
    await admin.create_client()
    account = await admin.open_account("maria")
    await admin.pool.execute(request_scene.LABEL, account.id, SCRIPT, "maria@example.com")
    await request_scene.a_team(admin, "maria")
    await request_scene.submit(admin, 5 * USD, "r", why=SCRIPT)
    gift = plans.GiveCreditRequest(
        holder=plans.Holder(pool="TI"), amount_nanos=USD, request_id="g", reason=SCRIPT
    )
    await admin.ask("GiveCredit", gift, stub=PlanServiceStub)
    statement = "INSERT INTO exception (kind, subject, detail) VALUES ('unmetered', $1, $2)"
    await admin.pool.execute(statement, SCRIPT, {SCRIPT: SCRIPT})
    await admin.pool.execute("INSERT INTO alarm (kind, subject) VALUES ('x', $1)", SCRIPT)


async def test_what_people_wrote_is_text_on_every_page(admin: Service) -> None:
    """Also what a filter in the address said, and what a form is shown again with."""
    await scripts(admin)
    async with browser(admin, "operator") as page:
        for path in (*PAGES, "/teams/TI", "/teams/TI/statement", f"/audit?actor={SCRIPT}",
                     f"/usage?team={SCRIPT}", f"/exceptions?kind={SCRIPT}", f"/models?model={SCRIPT}",
                     f"/requests?done={SCRIPT}"):  # fmt: skip
            html = (await page.http.get(path)).text
            assert SCRIPT not in html, path
        await page.get("/plans")
        html = await page.send("/plans", 422, name=SCRIPT, reason=SCRIPT)
        assert SCRIPT not in html
        assert "&lt;script&gt;" in html


async def test_exports_hold_no_formulas(admin: Service) -> None:
    """A text that a spreadsheet would calculate is text there."""
    await admin.create_client()
    account = await admin.open_account("maria")
    await admin.pool.execute(request_scene.LABEL, account.id, FORMULA, "maria@example.com")
    await request_scene.a_team(admin, "maria")
    await request_scene.submit(admin, 5 * USD, "r", why=FORMULA)
    gift = plans.GiveCreditRequest(
        holder=plans.Holder(pool="TI"), amount_nanos=USD, request_id="g", reason=FORMULA
    )
    await admin.ask("GiveCredit", gift, stub=PlanServiceStub)
    async with browser(admin, "treasurer") as page:
        bought = {
            "price": "US$5", "supplier": FORMULA, "reference": "+1", "buyer": "@x",
            "bought": "2026-11-02", "reason": "-1",
        }  # fmt: skip
        await page.get("/purchases")
        await page.send("/purchases", **bought)
        expected = {
            "/requests.csv": {"name", "why"},
            "/teams/TI/statement.csv": {"reason"},
            "/purchases.csv": {"supplier", "reference", "buyer", "reason"},
            "/audit.csv": set(),
        }
        for path, columns in expected.items():
            rows = await table(page, path)
            assert rows
            for row in rows:
                assert not [v for v in row.values() if v[:1] in {"=", "+", "@", "\t"}], path
                marked = {name for name, value in row.items() if value.startswith("'")}
                assert marked >= columns, path


async def table(page: Browser, path: str) -> list[dict[str, Any]]:
    """A CSV file that is downloaded, row by row."""
    answer = await page.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_audit_is_filtered_and_paged(admin: Service) -> None:
    """A page ends where the next one begins; a day that is none is said beside its field."""
    async with browser(admin, "operator", email="olga@example.com") as page:
        for number in range(60):
            await page.send("/teams", name=f"T{number}", reason=f"no {number}")
        first = await page.get("/audit?action=create_pool&actor=olga@example.com")
        assert first.count("no ") == 50
        older = first.split('class="button second" href="')[1].split('"')[0].replace("&amp;", "&")
        second = await page.get(older)
        assert second.count("<td data-label") // 4 == 10
        assert "no 59" in first
        assert "no 0" in second
        assert "No line like this" in await page.get("/audit?action=nothing")
        assert "A day as 2026-11-27" in await page.get("/audit?since=yesterday", 422)
        rows = await table(page, "/audit.csv?action=create_pool")
        assert len(rows) == 60


@pytest.mark.parametrize("value", ["é", "a\x01b", '"a\\012b"', '""', '" "', "x" * 3_000])
async def test_cookie_that_is_no_token_leads_to_the_sign_in_page(
    admin: Service, value: str
) -> None:
    """Whoever sends one makes nothing of ours fail."""
    async with pages_of(admin) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {b"cookie": f"{SESSION_COOKIE}={value}".encode("latin-1")}
        async with httpx.AsyncClient(transport=transport, base_url=SITE) as stranger:
            answer = await stranger.get("/people", headers=headers)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/sign-in?next=%2Fpeople"
