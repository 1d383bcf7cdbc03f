"""Mails about credit requests: who is told what, once each, through a real mail server."""

import json

import httpx
import pytest

from accounting.notify.requests import tend
from accounting.notify.webhook import Webhook
from accounting.notify.worker import Worker
from protos.pedagio.v1 import requests_pb2 as pb
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add
from tests.integration.notice_scene import SECRET
from tests.integration.post_office import PostOffice
from tests.integration.request_scene import (
    ANA,
    BIA,
    PUBLIC,
    RUI,
    a_worker,
    approval,
    ask,
    codes,
    denial,
    later,
    office,
    outcomes,
    rules,
    submit,
)

MAIL = "maria@example.com"


async def test_approver_is_told_who_how_much_why_and_what_they_have(
    admin: Service, post: PostOffice
) -> None:
    """Two addresses, one for each answer, which stand nowhere but in the mail."""
    await office(admin)
    await admin.grant(3 * USD)
    account = await admin.pool.fetchval("SELECT id FROM account WHERE external_id = 'maria'")
    await admin.close(await admin.place(account, USD), USD)
    await submit(admin, why="report\r\nfor Friday")
    await a_worker(admin, post).send_due()
    assert post.by_address() == {BIA: 1}
    assert post.subjects() == ["Pedido de crédito de IA: Maria Silva, US$ 5,00"]
    for said in ("report for Friday", "Maria Silva (TI)", "Disponível agora: US$ 2,00",
                 "Gasto neste mês: US$ 1,00"):  # fmt: skip
        assert said in post.text()
    approve, deny = codes(post.text())
    assert approve != deny
    for table in ("request_address", "notice", "notice_delivery"):
        kept = await admin.pool.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} AS t")
        assert approve not in kept
    for code in (approve, deny):
        assert f'<a href="{PUBLIC}/a/{code}"' in post.html()


async def test_names_and_words_cannot_write_the_mail(admin: Service, post: PostOffice) -> None:
    """Script in a name is text, a break of lines makes no header."""
    await office(admin)
    await admin.pool.execute(
        "UPDATE account_label SET display_name = $1", "<script>alert(1)</script>\r\nBcc: eve@x"
    )
    await submit(admin, why="<img src=x onerror=alert(1)>")
    await a_worker(admin, post).send_due()
    (mail,) = post.taken
    assert mail["Bcc"] is None
    assert "Bcc: eve@x" in mail["Subject"]
    assert "<script" not in post.html()
    assert "<img" not in post.html()
    assert "&lt;img src=x onerror=alert(1)&gt;" in post.html()


@pytest.mark.parametrize("language", ["pt-BR", "en"])
async def test_person_is_mailed_the_outcome_in_their_language(
    admin: Service, post: PostOffice, language: str
) -> None:
    """Approved with how much and until when, denied with the reason; also who wants no notices."""
    bia, _ = await office(admin)
    await admin.pool.execute(
        "INSERT INTO account_setting (account_id, language, notices)"
        " SELECT id, $1, false FROM account WHERE external_id = 'maria'",
        language,
    )
    await submit(admin, request_id="a")
    await ask(admin, "ApproveRequest", approval(1, 2 * USD), bia)
    worker = a_worker(admin, post)
    await worker.send_due()
    found = post.text_to(MAIL)
    words = {"pt-BR": "US$ 2,00 dos US$ 5,00", "en": "US$2.00 of the US$5.00"}
    until = {"pt-BR": "vale até", "en": "good until"}
    assert words[language] in found
    assert until[language] in found
    await submit(admin, request_id="b")
    await ask(admin, "DenyRequest", denial(2, "the budget is spent"), bia)
    await worker.send_due()
    assert "the budget is spent" in post.text_to(MAIL)
    assert post.by_address()[MAIL] == 2


async def test_expired_request_is_recorded_and_mailed_once(
    admin: Service, post: PostOffice
) -> None:
    """Ten workers at once: one line of the audit, one mail to the person, none to the approver any more."""
    await office(admin)
    await submit(admin)
    await later(admin, 8 * 24)
    await outcomes(*(tend(admin.pool) for _ in range(10)))
    await a_worker(admin, post).send_due()
    assert post.by_address() == {MAIL: 1}
    assert "venceu sem resposta" in post.subjects()[0]
    lines = [line for line in await admin.audit() if line[1] == "expire_request"]
    assert [(actor, subject) for actor, _, subject, _ in lines] == [("accounting", "1")]


