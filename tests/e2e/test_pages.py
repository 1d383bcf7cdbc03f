"""Friday, 19:40: refused in the chat, asked on the page, approved on a phone, the next chat answered."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from local.doors import wait_for_doors
from local.office import Office
from local.stack import Options, Stack
from local.story.chat import Person
from protos.pedagio.v1 import admin_pb2, admins_pb2, plans_pb2
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from tests.e2e.conftest import PROBE_MODEL, of_people
from tests.integration.post_office import PostOffice
from tests.programs import find_chromium

PHONE: Any = {"width": 390, "height": 844}
DESK: Any = {"width": 1280, "height": 900}
WITHIN_S = 60.0
# A folder to keep pictures in, for whoever looks at them.
PICTURES = os.environ.get("PEDAGIO_TEST_PICTURES", "")
LABEL = """
    INSERT INTO account_label (account_id, display_name, email)
    SELECT a.id, 'Rosa Lima', 'rosa@example.org' FROM account AS a WHERE a.external_id = 'rosa'"""
ROLES = [admins_pb2.Role(role="approver", pool="TI")]
SHORT = {
    "model": PROBE_MODEL,
    "max_tokens": 20,
    "messages": [{"role": "user", "content": "Escreva um bilhete."}],
}


@pytest.fixture
async def letters() -> AsyncIterator[PostOffice]:
    """A mail server."""
    post = PostOffice()
    post.open()
    yield post
    post.close()


@pytest.fixture
async def house(letters: PostOffice, tmp_path: Path) -> AsyncIterator[Stack]:
    """The whole system, with mail."""
    mail = {
        "PEDAGIO_SMTP_HOST": "127.0.0.1",
        "PEDAGIO_SMTP_PORT": str(letters.port),
        "PEDAGIO_SMTP_TRANSPORT": "none",
        "PEDAGIO_MAIL_FROM": "Pedagio <credit@example.org>",
    }
    options = Options(state=tmp_path, authz_replicas=1, environment={"accounting": mail})
    async with Stack(options) as stack:
        yield stack


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        yield found
        await found.close()


async def rosa_of(stack: Stack) -> Person:
    """Somebody without credit in the team TI, whose approver is Bia."""
    metadata = (("authorization", f"Bearer {stack.admin_token}"),)
    async with Office(stack.admin_address, stack.admin_token) as office:
        await office.sync_models()
        key = await office.create_client(of_people("chat", style="plain", language="pt-BR"))
        await office.set_mode("enforce")
        await wait_for_doors(stack.authz_addresses, key, PROBE_MODEL)
        await office.open_account("chat", "rosa")
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        name = admin_pb2.AccountName(client="chat", external_id="rosa")
        plans, admins = PlanServiceStub(channel), AdminsServiceStub(channel)
        await plans.CreatePool(
            plans_pb2.CreatePoolRequest(name="TI", reason="test"), metadata=metadata
        )
        await plans.SetMember(
            plans_pb2.SetMemberRequest(pool="TI", account=name, reason="test"), metadata=metadata
        )
        bia = admins_pb2.AddAdminRequest(
            email="bia@example.org", name="Bia", roles=ROLES, reason="test"
        )
        await admins.AddAdmin(bia, metadata=metadata)
    database = await asyncpg.connect(stack.database_url)
    await database.execute(LABEL)
    await database.close()
    return Person("chat", key, "rosa")


async def chat(stack: Stack, person: Person) -> httpx.Response:
    """One call through Envoy."""
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        return await http.post("/v1/chat/completions", json=SHORT, headers=person.headers)


async def page_of(browser: Browser, viewport: Any, language: str = "pt-BR") -> Page:
    """A browser of somebody's own: nothing in it yet, and no error of its script."""
    context = await browser.new_context(viewport=viewport, locale=language)
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    return page


async def picture(page: Page, name: str) -> None:
    """On a phone, at a desk: nothing is wider than the screen. Kept for whoever looks."""
    for viewport in (PHONE, DESK):
        await page.set_viewport_size(viewport)
        width = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, name
        if PICTURES:
            path = f"{PICTURES}/{name}-{viewport['width']}.png"
            await page.screenshot(path=path, full_page=True)


async def look_at(page: Page, address: str, name: str) -> None:
    """In both languages; no text of one is left in the other."""
    for language in ("pt-BR", "en"):
        await page.goto(f"{address}?lang={language}")
        assert await page.locator("html").get_attribute("lang") == language
        await picture(page, f"{name}-{language}")


async def letter(post: PostOffice, to: str, pattern: str) -> str:
    """What stands in a mail, once it is there."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            for message in post.taken:
                body = message.get_body(("plain",))
                text = body.get_content() if body is not None else ""
                found = re.search(pattern, text)
                if found and to in str(message["To"]):
                    return found[0]
            await asyncio.sleep(0.1)


async def test_person_refused_on_friday_goes_on_within_a_minute(
    house: Stack, letters: PostOffice, browser: Browser
) -> None:
    """No login of the person's; the statement and the audit show it."""
    rosa = await rosa_of(house)
    began_s = time.monotonic()
    refusal = await chat(house, rosa)
    assert refusal.status_code == 402
    sentence = refusal.json()["error"]["message"]
    (address,) = re.findall(rf"{house.web_url}/p/[0-9A-Z]{{5}}-[0-9A-Z]{{4}}", sentence)

    person = await page_of(browser, DESK)
    await person.goto(address)
    await picture(person, "person-landing")
    await person.get_by_role("button", name="Abrir minha página").click()
    await person.get_by_label("Quanto, em créditos").fill("200")
    await person.get_by_label("Para quê").fill("relatório de sexta")
    await picture(person, "person-page")
    await person.get_by_role("button", name="Pedir", exact=True).click()
    await person.get_by_text("Agora com: Bia.").wait_for()
    await picture(person, "person-asked")

    phone = await page_of(browser, PHONE)
    await phone.goto(await letter(letters, "bia@", rf"{house.web_url}/a/[0-9A-Z]{{26}}"))
    await phone.get_by_text("relatório de sexta").wait_for()
    assert await phone.evaluate("innerWidth") == PHONE["width"]
    await picture(phone, "approver")
    await phone.get_by_role("button", name="Aprovar 200 créditos").click()
    await phone.get_by_role("heading", name="Aprovado").wait_for()
    await picture(phone, "approver-done")

    answer = await chat(house, rosa)
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - began_s < WITHIN_S

    await letter(letters, "rosa@", "200 créditos")
    database = await asyncpg.connect(house.database_url)
    audit = await database.fetch("SELECT actor, action FROM audit WHERE action LIKE '%request'")
    granted = await database.fetch(
        "SELECT t.amount FROM transfer AS t JOIN account AS a ON a.id = t.credit_account"
        " WHERE a.external_id = 'rosa' AND t.kind = 'grant'"
    )
    await database.close()
    assert [tuple(row) for row in audit] == [
        ("the person", "submit_request"),
        ("bia@example.org", "approve_request"),
    ]
    assert [row["amount"] for row in granted] == [2 * 10**9]

    await look_at(person, address, "person")
    stranger = await page_of(browser, PHONE, "en")
    await look_at(stranger, address, "landing")
    await stranger.get_by_role("button", name="Open my page").click()
    await stranger.get_by_text("opened in another browser").wait_for()
    await picture(stranger, "elsewhere")
    await look_at(stranger, f"{house.web_url}/my", "my")
    denial = re.findall(rf"{house.web_url}/a/[0-9A-Z]{{26}}", letters.text_to("bia@example.org"))[1]
    await look_at(phone, denial, "decided")
