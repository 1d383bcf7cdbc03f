"""Sends what the outbox holds, as often as it takes, within bounds; a channel that is down delays only itself."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import jinja2
import structlog

from accounting.admin import statements
from accounting.metrics import NOTICES
from accounting.notify.channel import Addressee, Channel, NobodyError, Notice, RejectedError
from accounting.notify.facts import facts_of
from accounting.notify.requests import facts_for_approver, facts_of_link, facts_of_outcome
from credit.away import is_away

LOOK_EVERY_S: Final = 2.0
DELIVER_WITHIN_S: Final = 30.0
# Longer than a delivery can take: nobody else takes what is being delivered.
LEASE_S: Final = 60
PAGE: Final = 50
AT_ONCE: Final = 8
FIRST_RETRY_S: Final = 5
LAST_RETRY_S: Final = 600
GIVE_UP_DAYS: Final = 3
SPIKE_EVERY_S: Final = 600.0
SPIKE_LEAST_NANOS: Final = 1_000_000_000  # a dollar an hour surprises nobody
PROBLEM_LIMIT: Final = 200
# Whoever asked a question hears the answer, also without notices.
ASKED_FOR: Final = frozenset({"request_outcome", "dispute_outcome", "person_link"})

log = structlog.get_logger()


class Worker:
    """Any number may run: each delivery is claimed by one."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        channels: Sequence[Channel],
        admins: Sequence[str],
        language: str,
        public_url: str = "",
    ) -> None:
        """`admins`: addresses of those who run this; `language`: theirs, and of people of whom none is known.

        `public_url`: of the pages for people, without a slash at its end; empty: mails carry no addresses that decide.
        """
        self._pool = pool
        self._channels = {channel.name: channel for channel in channels}
        self._admins = tuple(Addressee(each, "", language) for each in admins)
        self._language = language
        self._public_url = public_url

    async def run(self) -> None:
        """For ever; errors are logged, and what they left is found again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(LOOK_EVERY_S, self.send_due))
            group.create_task(self._every(SPIKE_EVERY_S, self.look_for_spikes))

    async def _every(self, seconds: float, do: Any) -> None:
        while True:
            try:
                await do()
            except Exception as error:  # noqa: BLE001 (the loop must live; the rows stay and are seen again)
                if not is_away(error):
                    log.warning("notices_failed", error=type(error).__name__)
            await asyncio.sleep(seconds)

    async def look_for_spikes(self) -> None:
        """Note an hour that costs far more than usual."""
        await statements.rows(self._pool, "note_spike", least_nanos=SPIKE_LEAST_NANOS)

    async def send_due(self) -> int:
        """Deliver what is due now; how many were tried."""
        tried = 0
        while claimed := await self._claim():
            tried += len(claimed)
            gate = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for row in claimed:
                    group.create_task(self._try(row, gate))
        return tried

    async def _claim(self) -> list[asyncpg.Record]:
        names = list(self._channels)
        await statements.run(
            self._pool, "open_deliveries", channels=names, days=GIVE_UP_DAYS, page=PAGE
        )
        return await statements.rows(
            self._pool,
            "claim_deliveries",
            channels=names,
            lease_s=LEASE_S,
            page=PAGE,
            days=GIVE_UP_DAYS,
        )

    async def _try(self, row: asyncpg.Record, gate: asyncio.Semaphore) -> None:
        async with gate:
            try:
                async with asyncio.timeout(DELIVER_WITHIN_S):
                    notice = await self._notice(row)
                    await self._channels[row["channel"]].deliver(notice)
            except NobodyError as error:
                await self._finish(row, "skipped", str(error))
            except (RejectedError, jinja2.TemplateError) as error:
                await self._finish(row, "failed", _text(error))
            except Exception as error:  # noqa: BLE001 (whatever it is: later)
                if row["old"]:
                    await self._finish(row, "failed", _text(error))
                else:
                    await self._postpone(row, error)
            else:
                await self._finish(row, "sent", None)

    async def _notice(self, row: asyncpg.Record) -> Notice:
        about, language, addressees = None, self._language, self._admins
        if row["kind"] == "request":
            facts, told = await facts_for_approver(
                self._pool, dict(row), language, self._public_url
            )
            return self._made(row, facts, (told,) if row["audience"] == "admin" else addressees)
        if row["account_id"] is not None:
            about = await statements.row(self._pool, "read_addressee", account_id=row["account_id"])
        if about is not None and row["audience"] == "account":
            if not about["wanted"] and row["kind"] not in ASKED_FOR:
                raise NobodyError("the person wants no notices")
            language = about["language"] or self._language
            addressees = (Addressee(about["email"], about["name"], language),)
        account = None if about is None else dict(about)
        facts = facts_of(row["kind"], row["detail"], account, language, datetime.now(UTC))
        if row["kind"] == "person_link":
            facts |= await facts_of_link(self._pool, dict(row), self._public_url)
        if row["kind"] == "request_outcome" and about is not None:
            facts |= await facts_of_outcome(self._pool, dict(row), about["zone"], language)
        return self._made(row, facts, addressees)

    def _made(
        self, row: asyncpg.Record, facts: dict[str, Any], addressees: tuple[Addressee, ...]
    ) -> Notice:
        return Notice(
            row["notice_id"],
            row["kind"],
            row["audience"],
            row["account_id"],
            facts,
            row["created_at"],
            addressees,
        )

    async def _finish(self, row: asyncpg.Record, state: str, problem: str | None) -> None:
        NOTICES.labels(row["channel"], state).inc()
        await statements.run(
            self._pool,
            "finish_delivery",
            notice_id=row["notice_id"],
            channel=row["channel"],
            state=state,
            problem=problem,
        )

    async def _postpone(self, row: asyncpg.Record, error: Exception) -> None:
        NOTICES.labels(row["channel"], "postponed").inc()
        after_s = min(FIRST_RETRY_S * 2 ** min(row["attempts"] - 1, 10), LAST_RETRY_S)
        log.info("notice_postponed", notice=row["notice_id"], error=type(error).__name__)
        await statements.run(
            self._pool,
            "postpone_delivery",
            notice_id=row["notice_id"],
            channel=row["channel"],
            problem=_text(error),
            after_s=after_s,
        )


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:PROBLEM_LIMIT]