async def test_request_goes_to_the_fallback_after_the_delay_once(
    admin: Service, post: PostOffice
) -> None:
    """Treasurers hear of it when the team's approver has not answered for four hours."""
    await office(admin)
    asked = await submit(admin)
    worker = a_worker(admin, post)
    for hours, expected in ((3, {BIA: 1}), (5, {BIA: 1, RUI: 1}), (6, {BIA: 1, RUI: 1})):
        await later(admin, hours)
        await tend(admin.pool)
        await worker.send_due()
        assert post.by_address() == expected
    found = await ask(admin, "GetRequest", pb.GetRequestRequest(id=asked.id))
    assert len(found.approvers) == 2


async def test_delay_of_the_fallback_is_the_policys(admin: Service, post: PostOffice) -> None:
    """Zero hours: both hear of it at once."""
    await office(admin)
    await rules(admin, '{"requests": {"fallback_hours": 0}}')
    await submit(admin)
    await a_worker(admin, post).send_due()
    assert post.by_address() == {BIA: 1, RUI: 1}


async def test_request_without_an_approver_goes_to_treasurers(
    admin: Service, post: PostOffice
) -> None:
    """Who is in no team is nobody's; where nobody administers, those who run this hear of it."""
    await office(admin)
    await admin.pool.execute("DELETE FROM pool_member")
    await submit(admin)
    worker = a_worker(admin, post)
    await worker.send_due()
    assert post.by_address() == {RUI: 1}
    await admin.pool.execute("UPDATE admin SET removed_at = now()")
    await ask(admin, "WithdrawRequest", pb.WithdrawRequestRequest(id=1, reason="r"))
    await submit(admin, request_id="other")
    await worker.send_due()
    assert post.by_address() == {RUI: 1, "admin@example.com": 1}
    assert codes(post.text_to("admin@example.com")) == []
    assert "pedagio request approve 2" in post.text_to("admin@example.com")


async def test_answered_request_is_not_sent_to_an_approver_any_more(
    admin: Service, post: PostOffice
) -> None:
    """A mail that would open nothing is no mail; nor does one go to whoever lost the role."""
    bia, _ = await office(admin)
    await add(admin, ANA, "approver")
    await submit(admin)
    await admin.pool.execute(
        "DELETE FROM admin_role AS r USING admin AS a WHERE a.id = r.admin_id AND a.email = $1", ANA
    )
    worker = a_worker(admin, post)
    await worker.send_due()
    assert post.by_address() == {BIA: 1}
    await ask(admin, "ApproveRequest", approval(1), bia)
    await submit(admin, request_id="b")
    await ask(admin, "DenyRequest", denial(2), bia)
    await worker.send_due()
    assert post.by_address() == {BIA: 1, MAIL: 2}


async def test_one_refused_address_keeps_no_other_approver_waiting(
    admin: Service, post: PostOffice
) -> None:
    """Each is a notice of its own."""
    await office(admin)
    await add(admin, ANA, "approver")
    post.refuses.add(BIA)
    await submit(admin)
    await a_worker(admin, post).send_due()
    assert post.by_address() == {ANA: 1}


async def test_program_hears_of_a_request_once_without_names_words_or_addresses(
    admin: Service, post: PostOffice
) -> None:
    """The webhook is for counting, not for deciding."""
    await office(admin)
    await add(admin, ANA, "approver")
    heard: list[str] = []

    def take(request: httpx.Request) -> httpx.Response:
        heard.append(request.content.decode())
        return httpx.Response(204)

    hook = Webhook("https://hooks.example.com", SECRET, transport=httpx.MockTransport(take))
    await submit(admin)
    await Worker(admin.pool, [hook], [], "en", PUBLIC).send_due()
    (body,) = heard
    data = json.loads(body)["data"]
    assert (data["number"], data["amount_nanos"]) == (1, 5 * USD)
    for secret in ("report for Friday", "Maria", "/a/"):
        assert secret not in body
    assert await admin.pool.fetchval("SELECT count(*) FROM request_address") == 0
