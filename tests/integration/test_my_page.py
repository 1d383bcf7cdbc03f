"""A mailed address of one's own page: the same answer for whoever asks, one browser, thirty minutes."""

import re

import pytest

from accounting.addresses import WRONG_A_MINUTE
from accounting.admin.mailed import MAILS_AN_HOUR
from tests.integration import request_scene
from tests.integration.admin_service import Service
from tests.integration.person_browser import Browser
from tests.integration.post_office import PostOffice

EMAIL = "maria@example.com"
LINK = re.compile(re.escape(request_scene.PUBLIC) + r"(/p/[0-9A-Z]{26})\b")


@pytest.fixture(params=["pt-BR", "en"])
async def maria(admin: Service, request: pytest.FixtureRequest) -> int:
    """Somebody with an e-mail, of either language."""
    await admin.create_client(language=request.param)
    return await request_scene.person(admin)


async def ask(admin: Service, email: str, peer: str = "192.0.2.1") -> str:
    """Ask for the mail; the page."""
    async with Browser(admin, peer=peer) as browser:
        await browser.get("/my")
        answer = await browser.press("/my", email=email)
        assert answer.status_code == 200
        return re.sub(r'value="[0-9a-f]+"', "", answer.text)


async def links(admin: Service, post: PostOffice) -> list[str]:
    """What came by mail."""
    await request_scene.a_worker(admin, post).send_due()
    return [found for n in range(len(post.taken)) for found in LINK.findall(post.text(n))]


async def test_answer_is_the_same_for_whoever_it_is(
    admin: Service, post: PostOffice, maria: int
) -> None:
    """Known, unknown, mailed too often: one sentence; three mails an hour at most, whoever asks."""
    known, unknown = await ask(admin, f" {EMAIL.upper()} "), await ask(admin, "nobody@example.com")
    assert known == unknown
    assert "is on its way" in known
    for n in range(2 * MAILS_AN_HOUR):
        assert await ask(admin, EMAIL, f"198.51.100.{n}") == known
    assert len(await links(admin, post)) == MAILS_AN_HOUR
    assert set(post.by_address()) == {EMAIL}


async def test_peer_that_asks_for_everybody_is_bounded(
    admin: Service, post: PostOffice, maria: int
) -> None:
    """It is told what everybody is told."""
    async with Browser(admin) as browser:
        await browser.get("/my")
        for n in range(WRONG_A_MINUTE):
            await browser.press("/my", email=f"p{n}@example.com")
            await browser.get("/my")
        assert "is on its way" in (await browser.press("/my", email=EMAIL)).text
    assert await links(admin, post) == []
    await ask(admin, EMAIL, "198.51.100.1")
    assert len(await links(admin, post)) == 1


@pytest.mark.parametrize("email", ["", "x", "a@b\r\nBcc: c@d", "a" * 300 + "@b", "a@b, c@d"])
async def test_what_is_no_address_is_said(admin: Service, maria: int, email: str) -> None:
    """And mailed nowhere."""
    async with Browser(admin) as browser:
        await browser.get("/my")
        answer = await browser.press("/my", email=email)
    assert (answer.status_code, "no e-mail address" in answer.text) == (422, True)
    assert await admin.pool.fetchval("SELECT count(*) FROM notice WHERE kind = 'person_link'") == 0


async def test_mailed_address_opens_once_for_a_day(
    admin: Service, post: PostOffice, maria: int
) -> None:
    """A look opens nothing; another browser, an altered code, a late one neither. Only its hash is kept."""
    await ask(admin, EMAIL)
    await ask(admin, EMAIL, "198.51.100.1")
    first, second = await links(admin, post)
    async with Browser(admin) as scanner, Browser(admin) as phone, Browser(admin) as other:
        await scanner.get(first)
        await phone.get(first)
        assert "Maria Silva" in (await phone.press(first)).text
        assert "Maria Silva" in (await phone.get(first)).text
        await other.get(first)
        assert (await other.press(first)).status_code == 403
        await other.get(first)
        altered = first[:-1] + ("0" if first[-1] != "0" else "1")
        assert (await other.press(altered)).status_code == 404
        await admin.pool.execute("UPDATE person_link SET expires_at = now() - interval '1 second'")
        await other.get(second)
        assert (await other.press(second)).status_code == 404
        # Opened in time it lasts its day.
        assert "Maria Silva" in (await phone.get(first)).text
        await admin.pool.execute("UPDATE person_link SET ends_at = now() WHERE ends_at IS NOT NULL")
        assert "Maria Silva" not in (await phone.get(first)).text
    kept = await admin.pool.fetch("SELECT sha256 FROM person_link")
    assert first.rpartition("/")[2].encode() not in b"".join(bytes(row[0]) for row in kept)
