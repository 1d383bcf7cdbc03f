"""A person's own page: its address opens for one browser, shows one person, changes nothing by a look."""

import asyncio
import html
import uuid

import pytest

from accounting.addresses import WRONG_A_MINUTE
from protos.pedagio.v1 import admin_pb2, requests_pb2
from tests.integration import request_scene
from tests.integration.admin_service import USD, Service
from tests.integration.person_browser import Browser
from tests.integration.person_scene import address, opened, refused

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def maria(admin: Service) -> int:
    """Somebody with an account, an e-mail and 100 credits."""
    await admin.create_client(language="en")
    account = await request_scene.person(admin)
    await admin.grant(USD)
    return account


async def test_page_opens_by_the_button_for_the_first_browser_alone(
    admin: Service, maria: int
) -> None:
    """A look binds nothing and shows nothing; another browser is told plainly, and not whose it is."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as scanner, Browser(admin) as phone, Browser(admin) as other:
        for _ in range(3):
            assert "Maria" not in (await scanner.get(path)).text
        assert await admin.pool.fetchval("SELECT count(*) FROM address_opening") == 0
        text = await opened(phone, path)
        assert "Hello, Maria Silva" in text
        assert "100 credits" in text
        assert "Maria Silva" in (await phone.get(path)).text
        await other.get(path)
        answer = await other.press(path)
        assert (answer.status_code, "another browser" in answer.text) == (403, True)
        assert "Maria" not in answer.text
        assert "Open my page" in (await other.get(path)).text
        cookie = next(each for each in phone.client.cookies.jar if each.name == "pedagio_browser")
        assert (cookie.path, cookie.secure) == ("/p", True)


async def test_landing_is_the_same_for_right_and_wrong_codes(admin: Service, maria: int) -> None:
    """Nobody learns by looking which codes exist; of a wrong one the button says that it opens nothing."""
    right = address(await refused(admin, maria))
    old = address(await refused(admin, maria, ago="25 hours"))
    async with Browser(admin) as browser:
        texts = set()
        for path in (
            right,
            old,
            "/p/AAAAA-AAAA",
            "/p/nonsense",
            "/p/" + "A" * 26,
            "/p/é",
            "/p/" + "x" * 3000,
        ):
            answer = await browser.get(path)
            assert answer.status_code == 200
            texts.add(answer.text)
        assert len(texts) == 1
        altered = right[:-1] + ("0" if right[-1] != "0" else "1")
        for path in (old, altered, "/p/" + "A" * 26, "/p/%0d%0aset-cookie:x=1"):
            await browser.get(path)
            answer = await browser.press(path)
            assert (answer.status_code, "opens nothing" in answer.text) == (404, True), path


async def test_page_closes_when_its_day_is_over(admin: Service, maria: int) -> None:
    """Counted from the refusal: the browser that had it sees the button again, and its forms write nothing."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as browser:
        await opened(browser, path)
        await admin.pool.execute("UPDATE address_opening SET ends_at = now() - interval '1 second'")
        answer = await browser.press(f"{path}/ask", amount="1", why="x", request_id="r")
        assert (answer.status_code, "opens nothing" in answer.text) == (404, True)
        assert "Open my page" in (await browser.get(path)).text
    assert await admin.pool.fetchval("SELECT count(*) FROM credit_request") == 0


async def test_guessing_is_bounded_by_network(admin: Service, maria: int) -> None:
    """Whoever was wrong too often is told to wait, right or wrong; somebody else is let in."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as guesser, Browser(admin, peer="198.51.100.7") as phone:
        await guesser.get(path)
        for n in range(WRONG_A_MINUTE):
            wrong = address(str(uuid.UUID(int=n)))
            assert (await guesser.press(wrong)).status_code == 404
            await guesser.get(path)
        answer = await guesser.press(path)
        assert (answer.status_code, "Too many tries" in answer.text) == (429, True)
        await opened(phone, path)


async def test_person_asks_once_however_often_the_button_is_pressed(
    admin: Service, maria: int
) -> None:
    """A double click, a replayed form: one request; it is withdrawn on the page."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as browser:
        await opened(browser, path)
        form = {"amount": "200", "why": "the report of Friday", "request_id": browser.request_id}
        await asyncio.gather(*(browser.press(f"{path}/ask", **form) for _ in range(2)))
        assert "on its way" in browser.html
        await browser.press(f"{path}/ask", **form)
        rows = await admin.pool.fetch("SELECT account_id, amount, why, state FROM credit_request")
        assert [tuple(row) for row in rows] == [
            (maria, 2 * USD, "the report of Friday", "requested")
        ]
        number = await admin.pool.fetchval("SELECT id FROM credit_request")
        assert "taken back" in (await browser.press(f"{path}/withdraw", id=str(number))).text
    assert await admin.pool.fetchval("SELECT state FROM credit_request") == "withdrawn"
    lines = [(actor, action) for actor, action, _, _ in await admin.audit() if "request" in action]
    assert lines == [("the person", "submit_request"), ("the person", "withdraw_request")]


