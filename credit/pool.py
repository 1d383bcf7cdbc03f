"""Connections to Postgres: every wait bounded, to whichever server takes writes, through a pooler too.

The address may name several servers (`postgresql://user@a:5432,b:5432/db`): all are tried at once and
the one that takes writes is used, so a dead machine that answers nothing costs no time. A pooler in
between is recognised, and met with statements that need no session (docs/how-to/use-a-pooler.md).
"""

import asyncio
import contextlib
import json
import logging
import re
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import asyncpg
import structlog
from asyncpg.connect_utils import SessionAttribute

from credit.away import is_away

# Bounds of every wait on Postgres, in seconds. A statement is given up after the sum of the first two
# when the pool is empty, and the third is how long a connection may take to come back to the pool.
ACQUIRE_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 10.0
RELEASE_TIMEOUT_S = 1.0
CONNECT_TIMEOUT_S = 5.0
# A process that starts in an outage asks this often.
RETRY_S = 0.5
# At most so often are all connections made anew, because one of them did not answer.
RENEW_EVERY_S = 2.0

# Prepared statements kept by a connection. Behind a pooler the next statement may meet another server
# process, which knows none of them.
STATEMENTS_KEPT = 100
# A server process whose client is gone ends at its next look, instead of waiting in a queue for a lock.
CLIENT_CHECK = "2s"
IDLE_IN_TRANSACTION = "5s"

# The driver tries in the background to refill the pool and writes a traceback for each failure; who
# needs a connection meanwhile says in one line that there is none.
logging.getLogger("asyncpg").setLevel(logging.ERROR)

# What stands before the hosts, with the account; the hosts; the database and the options.
_HOSTS = re.compile(r"((?:\w+://)?(?:[^/?#]*@)?)([^/?#]*)(.*)", re.DOTALL)

log = structlog.get_logger()


class Connection(asyncpg.Connection):
    """A connection that is left, not cancelled, when the answer takes too long.

    A commit that waits for the synchronous standby would end its wait on a cancel, and become visible
    here although a failover loses it: the same statement sent again would then be answered as done.
    Left alone it stays invisible until the standby has it. Leaving takes no round trip, either, which
    a server that is frozen or cut off would not answer.
    """

    __slots__ = ("left",)

    def _cancel_current_command(self, *_: Any) -> None:
        self.left = True
        # Not at once: the driver still writes the outcome of the statement down.
        asyncio.get_running_loop().call_soon(self.terminate)

    async def close(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (the driver's own signature)
    ) -> None:
        """Say goodbye; who does not answer within the bound is left."""
        with contextlib.suppress(TimeoutError):
            await super().close(timeout=RELEASE_TIMEOUT_S if timeout is None else timeout)


class Pool(asyncpg.Pool):
    """A pool in which nobody waits without an end, for a connection or for giving it back."""

    _renewed_s = 0.0

    def acquire(self, *, timeout: float | None = None) -> Any:
        """A connection within `timeout` seconds; raises TimeoutError."""
        return super().acquire(timeout=ACQUIRE_TIMEOUT_S if timeout is None else timeout)

    async def release(
        self,
        connection: Any,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (the driver's own signature)
    ) -> None:
        """Give a connection back; one that cannot be made fit for use within the bound is dropped."""
        if getattr(connection, "left", False):
            connection.terminate()
            await self._renew()
            return
        await super().release(connection, timeout=RELEASE_TIMEOUT_S if timeout is None else timeout)

    async def _renew(self) -> None:
        """Trust no connection to a server that did not answer: each would cost another wait."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._renewed_s + RENEW_EVERY_S:
            self._renewed_s = now_s
            await self.expire_connections()

    async def __aenter__(self) -> Self:
        """Fill the pool."""
        await super().__aenter__()
        return self


async def connect(url: str, *, min_size: int = 1, max_size: int = 4, role: str = "pedagio") -> Pool:
    """Open a pool; JSON columns travel as Python values. Raises OSError or asyncpg.PostgresError."""
    settings = {"application_name": role}
    pooled = await _is_pooled(url, settings)
    if not pooled:
        settings["client_connection_check_interval"] = CLIENT_CHECK
        settings["idle_in_transaction_session_timeout"] = IDLE_IN_TRANSACTION
    pool = Pool(
        url,
        min_size=min_size,
        max_size=max_size,
        connect=_connect,  # type: ignore[arg-type]  # the stub lists each option by name
        connection_class=Connection,
        record_class=asyncpg.Record,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=None,
        init=_prepare_connection,
        reset=_keep_session,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=settings,
        statement_cache_size=0 if pooled else STATEMENTS_KEPT,
    )
    return await pool


async def connect_when_there(url: str, *, min_size: int, max_size: int, role: str) -> Pool:
    """A pool; a process that starts in an outage waits for its end.

    Raises asyncpg.PostgresError when Postgres is there and refuses us.
    """
    while True:
        try:
            return await connect(url, min_size=min_size, max_size=max_size, role=role)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("ledger_away", error=type(error).__name__)
            await asyncio.sleep(RETRY_S)


async def find_writer(url: str) -> str:
    """The address of the one server that takes writes, of the several that `url` may name."""
    connection, found = await _first_writer(url, timeout=CONNECT_TIMEOUT_S)
    connection.terminate()
    return found


def servers(url: str) -> list[str]:
    """One address for each server that the address names; a single one is returned as it is."""
    # Not by urlsplit: to some releases of Python a list of hosts with brackets in it is no address.
    before, hosts, after = _HOSTS.fullmatch(url).groups()  # type: ignore[union-attr]  # fits any text
    return [f"{before}{host}{after}" for host in hosts.split(",")]


async def _is_pooled(url: str, settings: dict[str, str]) -> bool:
    """Whether a pooler stands in between: it says another process id at the door than the server does."""
    probe = await _connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=settings,
        statement_cache_size=0,
    )
    try:
        return bool(await probe.fetchval("SELECT pg_backend_pid()") != probe.get_server_pid())
    finally:
        probe.terminate()


async def _connect(url: str, **options: Any) -> Any:
    if len(servers(url)) == 1:
        return await asyncpg.connect(url, **options)
    return (await _first_writer(url, **options))[0]


async def _first_writer(url: str, **options: Any) -> tuple[Any, str]:
    """Ask every server at once; the first that takes writes wins, the others are let go."""
    named = {_start(one, options): one for one in servers(url)}
    waiting, errors = set(named), []
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) is None:
                    return task.result(), named.pop(task)
                errors.append(error)
    finally:
        await _let_go(named)
    why = ", ".join(sorted({type(error).__name__ for error in errors}))
    raise ConnectionError(f"no server of the address takes writes: {why}") from errors[-1]


def _start(url: str, options: dict[str, Any]) -> "asyncio.Task[Any]":
    """The address may ask for another kind of server; without a word it must take writes."""
    if "target_session_attrs" not in parse_qs(urlsplit(url).query):
        options = {**options, "target_session_attrs": SessionAttribute.read_write}
    return asyncio.create_task(asyncpg.connect(url, **options))


async def _let_go(tasks: Any) -> None:
    for task in tasks:
        task.cancel()
    for late in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(late, asyncpg.Connection):
            late.terminate()


async def _keep_session(_: Any) -> None:
    """Leave a returned connection as it is; the driver has already rolled back what was open.

    The default is a second round trip after each statement, which is as long as the statement.
    Nothing of ours sets session state: no SET, no LISTEN, no advisory lock of a session. That is
    also what lets a pooler stand in between.
    """


async def _prepare_connection(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )
