"""The mirror in Redis: what each account was a moment ago, who pays for a person, for when Postgres is away.

Written by accounting's relay, read by authz only in the state `bounded` (protocol.md 5). It is never asked
for a normal decision; losing it loses what bounded knows about people whom a replica has not seen itself.
"""

import json
from collections.abc import Awaitable, Collection, Mapping, Sequence
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

PAYERS_FIELDS: Final = ("payers_version", "payers")

# Highest version wins, in one step: relays of two processes may write the same account in any order.
# The figures stay text, since Lua's numbers are not exact above 2^53; a version stays far below.
WRITE_ACCOUNT: Final = """
local function newer(field, version)
    local known = redis.call('HGET', KEYS[1], field)
    return not known or tonumber(known) <= tonumber(version)
end
if newer('version', ARGV[5]) then
    redis.call('HSET', KEYS[1], 'posted', ARGV[2], 'held', ARGV[3], 'overdraft', ARGV[4], 'version', ARGV[5],
               'status', ARGV[6], 'status_s', ARGV[7], 'shadow', ARGV[8])
end
if newer('payers_version', ARGV[10]) then
    redis.call('HSET', KEYS[1], 'payers_version', ARGV[10], 'payers', ARGV[11])
end
redis.call('EXPIRE', KEYS[1], ARGV[9])
for n = 2, #KEYS do redis.call('SET', KEYS[n], ARGV[1], 'EX', ARGV[9]) end
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


@dataclass(frozen=True, slots=True)
class Payers:
    """Who may pay for a person, in the order in which the decision tries them: their own account, and pools.

    `order`: account ids, each with the ids of the caps that bound what it pays for this person.
    """

    version: int
    order: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def ids(self) -> set[int]:
        """Every account that has a say."""
        return {one for payer, caps in self.order for one in (payer, *caps)}


def payers_in(row: Mapping[str, Any]) -> Payers:
    """A row of the ledger with what payers_of says (credit/sql/payers.sql)."""
    order = tuple((one["id"], tuple(one["caps"])) for one in row["payers"] or ())
    return Payers(row["payers_version"], order)


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
            keys = [_account_key(row["id"])]
            if row["client_id"] is not None:  # a pool or a cap is nobody's name
                keys.append(_name_key(row["client_id"], row["external_id"]))
            keys += [_name_key(*name.split(":", 1)) for name in row.get("also", ())]
            values = [str(int(row[n]) if n == "shadow" else row[n]) for n in FIELDS]
            payers = [str(row["payers_version"]), json.dumps(row["payers"])]
            arguments = [str(row["id"]), *values, str(TTL_S), *payers]
            await cast("Awaitable[Any]", self._write(keys, arguments, client=pipe))
        await pipe.execute()

    async def mark_whole(self) -> None:
        """Say that every account was written since the last wipe."""
        await self._redis.set(MARK, "whole", ex=TTL_S)

    async def is_whole(self) -> bool:
        """Whether the mark is there: an emptied Redis has lost it."""
        return bool(await self._redis.exists(MARK))

    async def find(self, account_ids: Collection[int]) -> dict[int, Figures]:
        """What the mirror knows of these accounts, by id."""
        pipe = self._redis.pipeline(transaction=False)
        for account_id in account_ids:
            pipe.hmget(_account_key(account_id), list(FIELDS))
        found = cast("list[list[str | None]]", await pipe.execute())
        return {
            account_id: _figures(cast("list[str]", values))
            for account_id, values in zip(account_ids, found, strict=True)
            if None not in values
        }

    async def find_payers(self, account_id: int) -> Payers | None:
        """Who may pay for a person, as far as the mirror knows."""
        version, payers = await cast(
            "Awaitable[list[str | None]]",
            self._redis.hmget(_account_key(account_id), list(PAYERS_FIELDS)),
        )
        if version is None or payers is None:
            return None
        return payers_in({"payers_version": int(version), "payers": json.loads(payers)})

    async def find_account(self, client_id: str, external_id: str) -> int | None:
        """The account behind a client's name for a person; '' is the client's own."""
        found = await self._redis.get(_name_key(client_id, external_id))
        return None if found is None else int(found)


def _figures(values: Sequence[str]) -> Figures:
    posted, held, overdraft, version, status, status_s, shadow = values
    numbers = int(posted), int(held), int(overdraft), int(version)
    return Figures(*numbers, status, int(status_s), shadow=shadow == "1")


def _account_key(account_id: int) -> str:
    return f"pedagio:account:{account_id}"


def _name_key(client_id: str, external_id: str) -> str:
    """A client's id holds no colon, so two names never meet."""
    return f"pedagio:name:{client_id}:{external_id}"
