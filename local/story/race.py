"""The race: sixty-four tabs of one person at once, with credit for about ten answers."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import httpx

from local.office import Office
from local.story.chat import Chat, Person, StoryError, chat
from local.story.ledger import Ledger

TABS: Final = 64
CREDIT_NANOS: Final = 800_000_000
MODEL: Final = "gpt-4o"
# At 10 USD a million tokens of output, this limit reserves about a tenth of the credit. Below
# 8,192, so that the whole of it is reserved (DESIGN 4: the target of a client not yet known).
OUTPUT_LIMIT: Final = 7_920
# The simulated provider writes this much, this fast: close to the limit, and still writing when
# the last of the tabs is decided.
ORDER: Final = "[[tokens=7600 rate=3000 chunk_ms=200]]"
AFTERWARDS_BOUND: Final = 40
CREDIT_REASONS: Final = ("insufficient_credit", "credit_in_flight")


@dataclass(frozen=True)
class Race:
    """The outcome; `unused` is what was left when a call on its own was refused."""

    answered: int
    refused: int
    afterwards: int
    credit_nanos: int
    unused_nanos: int
    overspent_nanos: int


def body(limit: int | None) -> dict[str, Any]:
    """One tab's chat; without a limit it takes what is left."""
    asked = {} if limit is None else {"max_tokens": limit}
    content = f"Escreva um relatório. {ORDER}"
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **asked}


async def run_race(url: str, person: Person, office: Office, ledger: Ledger) -> Race:
    """Open all tabs at once; then go on one by one until even a minimal answer is refused."""
    overage_before = await ledger.overage_nanos()
    async with httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=TABS)) as http:
        tabs = await asyncio.gather(*(chat(http, person, body(OUTPUT_LIMIT)) for _ in range(TABS)))
        answered = sum(_answered(tab) for tab in tabs)
        await ledger.all_closed()
        afterwards = 0
        while _answered(await chat(http, person, body(None))):
            afterwards += 1
            await ledger.all_closed()
            if afterwards > AFTERWARDS_BOUND:
                raise StoryError(f"{AFTERWARDS_BOUND} further answers and the credit has no end")
    left = (await office.balance(person.client, person.name)).available_nanos
    return Race(
        answered=answered,
        refused=TABS - answered,
        afterwards=afterwards,
        credit_nanos=CREDIT_NANOS,
        unused_nanos=max(left, 0),
        overspent_nanos=max(-left, 0) + await ledger.overage_nanos() - overage_before,
    )


def _answered(tab: Chat) -> bool:
    """Whether a tab was answered; StoryError when it was refused for anything but credit, by 402."""
    refusal = tab.refusal
    if refusal is None:
        return True
    if refusal.status != httpx.codes.PAYMENT_REQUIRED or refusal.reason not in CREDIT_REASONS:
        told = f"{refusal.status} {refusal.reason}: {refusal.sentence}"
        raise StoryError(f"a tab was refused for something else than credit: {told}")
    return False