@pytest.mark.parametrize(
    ("amount", "why", "said"),
    [
        ("a lot", "x", "as in 200"),
        ("0", "x", "as in 200"),
        ("-5", "x", "as in 200"),
        ("9" * 30, "x", "as in 200"),
        ("99999999999", "x", "more than may be asked"),
        ("200", " ", "a few words"),
        ("200", "x" * 501, "500 characters"),
        ("200", "y" * 1_000_000, "500 characters"),
        ("200", "a\x07b", "cannot be used"),
    ],
)
async def test_what_cannot_be_asked_for_is_said_beside_its_field(
    admin: Service, maria: int, amount: str, why: str, said: str
) -> None:
    """In words for a person; nothing is asked for; the page stays small."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as browser:
        await opened(browser, path)
        answer = await browser.press(f"{path}/ask", amount=amount, why=why, request_id="r")
    assert answer.status_code == 422
    assert said in answer.text
    assert len(answer.text) < 40_000
    assert await admin.pool.fetchval("SELECT count(*) FROM credit_request") == 0


async def test_what_people_and_models_are_called_is_text(admin: Service, maria: int) -> None:
    """Script in a model's name, a display name, a reason; breaks of lines in it are spaces."""
    await admin.pool.execute("UPDATE account_label SET display_name = $1", SCRIPT)
    path = address(await refused(admin, maria, model=SCRIPT))
    async with Browser(admin) as browser:
        text = await opened(browser, path)
        why = f"{SCRIPT}\r\nSubject: x"
        answer = await browser.press(f"{path}/ask", amount="1", why=why, request_id="r")
        assert SCRIPT not in text + answer.text
        assert html.escape(SCRIPT) in text
    assert await admin.pool.fetchval("SELECT why FROM credit_request") == f"{SCRIPT} Subject: x"


async def test_wrong_refusal_becomes_an_exception_once_and_is_answered_by_mail(
    admin: Service, maria: int
) -> None:
    """With the decision attached, the words beside it; what the administrator writes is what the person reads."""
    hold = await refused(admin, maria)
    path = address(hold)
    async with Browser(admin) as browser:
        await opened(browser, path)
        for words in ("I had credit", "again"):
            answer = await browser.press(f"{path}/dispute", refusal=hold, words=words)
            assert answer.status_code == 200
        assert "Somebody looks at it" in answer.text
        assert (await browser.press(f"{path}/dispute", refusal=hold, words="")).status_code == 422
        rows = await admin.pool.fetch("SELECT id, kind, subject, detail FROM exception")
        assert [(row["kind"], row["subject"]) for row in rows] == [("disputed_refusal", hold)]
        assert rows[0]["detail"]["reason"] == "insufficient_credit"
        assert "I had credit" not in str(rows[0]["detail"])
        listed = await admin.ask("ListExceptions", admin_pb2.ListExceptionsRequest())
        assert "I had credit" in listed.exceptions[0].detail_json
        resolve = admin_pb2.ResolveExceptionRequest(id=rows[0]["id"], reason="The clock was wrong.")
        await admin.ask("ResolveException", resolve)
        assert "The clock was wrong." in (await browser.get(path)).text
    notice = await admin.pool.fetchrow(
        "SELECT account_id, detail FROM notice WHERE kind = 'dispute_outcome'"
    )
    assert notice is not None
    assert tuple(notice) == (maria, {"ref": hold[:6], "answer": "The clock was wrong."})
    assert "I had credit" not in str(await admin.audit())


async def test_what_is_somebody_elses_is_not_found(admin: Service, maria: int) -> None:
    """Another person's refusal, request, address: as if there were none."""
    joao = await request_scene.person(admin, "joao", "joao@example.com")
    his, path = await refused(admin, joao), address(await refused(admin, maria))
    asked = requests_pb2.SubmitRequestRequest(
        account={"client": "chat", "external_id": "joao"}, asked_nanos=USD, why="secret plan",
        request_id="j", reason="test",
    )  # fmt: skip
    number = (await request_scene.ask(admin, "SubmitRequest", asked)).id
    async with Browser(admin) as browser:
        text = await opened(browser, path)
        assert his[:6] not in text
        assert "secret plan" not in text
        for form, fields in (
            ("dispute", {"refusal": his, "words": "mine"}),
            ("dispute", {"refusal": str(uuid.uuid4()), "words": "mine"}),
            ("withdraw", {"id": str(number)}),
            ("withdraw", {"id": "999"}),
            ("withdraw", {"id": "x"}),
        ):
            await browser.get(path)
            answer = await browser.press(f"{path}/{form}", **fields)
            assert answer.status_code == 404, fields
        await browser.get(path)
        answer = await browser.press(f"{address(his)}/ask", amount="1", why="x", request_id="r")
        assert answer.status_code == 404
    assert await admin.pool.fetchval("SELECT count(*) FROM exception") == 0
    assert await admin.pool.fetchval("SELECT state FROM credit_request") == "requested"


async def test_person_sets_language_notices_and_limits(admin: Service, maria: int) -> None:
    """The page speaks the language at once; a limit that is no amount changes nothing."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as browser:
        await opened(browser, path)
        answer = await browser.press(
            f"{path}/settings", language="en", has_notices="1", daily_limit="much",
            monthly_limit="", request_id=browser.request_id,
        )  # fmt: skip
        assert answer.status_code == 422
        assert await admin.pool.fetchval("SELECT count(*) FROM account_setting") == 0
        answer = await browser.press(
            f"{path}/settings", language="pt-BR", has_notices="1", daily_limit="50.5",
            monthly_limit="", request_id=browser.request_id,
        )  # fmt: skip
        assert "Salvo." in answer.text
        assert 'value="50.5"' in answer.text
    row = await admin.pool.fetchrow("SELECT language, notices FROM account_setting")
    assert row is not None
    assert tuple(row) == ("pt-BR", False)
    assert await admin.pool.fetchval("SELECT limit_nanos FROM cap") == 505 * USD // 1000
