"""Notes of refusals made at the door, written after the answer so that nobody waits for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from authz.body import model_name
from authz.metrics import NOTES_DROPPED
from authz.request import Request
from authz.snapshot import Client
from credit.refusal import Reason

QUEUE_LIMIT = 10_000
PATH_LIMIT = 200

log = structlog.get_logger()


class Why(Protocol):
    """The part of a problem that is written down."""

    @property
    def reason(self) -> Any:
        """The reason."""

    @property
    def param(self) -> str | None:
        """The field or model it is about."""

    @property
    def seen(self) -> str:
        """Of a wrong value, what may be written down."""

    @property
    def account_id(self) -> int | None:
        """Whose, where that is known."""


class Notes:
    """A bounded queue of decision rows; what does not fit, or fails, is counted and dropped.

    These refusals moved no money: losing a note loses an explanation, nothing else.
    """

    def __init__(self, write: Callable[..., Awaitable[None]]) -> None:
        """`write` runs the statement record_decision."""
        self._write = write
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_LIMIT)
        self.dropped = 0

    def note(self, request: Request, client: Client, kind: str, problem: Why) -> None:
        """Queue one row; `kind` is refuse or would_refuse."""
        if not request.hold_id:  # nothing to find it by
            self._drop()
            return
        row = {
            "hold_id": request.hold_id,
            "account_id": problem.account_id,
            "client_id": client.id,
            "kind": kind,
            "reason": str(problem.reason),
            "model": model_name(request.body),
            # What a path is refused for is the path itself.
            "detail": request.path[:PATH_LIMIT]
            if problem.reason == Reason.UNKNOWN_PATH
            else _field(problem),
        }
        try:
            self._queue.put_nowait(row)
        except asyncio.QueueFull:
            self._drop()

    def _drop(self) -> None:
        self.dropped += 1
        NOTES_DROPPED.inc()

    async def run(self) -> None:
        """Write the rows one by one, for ever."""
        while True:
            row = await self._queue.get()
            try:
                await self._write(**row)
            except Exception as error:  # noqa: BLE001 (see the class: a lost note is counted, nothing more)
                self._drop()
                log.warning("decision_not_noted", error=type(error).__name__, dropped=self.dropped)


def _field(problem: Why) -> str | None:
    """The field, with what its value was as far as that may be kept."""
    return f"{problem.param} = {problem.seen}" if problem.param and problem.seen else problem.param
