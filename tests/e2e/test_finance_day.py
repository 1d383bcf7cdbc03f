"""Finance's first day: a password, a plan, 300 people, a request, the mode; all of it in the browser."""

import uuid
from collections.abc import AsyncIterator, Mapping

import asyncpg
import grpc
import pytest
from playwright.async_api import async_playwright, expect

from credit.prices import Price
from local.doors import wait_for_doors
from local.office import Office
from local.stack import Stack
from local.story.ledger import Ledger
from protos.pedagio.v1 import people_pb2, requests_pb2
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub
from tests.e2e.conftest import PROBE_MODEL, Eventually, NewPerson, of_people
from tests.e2e.finance_desk import COUNT, DROP, USD, WHO, Finance
from tests.e2e.mode_scene import Scene
from tests.e2e.test_pages import DESK, chat, look_at, page_of, picture
from tests.programs import find_chromium

WITHIN_MS = 10_000
PASSWORD = "correto cavalo bateria"
PLANNED = (
    "SELECT count(*) FROM person WHERE plan_id = $1 AND email LIKE '%@' || $1 || '.example.org'"
)
# The newest lines of finance's audit, what stands in each.
TODAY = (
    ("set mode", "enforce", "voltar {}", "before: shadow"),
    ("set mode", "shadow", "ver {}", "before: enforce"),
    ("approve request", "só até sexta", "amount: US$3.00", "asked: US$5.00"),
    ("import people", "lista de segunda-feira", "new: 300", "credit: US$300.00", "left: 0"),
    *[("create pool", "lista de segunda-feira", "-{}")] * 3,
    ("put plan", "{}", "cota de novembro", "allowance: US$2.00"),
)
# Pages on which finance does nothing today.
OTHERS = ("", "teams", "models", "purchases", "exceptions", "usage", "people/who", "password")


@pytest.fixture
async def finance(stack: Stack, office: Office) -> AsyncIterator[Finance]:
    """A client whose e-mails are verified, Chromium, and nobody signed in."""
    client = f"fin-{uuid.uuid4().hex[:6]}"
    key = await office.create_client(of_people(client, style="plain", language="pt-BR"))
    await wait_for_doors(stack.authz_addresses, key, PROBE_MODEL)
    async with (
        grpc.aio.insecure_channel(stack.admin_address) as channel,
        async_playwright() as playwright,
    ):
        opened = Finance(stack, client, key, channel)
        opened.channel = channel
        rules = people_pb2.SetClientPeopleRequest(
            client=client, verified_emails=True, reason="test"
        )
        await opened.ask("SetClientPeople", rules)
        chromium = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        opened.page = await page_of(chromium, DESK)
        opened.page.set_default_timeout(WITHIN_MS)
        yield opened
        await chromium.close()


@pytest.fixture
async def scene(
    stack: Stack,
    office: Office,
    keys: Mapping[str, str],
    person: NewPerson,
    database: "asyncpg.Connection[asyncpg.Record]",
    eventually: Eventually,
    prices: Mapping[str, Price],
) -> AsyncIterator[Scene]:
    """The running system; whatever becomes of this test, it enforces again afterwards."""
    found = Scene(stack, office, keys, person, database, eventually, prices)
    yield found
    await found.switch("enforce")


async def sign_in(finance: Finance) -> None:
    """Set the first password at the invitation's address; then out, and in with it."""
    page = finance.page
    await page.goto(await finance.invited())
    await picture(page, "finance-first-password")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.locator("[name=again]").fill(PASSWORD)
    await finance.press("Definir a senha e entrar")
    await finance.press("Sair")
    await picture(page, "finance-sign-in")
    await page.locator("[name=email]").fill(finance.email)
    await page.locator("[name=password]").fill(PASSWORD)
    await finance.press("Entrar")
    await page.get_by_role("link", name="Olga Reis").wait_for()


async def make_plan(finance: Finance) -> None:
    """US$ 2 each month, whole from the first day."""
    await finance.go("plans")
    page = finance.page
    await page.locator("[name=name]").fill(finance.client)
    await page.locator("[name=allowance]").fill("US$2")
    await page.get_by_text("Mais condições").click()
    await page.get_by_label("Quem entra no meio do período").check()
    await page.locator("[name=reason]").fill("cota de novembro")
    await picture(page, "finance-plans")
    await finance.press("Criar o plano")
    await page.get_by_role("heading", name=finance.client).wait_for()


async def bring_people(finance: Finance) -> None:
    """Drop the file, read what it would change, do it."""
    await finance.go("people")
    page = finance.page
    await page.get_by_role("link", name="Incluir de um arquivo").click()
    await page.locator(".drop").wait_for()
    await page.evaluate(DROP, finance.file())
    # Other people of this installation are in no file of ours.
    await page.get_by_label("Esta é só uma parte das pessoas").check()
    await finance.press("Ver o que mudaria")
    assert await finance.figure("nova") == str(COUNT)
    assert await finance.figure("Crédito concedido ao todo") == f"US$ {COUNT},00"
    assert await page.get_by_text(f"plan {finance.client}").count() in (0, COUNT)
    await picture(page, "finance-people-diff")
    await page.locator("[name=reason]").fill("lista de segunda-feira")
    await finance.press("Aplicar as mudanças")
    await finance.sees("Feito: importação")
    await picture(page, "finance-people-import")


