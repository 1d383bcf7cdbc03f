"""A person's own page behind its scenes: rights, erased data, other names, who is believed about addresses."""

import asyncio
from typing import Any

import httpx
import pytest
import structlog

from accounting.admin.person_service import CHANGES_A_MINUTE
from accounting.admin.visitors import make_link
from accounting.http_server import Faces, HttpServer
from credit.pool import connect
from local.probe import free_ports
from protos.pedagio.v1 import admin_pb2, people_pb2
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from tests.integration import request_scene
from tests.integration.admin_service import USD, Service, serve
from tests.integration.person_browser import Browser
from tests.integration.person_scene import address, opened, refused
from tests.integration.post_office import PostOffice


@pytest.fixture
async def maria(admin: Service) -> int:
    """Somebody with an account, an e-mail and 100 credits."""
    await admin.create_client(language="en")
    account = await request_scene.person(admin)
    await admin.grant(USD)
    return account


async def test_page_needs_no_more_than_the_rights_of_accounting(
    admin: Service, maria: int, database_url: str
) -> None:
    """All that it does, by the role that accounting has in production."""
    hold = await refused(admin, maria)
    path = address(hold)
    async with (
        await connect(f"{database_url}?role=pedagio_accounting") as pool,
        serve(pool) as office,
        Browser(office) as browser,
    ):
        await opened(browser, path)
        for form, fields in (
            ("dispute", {"refusal": hold, "words": "wrong"}),
            ("ask", {"amount": "5", "why": "x", "request_id": "a"}),
            ("withdraw", {"id": "1"}),
            ("settings", {"language": "en", "daily_limit": "9", "request_id": "b"}),
        ):
            answer = await browser.press(f"{path}/{form}", **fields)
            assert answer.status_code == 200, form
        await browser.get("/my")
        assert (await browser.press("/my", email="maria@example.com")).status_code == 200
        code = await make_link(pool, maria)
        await browser.get(f"/p/{code}")
        assert "Maria Silva" in (await browser.press(f"/p/{code}")).text


async def erase_maria(admin: Service) -> None:
    """All that says who she is."""
    erase = people_pb2.ErasePersonRequest(email="maria@example.com", reason="test")
    await admin.ask("ErasePerson", erase, stub=PeopleServiceStub)


async def test_erased_person_leaves_no_words(admin: Service, maria: int) -> None:
    """Nor an address that was mailed."""
    hold = await refused(admin, maria)
    person = people_pb2.ImportPeopleRequest(
        file=b"email,name\nmaria@example.com,Maria\n", request_id="p", reason="test"
    )
    await admin.ask("ImportPeople", person, stub=PeopleServiceStub)
    await admin.pool.execute("UPDATE person SET account_id = $1", maria)
    await make_link(admin.pool, maria)
    async with Browser(admin) as browser:
        await opened(browser, address(hold))
        await browser.press(f"{address(hold)}/dispute", refusal=hold, words="my secret")
        await erase_maria(admin)
        assert "Maria" not in (await browser.get(address(hold))).text
        assert (await browser.press(address(hold))).status_code == 404
    assert await admin.pool.fetchval("SELECT words FROM dispute") is None
    assert await admin.pool.fetchval("SELECT count(*) FROM person_link") == 0
    listed = await admin.ask("ListExceptions", admin_pb2.ListExceptionsRequest())
    assert "my secret" not in listed.exceptions[0].detail_json


