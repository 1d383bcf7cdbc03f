"""The order of the story: Maria's credit ends, a grant lets her go on, the race, the books."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from credit.pricebook import load_price_book
from local.doors import wait_for_doors
from local.office import Office
from local.provider.truth import read_truth
from local.stack import Stack
from local.story.added import added_us
from local.story.books import Books, compare
from local.story.chat import Chat, Person, Refusal, StoryError, chat
from local.story.fault import CREDIT_NANOS as CRASH_NANOS
from local.story.fault import REPLICA, Crash, connected, run_crash
from local.story.fault import TABS as CRASH_TABS
from local.story.race import CREDIT_NANOS, TABS, Race, run_race
from local.story.screen import Screen, share, usd
from protos.pedagio.v1 import admin_pb2

CLIENT: Final = "librechat"
MODEL: Final = "gpt-4o"
MARIA: Final = "maria"
MARIA_NANOS: Final = 50_000_000
GRANT_NANOS: Final = 20_000_000
CHATS_BOUND: Final = 40
RACER: Final = "joao"
UNLUCKY: Final = "ana"
# What Maria asks; the words in brackets tell the simulated provider how much to answer, how fast.
ORDER: Final = "[[tokens=600 rate=900]]"
QUESTIONS: Final = (
    "Como faço um relatório?",
    "E a introdução?",
    "Que tom devo usar?",
    "Resuma em cinco pontos.",
    "Dê um exemplo.",
    "E para a diretoria?",
    "Sugira um título.",
    "Revise a conclusão.",
)


@dataclass(frozen=True)
class Ending:
    """What the story came to, and the key with which its reader may go on."""

    books: Books
    race: Race
    crash: Crash
    key: str

    @property
    def good(self) -> bool:
        """Whether the books agree to the nano, every hold is closed and nothing was overspent."""
        return self.books.agree and self.race.overspent_nanos == 0 and self.crash.good


class Tale:
    """One telling, against one running system."""

    def __init__(self, stack: Stack, screen: Screen) -> None:
        """Tell about this system, on this screen."""
        self._stack = stack
        self._screen = screen

    async def tell(self) -> Ending:
        """Tell all of it. Raises StoryError when something happens that does not belong in it."""
        url = self._stack.database_url
        async with Office(self._stack.admin_address, self._stack.admin_token) as self._office:
            async with connected(url) as self._ledger:
                key = await self._open_for_business()
                await self._maria(Person(CLIENT, key, MARIA))
                race = await self._race(Person(CLIENT, key, RACER))
            crash = await self._crash(Person(CLIENT, key, UNLUCKY))
            async with connected(url) as self._ledger:
                return Ending(await self._books(), race, crash, key)

    async def _open_for_business(self) -> str:
        """Turn the control on, read the models, and make LibreChat's key."""
        synced = await self._office.sync_models()
        await self._office.set_mode("enforce")
        client = admin_pb2.Client(
            id=CLIENT, kind="trusted", litellm_key="inject", unknown_users="create",
            style="librechat", language="pt-BR", enabled=True,
        )  # fmt: skip
        key = await self._office.create_client(client)
        await wait_for_doors(self._stack.authz_addresses, key, MODEL)
        self._screen.line(f"{synced.names} models priced, control in mode enforce", style="green")
        return key

    async def _maria(self, maria: Person) -> None:
        """Chat until refused, show why, grant, chat again."""
        self._screen.chapter(f"Maria has {usd(MARIA_NANOS, 2)} USD and chats with {MODEL}")
        self._screen.line("in USD; at the end of a line the milliseconds that Pedagio added")
        await self._office.open_account(CLIENT, MARIA)
        await self._office.grant(CLIENT, MARIA, MARIA_NANOS)
        async with httpx.AsyncClient(base_url=self._stack.envoy_url) as http:
            refusal = await self._chat_until_refused(http, maria)
            self._screen.line(f"refused      {refusal.status} {refusal.reason}", style="bold red")
            self._screen.refusal(refusal.sentence)
            await self._office.grant(CLIENT, MARIA, GRANT_NANOS)
            self._screen.line(f"granted      {usd(GRANT_NANOS, 2)} USD more", style="green")
            again = await self._chat(http, maria, QUESTIONS[0])
            if again.refusal is not None:
                raise StoryError(f"refused right after a grant: {again.refusal.sentence}")

    async def _chat_until_refused(self, http: httpx.AsyncClient, maria: Person) -> Refusal:
        for number in range(CHATS_BOUND):
            told = await self._chat(http, maria, QUESTIONS[number % len(QUESTIONS)])
            if told.refusal is not None:
                return told.refusal
        raise StoryError(f"{CHATS_BOUND} chats did not use up {usd(MARIA_NANOS, 2)} USD")

    async def _chat(self, http: httpx.AsyncClient, maria: Person, question: str) -> Chat:
        """One chat; its line comes when it is paid for."""
        body: dict[str, Any] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": f"{question} {ORDER}"}],
        }
        with self._screen.waiting(f"  {question}") as status:
            told = await chat(http, maria, body, lambda text: status.update(f"  … {_end(text)}"))
        if told.refusal is None:
            settled = await self._ledger.settled(told.hold_id)
            left = (await self._office.balance(maria.client, maria.name)).available_nanos
            added = await added_us(self._access_log, told.hold_id)
            self._screen.answered(
                question,
                held_nanos=settled.held_nanos,
                cost_nanos=settled.cost_nanos,
                left_nanos=left,
                added=_milliseconds(added),
            )
        return told

    async def _race(self, racer: Person) -> Race:
        self._screen.chapter(
            f"The race: {TABS} tabs at once, {usd(CREDIT_NANOS, 2)} USD, each may cost a tenth"
        )
        await self._office.open_account(CLIENT, racer.name)
        await self._office.grant(CLIENT, racer.name, CREDIT_NANOS)
        with self._screen.waiting("  64 tabs are waiting for their answers"):
            race = await run_race(self._stack.envoy_url, racer, self._office, self._ledger)
        unused = share(race.unused_nanos, race.credit_nanos)
        self._screen.line(
            f"answered {race.answered}, refused {race.refused}, overspent {race.overspent_nanos} "
            f"nano-USD, unused {unused}"
        )
        self._screen.line(f"(then {race.afterwards} more, one by one, until the first refusal)")
        return race

    async def _crash(self, unlucky: Person) -> Crash:
        self._screen.chapter(
            f"kill -9 of {REPLICA} and of a Postgres session, {CRASH_TABS} tabs chatting"
        )
        await self._office.open_account(CLIENT, unlucky.name)
        await self._office.grant(CLIENT, unlucky.name, CRASH_NANOS)
        with self._screen.waiting("  both are killed in the middle of it"):
            crash = await run_crash(self._stack, unlucky, self._office)
        self._screen.line(
            f"answered {crash.answered}, told to wait (503) {crash.unavailable}, lost {crash.lost}, "
            f"overspent {crash.overspent_nanos} nano-USD, back after {crash.away_s:.1f} s"
        )
        return crash

    async def _books(self) -> Books:
        self._screen.chapter("The books")
        await self._ledger.all_closed()
        books = compare(
            read_truth(self._stack.truth_path),
            await self._ledger.debits(),
            await self._ledger.models(),
            load_price_book(self._stack.price_file).prices,
            ledger_nanos=await self._ledger.debits_nanos(),
            open_holds=await self._ledger.open_holds(),
            overage_nanos=await self._ledger.overage_nanos(),
        )
        sign, style = ("=", "bold green") if books.agree else ("≠", "bold red")
        self._screen.line(
            f"ledger {usd(books.ledger_nanos, 9)} {sign} provider {usd(books.provider_nanos, 9)} "
            f"USD, {books.matched} of {books.calls} matched, {books.open_holds} holds open",
            style=style,
        )
        for each in books.differing:
            self._screen.line(f"differs: {each.response_id}", style="red")
            self._screen.line(
                f"  {each.model}: ledger {_known(each.ledger_nanos)}, "
                f"provider {_known(each.provider_nanos)}",
                style="red",
            )
        return books

    @property
    def _access_log(self) -> Path:
        return self._stack.children["envoy"].log_path


def _known(nanos: int | None) -> str:
    """One side's figure for a call."""
    return "knows nothing of it" if nanos is None else usd(nanos, 9)


def _end(text: str) -> str:
    """The last words of an answer that is still coming."""
    return " ".join(text.split())[-60:]


def _milliseconds(microseconds: int | None) -> str:
    return "?" if microseconds is None else f"+{microseconds / 1000:.1f} ms"