async def find_person(finance: Finance) -> None:
    """The list, searched; then one of them."""
    await finance.go("people")
    await picture(finance.page, "finance-people")
    search = finance.page.locator("[name=search]")
    await search.fill(finance.address(WHO))
    row = finance.page.get_by_role("row", name=finance.address(WHO))
    await expect(finance.page.locator("#found tbody tr")).to_have_count(1)
    await expect(row).to_contain_text(finance.client)
    await row.get_by_role("link").click()
    await finance.sees("Espera a primeira conversa")


async def answer_request(finance: Finance) -> None:
    """US$ 5 are asked for, US$ 3 are given."""
    account = (await finance.person(WHO)).account
    asked = requests_pb2.SubmitRequestRequest(
        account=account, asked_nanos=5 * USD, why=f"fechamento {finance.client}",
        request_id=str(uuid.uuid4()), reason="test",
    )  # fmt: skip
    await finance.ask("SubmitRequest", asked, RequestServiceStub)
    await finance.go("requests")
    page = finance.page
    card = page.locator("article", has_text=f"fechamento {finance.client}")
    await card.locator("[name=amount]").fill("US$3")
    await card.locator("[name=reason]").fill("só até sexta")
    await picture(page, "finance-requests")
    await card.get_by_role("button", name="Aprovar").click()
    await finance.sees("Aprovado: o crédito já está lá")
    row = page.get_by_role("row").filter(has_text=f"fechamento {finance.client}")
    await expect(row).to_contain_text("US$ 5,00")
    await expect(row).to_contain_text("US$ 3,00")


async def switch_mode(finance: Finance, scene: Scene) -> None:
    """To shadow, where nobody is refused, and back: by the word of Envoy, too."""
    page = finance.page
    poor = await scene.person(0)

    async def chats(status: int) -> None:
        async def as_told() -> bool:
            return (await chat(finance.stack, poor)).status_code == status

        await scene.eventually(as_told, f"without credit: {status}")

    await finance.go("mode")
    was = await finance.figure("Em vigor agora")
    await chats(402)
    await picture(page, "finance-mode")
    await page.locator("input[value=shadow]").check()
    await page.locator("[name=reason]").fill(f"ver {finance.client}")
    await finance.press("Trocar")
    await finance.sees("Feito. O modo vale")
    assert await finance.figure("Em vigor agora") != was
    await chats(200)
    await page.get_by_role("link", name="Ver se já pode começar").click()
    await page.locator("[name=reason]").fill(f"voltar {finance.client}")
    force = page.get_by_label("Bloquear mesmo sem estar pronto")
    if await force.count():
        await force.check()
    await picture(page, "finance-enforce")
    await finance.press("Bloquear a partir de agora")
    await finance.sees("Feito. O modo vale")
    assert await finance.figure("Em vigor agora") == was
    await chats(402)


async def read_statement(finance: Finance) -> None:
    """What the person had, was given and spent; found by the application's name for them."""
    await finance.go("people")
    await finance.page.get_by_text("Quem não está em nenhum arquivo").click()
    await finance.page.locator("[name=client]").fill(finance.client)
    await finance.page.locator("[name=user]").fill("u-1")
    await finance.page.locator("details").get_by_role("button", name="Mostrar").click()
    await finance.sees("Extrato")
    assert await finance.figure("Plano") == finance.client
    rows = await finance.page.locator("#statement tbody tr").all_inner_texts()
    for figure, by in (
        ("+US$ 1,00", "people"),
        ("+US$ 2,00", "plan"),
        ("+US$ 3,00", finance.email),
    ):
        assert [by in row for row in rows if figure in row] == [True], (figure, rows)
    assert any(PROBE_MODEL in row for row in rows), rows
    await picture(finance.page, "finance-person")


async def read_audit(finance: Finance) -> None:
    """Each thing that was done today, newest first, in finance's name, with its reason."""
    await finance.go(f"audit?actor={finance.email}")
    rows = await finance.page.locator("tbody tr").all()
    lines = [await row.locator("td").all_inner_texts() for row in rows]
    found = [(what, about, why) for _, who, what, about, why in lines if who == finance.email]
    for told, (what, *parts) in zip(found[: len(TODAY)], TODAY, strict=True):
        assert told[0] == what, found
        assert all(part.format(finance.client) in " ".join(told) for part in parts), (parts, told)
    assert found[-1][0] == "set password", found
    await picture(finance.page, "finance-audit")


async def test_finance_does_its_first_day_in_the_browser(finance: Finance, scene: Scene) -> None:
    """No command line; the ledger, the statement and the audit say what was done."""
    await sign_in(finance)
    await make_plan(finance)
    await bring_people(finance)
    assert await scene.database.fetchval(PLANNED, finance.client) == COUNT
    await find_person(finance)

    for address in finance.stack.authz_addresses:

        async def heard(address: str = address) -> bool:
            return await finance.knows(address)

        await scene.eventually(heard, "a replica hears of the people")
    chatted = await finance.chat("u-1", WHO)
    assert chatted.refusal is None
    await Ledger(scene.database).settled(chatted.hold_id)
    await answer_request(finance)
    await switch_mode(finance, scene)
    await read_statement(finance)
    await read_audit(finance)
    for path in OTHERS:
        await look_at(
            finance.page,
            f"{finance.stack.web_url}/{path}",
            f"office-{path or 'overview'}".replace("/", "-"),
        )
