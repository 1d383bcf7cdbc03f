"""The page behind an address in a mail: a look changes nothing, one button answers, whatever came first is said."""

import asyncio

import pytest

from protos.pedagio.v1.requests_pb2 import WithdrawRequestRequest
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add
from tests.integration.person_browser import Browser
from tests.integration.post_office import PostOffice
from tests.integration.request_scene import (
    ANA,
    BIA,
    a_worker,
    approval,
    ask,
    codes,
    denial,
    grants,
    later,
    office,
    submit,
)

LOSE = "DELETE FROM admin_role AS r USING admin AS a WHERE a.id = r.admin_id AND a.email = $1"
SCRIPT = "<script>alert(1)</script>"


async def mailed(
    admin: Service, post: PostOffice, why: str = "report for Friday"
) -> tuple[str, str]:
    """Maria asked: the paths of the two addresses."""
    await submit(admin, why=why)
    await a_worker(admin, post).send_due()
    approve, deny = codes(post.text_to(BIA))
    return f"/a/{approve}", f"/a/{deny}"


async def test_look_changes_nothing_and_the_button_answers_once(
    admin: Service, post: PostOffice
) -> None:
    """Scanners look; a double click is one grant; pressed again it says what it did."""
    await office(admin)
    approve, _ = await mailed(admin, post)
    before = await admin.audit()
    async with Browser(admin) as scanner, Browser(admin) as phone:
        for _ in range(3):
            answer = await scanner.get(approve)
            assert (answer.status_code, "Approve this request?" in answer.text) == (200, True)
        assert (await scanner.client.head(approve)).status_code in {200, 405}
        assert await admin.audit() == before
        await phone.get(approve)
        assert "Maria Silva" in phone.html
        assert "report for Friday" in phone.html
        both = await asyncio.gather(phone.press(approve), phone.press(approve))
        assert all("The credit is there now" in each.text for each in both)
        assert "answered already" in (await phone.get(approve)).text
    assert await grants(admin) == [(5 * USD, "request", "credit-request/1")]


async def test_denying_takes_a_reason_that_the_person_reads(
    admin: Service, post: PostOffice
) -> None:
    """Without one, with a megabyte of it: nothing is answered; breaks of lines become spaces."""
    await office(admin)
    _, deny = await mailed(admin, post)
    async with Browser(admin) as phone:
        for answer, said in (
            ("  ", "a few words"),
            ("x" * 1_000_000, "500 characters"),
            ("a\x07", "cannot be used"),
        ):
            await phone.get(deny)
            shown = await phone.press(deny, answer=answer)
            assert (shown.status_code, said in shown.text) == (422, True)
            assert len(shown.text) < 10_000
        shown = await phone.press(deny, answer=f"ask {SCRIPT}\r\nSubject: x")
        assert "Denied" in shown.text
        assert SCRIPT not in shown.text
    row = await admin.pool.fetchrow("SELECT state, answer FROM credit_request")
    assert row is not None
    assert tuple(row) == ("denied", f"ask {SCRIPT} Subject: x")


async def test_words_of_the_person_are_text(admin: Service, post: PostOffice) -> None:
    """Script in the reason."""
    await office(admin)
    approve, _ = await mailed(admin, post, why=SCRIPT)
    async with Browser(admin) as phone:
        text = (await phone.get(approve)).text
    assert SCRIPT not in text
    assert "&lt;script&gt;" in text


async def come_between(admin: Service, what: str) -> None:
    """Something happens after the mail."""
    treasurer = await add(admin, ANA, "treasurer")
    sql = {
        "stale": "UPDATE request_address SET expires_at = now() - interval '1 second'",
        "forbidden": LOSE,
        "removed": "UPDATE admin SET removed_at = now() WHERE email = $1",
    }
    if what == "approved":
        await ask(admin, "ApproveRequest", approval(1), treasurer)
    elif what == "denied":
        await ask(admin, "DenyRequest", denial(1), treasurer)
    elif what == "withdrawn":
        await ask(admin, "WithdrawRequest", WithdrawRequestRequest(id=1, reason="test"))
    elif what == "expired":
        await later(admin, 24 * 8)
    else:
        await admin.pool.execute(sql[what], *([BIA] if "$1" in sql[what] else []))


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("approved", 200, "answered already"),
        ("denied", 200, "Denied by"),
        ("withdrawn", 200, "taken back"),
        ("expired", 200, "expired without an answer"),
        ("stale", 410, "too old"),
        ("forbidden", 403, "may not answer"),
        ("removed", 403, "may not answer"),
    ],
)
async def test_what_stands_in_the_way_is_said(
    admin: Service, post: PostOffice, what: str, status: int, said: str
) -> None:
    """By a look and by the button; nobody gets credit by it."""
    await office(admin)
    approve, _ = await mailed(admin, post)
    async with Browser(admin) as phone:
        await phone.get(approve)
        await come_between(admin, what)
        given = await grants(admin)
        for answer in (await phone.press(approve), await phone.get(approve)):
            assert (answer.status_code, said in answer.text) == (status, True), answer.text
            assert ("Maria" in answer.text) == (status == 200)
    assert await grants(admin) == given


async def test_altered_code_opens_nothing(admin: Service, post: PostOffice) -> None:
    """Nor does one of another length, nor one without the form of this browser."""
    await office(admin)
    approve, deny = await mailed(admin, post)
    altered = approve[:-1] + ("0" if approve[-1] != "0" else "1")
    async with Browser(admin) as phone, Browser(admin) as stranger:
        await phone.get(approve)
        for path in (altered, "/a/x", "/a/" + "A" * 26, "/a/" + "A" * 4000, "/a/%00"):
            for answer in (await phone.press(path), await phone.client.get(path)):
                assert (answer.status_code, "opens nothing" in answer.text) == (404, True), path
            await phone.get(approve)
        assert (await stranger.client.post(approve)).status_code == 403
        assert (await stranger.client.post(deny, data={"answer": "no"})).status_code == 403
    assert await grants(admin) == []