@pytest.mark.parametrize(("trusted", "seen"), [("127.0.0.1", "203.0.113.9"), ("", "127.0.0.1")])
async def test_address_of_the_client_is_believed_from_a_trusted_proxy_only(
    trusted: str, seen: str
) -> None:
    """Else everybody would be somebody new at each try."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["client"][0].encode()})

    (port,) = free_ports(1)
    faces = Faces(HttpServer(app, f"127.0.0.1:{port}", trusted))
    faces.run()
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(10):
            while True:
                try:
                    url, header = f"http://127.0.0.1:{port}/", {"x-forwarded-for": "203.0.113.9"}
                    answer = await client.get(url, headers=header)
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        assert answer.text == seen
    finally:
        await faces.stop()


@pytest.mark.parametrize("name_now", ["maria-again", ""])
async def test_person_who_registered_again_has_the_page_of_their_account(
    admin: Service, maria: int, name_now: str
) -> None:
    """The account keeps the name that it was opened by; the person is called otherwise by now."""
    hold = await refused(admin, maria)
    people = people_pb2.ImportPeopleRequest(
        file=b"email,name\nmaria@example.com,Maria\n", request_id="p", reason="test"
    )
    await admin.ask("ImportPeople", people, stub=PeopleServiceStub)
    await admin.pool.execute("UPDATE person SET account_id = $1", maria)
    if name_now:
        await admin.pool.execute(
            "INSERT INTO identity (client_id, external_id, person_id, bound_by)"
            " SELECT 'chat', $1, p.id, 'test' FROM person AS p",
            name_now,
        )
    path = address(hold)
    async with Browser(admin) as browser:
        await opened(browser, path)
        form = {"amount": "5", "why": "x", "request_id": "a"}
        assert (await browser.press(f"{path}/ask", **form)).status_code == 200
    assert await admin.pool.fetchval("SELECT account_id FROM credit_request") == maria


async def test_code_of_an_address_is_in_no_log(admin: Service, maria: int) -> None:
    """Whoever reads logs opens nobody's page."""
    path = address(await refused(admin, maria))
    async with Browser(admin) as browser:
        await opened(browser, path)
        await admin.pool.execute("ALTER TABLE credit_request RENAME TO hidden")
        with structlog.testing.capture_logs() as lines:
            assert (await browser.get(path)).status_code == 500
        await admin.pool.execute("ALTER TABLE hidden RENAME TO credit_request")
    assert [line["page"] for line in lines if line["event"] == "page_failed"] == ["/p/{code}"]
    assert path.rpartition("/")[2] not in str(lines)


@pytest.mark.parametrize(
    ("language", "subject", "said"),
    [
        ("pt-BR", "Sobre a recusa", "A resposta: <b>certo</b>"),
        ("en", "About the refusal", "The answer: <b>certo"),
    ],
)
async def test_answer_to_a_wrong_refusal_comes_by_mail(
    admin: Service, post: PostOffice, maria: int, language: str, subject: str, said: str
) -> None:
    """In the person's language, also where they want no notices; marks in it are text."""
    hold = await refused(admin, maria)
    async with Browser(admin) as browser:
        await opened(browser, address(hold))
        await browser.press(f"{address(hold)}/dispute", refusal=hold, words="wrong")
        await browser.press(
            f"{address(hold)}/settings", language=language, has_notices="1", request_id="a"
        )
    number = await admin.pool.fetchval("SELECT id FROM exception")
    resolve = admin_pb2.ResolveExceptionRequest(id=number, reason="<b>certo</b>")
    await admin.ask("ResolveException", resolve)
    await request_scene.a_worker(admin, post).send_due()
    (place,) = [n for n, each in enumerate(post.subjects()) if subject in each]
    assert hold[:6] in post.subjects()[place]
    assert said in post.text(place)
    assert "<b>certo" not in post.html(place)
    assert str(post.taken[place]["To"].addresses[0].addr_spec) == "maria@example.com"


async def test_changes_of_one_person_are_bounded_by_the_minute(admin: Service, maria: int) -> None:
    """Each is audited and told to every replica: a script with one page fills neither. The page itself stays."""
    hold = await refused(admin, maria)
    path = address(hold)
    async with Browser(admin) as browser:
        await opened(browser, path)
        for number in range(CHANGES_A_MINUTE):
            answer = await browser.press(f"{path}/settings", language="en", request_id=f"r{number}")
            assert answer.status_code == 200, answer.text
        answer = await browser.press(f"{path}/settings", language="en", request_id="x")
        assert (answer.status_code, "Too many tries" in answer.text) == (429, True)
        await opened_already(browser, path)
        asked = {"amount": "1", "why": "x", "request_id": "y"}
        assert (await browser.press(f"{path}/ask", **asked)).status_code == 429
    changes = [line for line in await admin.audit() if line[1] == "set_settings"]
    assert len(changes) == CHANGES_A_MINUTE


async def opened_already(browser: Browser, path: str) -> None:
    """As it was."""
    assert "You have left" in (await browser.get(path)).text
