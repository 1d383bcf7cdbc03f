"""The pages about people: scope, forms that do things once, files with their slips, what others wrote."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from accounting.web.assembly import ROUTERS
from protos.pedagio.v1 import admin_pb2, people_pb2, plans_pb2
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.integration.admin_service import USD, Service, serve
from tests.integration.web_scene import Browser, Pages, hidden, pages

OPERATOR = "op@example.com"
MARIA = "/people/one?client=chat&user=maria"
FILE = "email,name,plan,credit\n" + "".join(f"p{n}@example.org,P {n},,US$30\n" for n in range(4))
SLIP = FILE + "rich@example.org,Rich,,US$3000\n"


@pytest.fixture
async def web(admin: Service) -> AsyncIterator[Pages]:
    """The pages; Maria draws on TI, João on RH."""
    await admin.create_client()
    for person, team in (("maria", "TI"), ("joao", "RH")):
        await admin.open_account(person)
        account = admin_pb2.AccountName(client="chat", external_id=person)
        for method, request in (
            ("CreatePool", plans_pb2.CreatePoolRequest(name=team, reason="test")),
            ("SetMember", plans_pb2.SetMemberRequest(pool=team, account=account, reason="test")),
        ):
            await admin.ask(method, request, stub=PlanServiceStub)
    async with pages(admin) as made:
        yield made


async def upload(browser: Browser, content: str, **fields: str) -> httpx.Response:
    """Drop a file."""
    files = {"file": ("people.csv", content.encode(), "text/csv")}
    return await browser.send("/people/import", fields, files=files)


async def apply(browser: Browser, shown: str, **fields: str) -> httpx.Response:
    """Press the button of the page that shows the changes."""
    carried = {name: hidden(shown, name) for name in ("content", "request_id", "brl_per_usd")}
    wanted = {**carried, "reason": "Monday", **fields}
    return await browser.send("/people/import/apply", wanted, page="/people/import")


async def people(web: Pages) -> dict[str, int]:
    """E-mails with the credit that waits."""
    request = people_pb2.ListPeopleRequest()
    found = await web.admin.ask("ListPeople", request, stub=PeopleServiceStub)
    return {each.email: each.waiting_nanos for each in found.people}


def posts() -> list[str]:
    """Every address of ours that takes a form."""
    return sorted(
        {
            str(getattr(route, "path", ""))
            .replace("{code}", "x")
            .replace("{batch}", "1")
            .replace("{act}", "grant")
            for router in ROUTERS
            for route in router.routes
            if "POST" in getattr(route, "methods", ())
        }
    )


async def test_each_form_refuses_what_no_page_of_ours_sent(web: Pages) -> None:
    """Also to somebody who is signed in, and before anything is asked."""
    browser = await web.signed(OPERATOR, "operator")
    before = await web.admin.audit()
    assert len(posts()) > 6
    for path in posts():
        answer = await browser.client.post(path, data={"reason": "x", "amount": "US$1"})
        assert answer.status_code == 403, path
    assert await web.admin.audit() == before


async def test_grant_that_is_sent_twice_gives_once(web: Pages) -> None:
    """A double click, and the back button: the page carries the number of the request."""
    browser = await web.signed(OPERATOR, "operator")
    shown = (await browser.get(MARIA)).text
    fields = {"amount": "US$20", "reason": "extra", "request_id": hidden(shown, "request_id")}
    for _ in range(2):
        answer = await browser.send(MARIA.replace("one", "one/grant"), fields, page=MARIA)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{MARIA}&done=grant")
    name = admin_pb2.AccountName(client="chat", external_id="maria")
    assert (await web.admin.ask("GetBalance", name)).posted_nanos == 20 * USD
    after = (await browser.get(f"{MARIA}&done=grant")).text
    assert "Done: the credit is there." in after
    assert "pedagio grants give {amount} chat maria --reason {reason}" in after


@pytest.mark.parametrize("amount", ["20", "R$ 50", "", "US$-1", "x" * 10_000, "20.000cr"])
async def test_amount_that_says_no_unit_gives_nothing(web: Pages, amount: str) -> None:
    """The form stays as it was typed, with a sentence beside the field."""
    browser = await web.signed(OPERATOR, "operator")
    shown = (await browser.get(MARIA)).text
    fields = {"amount": amount, "reason": "kept", "request_id": hidden(shown, "request_id")}
    answer = await browser.send(MARIA.replace("one", "one/grant"), fields, page=MARIA)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="kept"' in answer.text
    assert await web.admin.pool.fetchval("SELECT count(*) FROM credit_grant") == 0


async def test_gift_beyond_four_eyes_is_said_to_wait(web: Pages) -> None:
    """Not a failure, and nothing given."""
    async with serve(web.admin.pool, four_eyes_above=10 * USD) as strict, pages(strict) as second:
        browser = await second.signed(OPERATOR, "operator")
        shown = (await browser.get(MARIA)).text
        fields = {"amount": "US$20", "reason": "x", "request_id": hidden(shown, "request_id")}
        answer = await browser.send(MARIA.replace("one", "one/grant"), fields, page=MARIA)
        assert answer.status_code == 202
        assert "waits for a second pair of eyes" in answer.text
        assert await web.admin.pool.fetchval("SELECT count(*) FROM credit_grant") == 0


async def test_team_lead_sees_their_people_and_nobody_else(web: Pages) -> None:
    """Others are not there: the same answer as for who does not exist."""
    lead = await web.signed("lead@example.com", "team_lead")
    listed = (await lead.get("/people")).text
    assert "maria" in listed
    assert "joao" not in listed
    page = await lead.get(MARIA)
    assert page.status_code == 200
    assert "Grant credit" not in page.text
    for other in ("joao", "nobody"):
        for path in ("/people/one", "/people/one.csv"):
            answer = await lead.get(f"{path}?client=chat&user={other}")
            assert answer.status_code == 404, path
    overview = (await lead.get("/")).text
    assert "Your teams" in overview
    assert "Spent today" not in overview


@pytest.mark.parametrize(
    ("role", "shown", "hidden_ones"),
    [
        ("viewer", [], ["one/grant", "one/plan", "one/suspend", "one/settings"]),
        ("support", ["one/suspend", "one/settings"], ["one/grant", "one/plan"]),
        ("treasurer", ["one/grant", "one/plan"], ["one/suspend"]),
        ("approver", ["one/grant"], ["one/plan", "one/suspend"]),
    ],
)
async def test_page_shows_the_forms_of_ones_roles_and_the_service_decides(
    web: Pages, role: str, shown: list[str], hidden_ones: list[str]
) -> None:
    """A form that is not shown is refused when it is sent all the same."""
    browser = await web.signed("ana@example.com", role)
    text = (await browser.get(MARIA)).text
    assert [form for form in shown + hidden_ones if form in text] == shown
    for form in hidden_ones:
        fields = {"amount": "US$1", "reason": "x", "request_id": "r", "plan": ""}
        answer = await browser.send(MARIA.replace("one", form), fields, page="/password")
        assert answer.status_code == 403, form


@pytest.mark.parametrize("path", ["/people/one", "/people/one.csv", "/people/imports/77"])
@pytest.mark.parametrize("query", ["", "?client=chat&user=nobody", "?email=x%40y.example",
                                   "?client=%00&user=%27", "?client=nowhere&user=maria"])  # fmt: skip
async def test_what_does_not_exist_is_not_found(web: Pages, path: str, query: str) -> None:
    """404 with a page, whatever was made up."""
    browser = await web.signed(OPERATOR, "operator")
    answer = await browser.get(f"{path}{query}")
    assert answer.status_code in {404, 422}
    assert "<html" in answer.text


async def test_what_somebody_calls_themselves_is_text(web: Pages) -> None:
    """In a page no markup, in a spreadsheet no formula."""
    evil = "<script>alert(1)</script>"
    request = admin_pb2.OpenAccountRequest(
        name=admin_pb2.AccountName(client="chat", external_id="eve"), display_name=evil,
        reason="test",
    )  # fmt: skip
    await web.admin.ask("OpenAccount", request)
    await web.admin.grant(USD, "eve", reason='=HYPERLINK("http://evil.example")')
    browser = await web.signed(OPERATOR, "operator")
    text = (await browser.get("/people/one?client=chat&user=eve")).text
    assert evil not in text
    assert "&lt;script&gt;" in text
    file = await browser.get("/people/one.csv?client=chat&user=eve")
    assert "attachment" in file.headers["content-disposition"]
    assert "'=HYPERLINK" in file.text
    assert not re.search(r"(^|,)\"?[=+@]", file.text.partition("\n")[2])


async def test_file_shows_its_changes_then_makes_them_once_and_is_undone(web: Pages) -> None:
    """Looking writes nothing; the page that was looked at is what is done."""
    browser = await web.signed(OPERATOR, "operator")
    shown = await upload(browser, FILE)
    assert shown.status_code == 200
    assert "US$120.00" in shown.text
    assert await people(web) == {}
    for _ in range(2):
        assert (await apply(browser, shown.text)).status_code == 303
    assert await people(web) == {f"p{n}@example.org": 30 * USD for n in range(4)}
    batch = await web.admin.pool.fetchval("SELECT max(id) FROM import_batch")
    assert (await browser.get(f"/people/imports/{batch}")).text.count("Undo it") == 1
    answer = await browser.send(f"/people/imports/{batch}", {"reason": "the wrong file"})
    assert answer.status_code == 303
    assert await people(web) == {}


async def test_credit_far_above_the_others_stands_out_and_takes_a_tick(web: Pages) -> None:
    """3.000 for 30 is a slip more often than a decision."""
    browser = await web.signed(OPERATOR, "operator")
    shown = (await upload(browser, SLIP)).text
    assert "100 times the usual" in shown
    assert "look at this twice" in shown
    refused = await apply(browser, shown)
    assert refused.status_code == 422
    assert await people(web) == {}
    assert (await apply(browser, shown, force="yes")).status_code == 303
    assert (await people(web))["rich@example.org"] == 3000 * USD


async def test_file_with_mistakes_names_each_line(web: Pages) -> None:
    """All of them at once, as a list; nothing is done."""
    browser = await web.signed(OPERATOR, "operator")
    answer = await upload(browser, "email,credit\nno-address,US$1\na@example.org,30\n")
    assert answer.status_code == 422
    assert "<li>line 2, email" in answer.text
    assert "<li>line 3, credit" in answer.text
    assert "Choose a CSV file first." in (await upload(browser, "")).text


async def test_list_is_searched_by_name_and_e_mail(web: Pages) -> None:
    """Whatever the case; a pattern is only text."""
    browser = await web.signed(OPERATOR, "operator")
    await apply(browser, (await upload(browser, FILE)).text)
    for search, expected in (("P3@EXAMPLE", 1), ("p 2", 1), ("example.org", 4), ("%", 0), ("_", 0)):
        page = await browser.client.get("/people", params={"search": search})
        assert page.text.count("@example.org</small>") == expected, search


async def test_erasing_takes_the_address_of_whom_it_is_about(web: Pages) -> None:
    """One more look before what cannot be undone."""
    browser = await web.signed(OPERATOR, "operator")
    await apply(browser, (await upload(browser, FILE)).text)
    page = "/people/one?email=p1%40example.org"
    fields = {"whose": "p1@example.org", "reason": "LGPD 12", "sure": "p2@example.org"}
    act = page.replace("one", "one/erase", 1)
    assert (await browser.send(act, fields, page=page)).status_code == 422
    assert "p1@example.org" in await people(web)
    answer = await browser.send(act, fields | {"sure": "P1@example.org"}, page=page)
    assert answer.status_code == 303
    assert "p1@example.org" not in await people(web)


HOSTILE = (
    "\x00",
    "' OR 1=1 --",
    "{reason}",
    "%s",
    "\u202e",
    "a" * 5000,
    "../../etc",
    "{{7*7}}",
    "\r\nx: y",
    "é@ß.ÿ",
)


async def test_address_made_up_by_anybody_fails_on_nothing(web: Pages) -> None:
    """A page that says what is wrong, never an error of ours; nothing comes back as markup."""
    browser = await web.signed(OPERATOR, "operator")
    for value in HOSTILE:
        asked = dict.fromkeys(("search", "team", "state", "page", "done", "email", "next"), value)
        for path in ("/people", "/people/one", "/people/one.csv", "/people/import", "/people/who",
                     "/", "/sign-in", "/password"):  # fmt: skip
            answer = await browser.client.get(path, params=asked)
            assert answer.status_code < 500, (path, value)
            assert "49" not in answer.headers.get("location", "")
        answer = await browser.client.get("/people/one", params={"client": "chat", "user": value})
        assert answer.status_code in {404, 422}, value
        answer = await browser.client.get(f"/sign-in/{quote(value, safe='')}")
        assert answer.status_code < 500, value


async def test_form_filled_in_by_anybody_fails_on_nothing(web: Pages) -> None:
    """A reason of a megabyte, a number that is none: said beside the field, and nothing is done."""
    browser = await web.signed(OPERATOR, "operator")
    before = await web.admin.audit()
    names = ("amount", "valid_until", "grant", "plan", "language", "daily_limit", "client", "user",
             "sure", "request_id")  # fmt: skip
    for value in (*HOSTILE[:3], "x" * 1_000_000):
        for act in ("grant", "take-back", "plan", "settings", "unbind", "erase"):
            fields = dict.fromkeys(names, value[:50]) | {"reason": value}
            answer = await browser.send(MARIA.replace("one", f"one/{act}"), fields, page=MARIA)
            assert 400 <= answer.status_code < 500, (act, value[:9])
    assert await web.admin.audit() == before
