"""The mirror: what each account was a moment ago, in Redis, for the time that Postgres is away.

Written by accounting's relay, read by authz only in the state `bounded` (protocol.md 5). It is never asked
for a normal decision; losing it loses what bounded knows about people whom a replica has not seen itself.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

TTL_S: Final = 24 * 3600
CONNECT_WITHIN_S: Final = 0.3
READ_WITHIN_S: Final = 0.2
WRITE_WITHIN_S: Final = 5.0
MARK: Final = "pedagio:mirror"
FIELDS: Final = ("posted", "held", "overdraft", "version", "status", "status_s", "shadow")

# Highest version wins, in one step: relays of two processes may write the same account in any order.
# The figures stay text, since Lua's numbers are not exact above 2^53; a version stays far below.
WRITE_ACCOUNT: Final = """
local known = redis.call('HGET', KEYS[1], 'version')
if known and tonumber(known) > tonumber(ARGV[5]) then return 0 end
redis.call('HSET', KEYS[1], 'posted', ARGV[2], 'held', ARGV[3], 'overdraft', ARGV[4], 'version', ARGV[5],
           'status', ARGV[6], 'status_s', ARGV[7], 'shadow', ARGV[8])
redis.call('EXPIRE', KEYS[1], ARGV[9])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[9])
return 1
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """An account at one version, nano-USD."""

    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    version: int
    status: str
    status_s: int
    shadow: bool

    @property
    def available_nanos(self) -> int:
        """What was free to spend at that version."""
        return self.posted_nanos + self.overdraft_nanos - self.held_nanos


def figures_in(row: Mapping[str, Any]) -> Figures:
    """A row of the ledger that holds FIELDS."""
    return Figures(*(row[name] for name in FIELDS))


class Mirror:
    """Accounts in Redis. Every method raises redis.RedisError or OSError while it is away."""

    def __init__(self, url: str, *, within_s: float = READ_WITHIN_S) -> None:
        """`within_s` bounds each answer; connects at the first question."""
        self._redis: redis.Redis = redis.from_url(
            url,
            socket_timeout=within_s,
            socket_connect_timeout=CONNECT_WITHIN_S,
            retry=Retry(NoBackoff(), 0),  # who asks is waited for: better not to know, at once
            decode_responses=True,
        )
        self._write = self._redis.register_script(WRITE_ACCOUNT)

    async def __aenter__(self) -> Self:
        """Nothing to do."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def write(self, accounts: Sequence[Mapping[str, Any]]) -> None:
        """Write rows of the statements list_mirrored and list_changed."""
        pipe = self._redis.pipeline(transaction=False)
        for row in accounts:
            keys = [_account_key(row["id"]), _name_key(row["client_id"], row["external_id"])]
            values = [str(int(row[n]) if n == "shadow" else row[n]) for n in FIELDS]
            await cast(
                "Awaitable[Any]", self._write(keys, [str(row["id"]), *values, TTL_S], client=pipe)
            )
        await pipe.execute()

    async def mark_whole(self) -> None:
        """Say that every account was written since the last wipe."""
        await self._redis.set(MARK, "whole", ex=TTL_S)

    async def is_whole(self) -> bool:
        """Whether the mark is there: an emptied Redis has lost it."""
        return bool(await self._redis.exists(MARK))

    async def find(self, account_id: int) -> Figures | None:
        """What the mirror knows of an account."""
        found = await cast(
            "Awaitable[list[str | None]]",
            self._redis.hmget(_account_key(account_id), list(FIELDS)),
        )
        if None in found:
            return None
        posted, held, overdraft, version, status, status_s, shadow = cast("list[str]", found)
        return Figures(
            int(posted),
            int(held),
            int(overdraft),
            int(version),
            status,
            int(status_s),
            shadow == "1",
        )

    async def find_account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a client's name for a person; '' is the client's own."""
        found = await self._redis.get(_name_key(client_id, external_id))
        return None if found is None else int(found)


def _account_key(account_id: int) -> str:
    return f"pedagio:account:{account_id}"


def _name_key(client_id: str, external_id: str) -> str:
    """A client's id holds no colon, so two names never meet."""
    return f"pedagio:name:{client_id}:{external_id}"
