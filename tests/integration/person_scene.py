"""Somebody with a page of their own: refused, their address, the page opened."""

import uuid

from credit.address import code_of, written
from tests.integration.admin_service import ADDRESS_KEY, Service
from tests.integration.person_browser import Browser

REFUSED = """
    INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, posted, held, overdraft,
                          minimum, decided_at)
    VALUES ($1, $2, 'chat', 'refuse', 'insufficient_credit', $3, 1000000, 0, 0, 5000000, now() - $4::interval)"""


async def refused(
    admin: Service, account: int, *, model: str = "gpt-4o", ago: str = "1 minute"
) -> str:
    """A refusal on record; its hold id."""
    hold = uuid.uuid4()
    await admin.pool.execute(
        REFUSED.replace("$4::interval", f"interval '{ago}'"), hold, account, model
    )
    return str(hold)


def address(hold: str) -> str:
    """The path that the person read."""
    return f"/p/{written(code_of(hold, ADDRESS_KEY))}"


async def opened(browser: Browser, path: str) -> str:
    """Press the button; the page."""
    await browser.get(path)
    answer = await browser.press(path)
    assert answer.status_code == 200, answer.text
    assert "You have left" in answer.text, answer.text
    return answer.text
