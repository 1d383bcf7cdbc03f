"""The short address of a refusal: found without having been stored, bound to the first browser, gone after a day."""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from accounting.addresses import (
    PAGE,
    WRONG_A_MINUTE,
    WRONG_ALARM,
    AddressBook,
    NotOpened,
    Opened,
)
from accounting.ingest.extend import Extender, ExtendRequest
from accounting.pricing import CurrentModels
from credit.address import Addresses, code_of, written
from credit.pool import connect
from credit.wording import Wording
from tests.books import Books
from tests.integration.doors import TOKEN_KEY, Replica, new_id
from tests.integration.rules_scene import Team
from tests.unit.door import a_model_map

KEY, OLDER = TOKEN_KEY.encode(), b"o" * 32
HERE, THERE, PEER = "browser-of-maria", "browser-of-somebody", "192.0.2.1"
REFUSED = """
    INSERT INTO decision (hold_id, account_id, client_id, kind, reason, decided_at)
    SELECT gen_random_uuid(), $1, 'librechat', $2, 'insufficient_credit', now() - $3::interval
    FROM generate_series(1, $4) RETURNING hold_id"""


class Alarms:
    """What was raised."""

    def __init__(self) -> None:
        self.raised: list[str] = []

    async def __call__(self, kind: str, _subject: str, _detail: Mapping[str, Any]) -> None:
        """As accounting.alarm.raise_once."""
        self.raised.append(kind)


def a_book(pool: asyncpg.Pool, *keys: bytes, alarms: Alarms | None = None) -> AddressBook:
    """As accounting would have it after a restart."""
    return AddressBook(pool, keys or (KEY,), alarms or Alarms())


def address(hold_id: Any, key: bytes = KEY) -> str:
    """What the person reads."""
    return written(code_of(str(hold_id), key))


def extender(pool: asyncpg.Pool) -> Extender:
    """Accounting's words for an extension, with addresses."""
    url = "https://credit.example.com"
    current = CurrentModels(pool)
    current.models = a_model_map()
    return Extender(pool, Wording("pt-BR", "usd"), current, Addresses(url, (KEY,)))


async def refused(
    pool: asyncpg.Pool, account: int, kind: str = "refuse", ago: str = "1 minute"
) -> str:
    """A refusal on record."""
    return str(
        await pool.fetchval(REFUSED.replace("$3", f"'{ago}'").replace("$4", "1"), account, kind)
    )


async def test_address_opens_for_its_first_browser_alone(pool: asyncpg.Pool) -> None:
    """As often as it likes, whichever process answers; another one learns nothing of whose it is."""
    maria = await Books(pool).account(0)
    hold = await refused(pool, maria)
    book = a_book(pool)
    first = await book.open(address(hold).lower(), HERE, PEER)
    assert isinstance(first, Opened)
    assert (first.account_id, first.hold_id) == (maria, hold)
    assert await book.open(address(hold), HERE, "203.0.113.9") == first
    assert await book.open(address(hold), THERE, PEER) is NotOpened.ELSEWHERE
    assert await a_book(pool).open(address(hold), THERE, PEER) is NotOpened.ELSEWHERE
    # After a change of keys the code still opens, and still only there.
    changed = a_book(pool, OLDER, KEY)
    assert await changed.open(address(hold), HERE, PEER) == first
    assert await changed.open(address(hold), THERE, PEER) is NotOpened.ELSEWHERE
    # A second code of the same refusal (made after the change) is bound like the first.
    assert await changed.open(address(hold, OLDER), THERE, PEER) is NotOpened.ELSEWHERE
    row = await pool.fetchrow("SELECT code_mark, browser_mark FROM address_opening")
    assert row is not None
    kept = bytes(row["code_mark"]) + bytes(row["browser_mark"])
    assert HERE.encode() not in kept
    assert code_of(hold, KEY).encode() not in kept


async def test_address_is_bound_once_by_browsers_that_come_together(pool: asyncpg.Pool) -> None:
    """Twenty browsers, two processes, one moment: one is let in."""
    hold = await refused(pool, await Books(pool).account(0))
    books = [a_book(pool), a_book(pool)]
    opened = await asyncio.gather(
        *(books[n % 2].open(address(hold), f"browser-{n}", f"192.0.2.{n}") for n in range(20))
    )
    assert sorted(isinstance(each, Opened) for each in opened) == [False] * 19 + [True]
    assert {each for each in opened if not isinstance(each, Opened)} == {NotOpened.ELSEWHERE}


@pytest.mark.parametrize(("kind", "ago"), [("would_refuse", "1 minute"), ("refuse", "25 hours")])
async def test_address_that_nobody_read_or_whose_day_is_over_is_unknown(
    pool: asyncpg.Pool, kind: str, ago: str
) -> None:
    """In shadow nobody was shown a refusal."""
    hold = await refused(pool, await Books(pool).account(0), kind, ago)
    assert await a_book(pool).open(address(hold), HERE, PEER) is NotOpened.UNKNOWN
    assert await pool.fetchval("SELECT count(*) FROM address_opening") == 0


async def test_address_ends_a_day_after_its_refusal(pool: asyncpg.Pool) -> None:
    """Not a day after it was opened; and what was opened long ago is forgotten."""
    maria = await Books(pool).account(0)
    hold = await refused(pool, maria, ago="23 hours")
    book = a_book(pool)
    opened = await book.open(address(hold), HERE, PEER)
    assert isinstance(opened, Opened)
    left = await pool.fetchval("SELECT $1::timestamptz - now()", opened.ends_at)
    assert 3500 < left.total_seconds() < 3600
    await pool.execute("UPDATE address_opening SET ends_at = now() - interval '1 second'")
    assert await book.open(address(hold), HERE, PEER) is NotOpened.UNKNOWN
    await pool.execute("UPDATE address_opening SET ends_at = now() - interval '8 days'")
    later = address(await refused(pool, maria))
    assert isinstance(await a_book(pool).open(later, HERE, PEER), Opened)
    assert await pool.fetchval("SELECT count(*) FROM address_opening") == 1


async def test_refusals_of_one_moment_are_all_found(pool: asyncpg.Pool) -> None:
    """More than a page of them, written by one statement; and one that comes later."""
    maria = await Books(pool).account(0)
    rows = await pool.fetch(
        REFUSED.replace("$3", "'1 hour'").replace("$4", str(2 * PAGE + 7)), maria, "refuse"
    )
    now = [0.0]
    book = AddressBook(pool, (KEY,), Alarms(), lambda: now[0])
    for row in (rows[0], rows[PAGE], rows[-1], *rows[PAGE - 3 : PAGE + 3]):
        assert isinstance(await book.open(address(row["hold_id"]), HERE, PEER), Opened)
    late = await refused(pool, maria, ago="0 seconds")
    now[0] += 2
    assert isinstance(await book.open(address(late), HERE, PEER), Opened)


async def test_wrong_codes_cost_no_statement_and_raise_an_alarm(pool: asyncpg.Pool) -> None:
    """A peer that guesses is not answered, not even when it is right; somebody else is."""
    hold = await refused(pool, await Books(pool).account(0))
    alarms = Alarms()
    book = AddressBook(pool, (KEY,), alarms, lambda: 1.0)
    for n in range(WRONG_A_MINUTE):
        wrong = address(uuid.UUID(int=n))
        assert await book.open(wrong, HERE, PEER) is NotOpened.UNKNOWN
    assert await book.open(address(hold), HERE, PEER) is NotOpened.TOO_MANY
    for n in range(WRONG_ALARM):
        await book.open("nonsense", HERE, f"198.51.{n // 250}.{n % 250}")
    assert alarms.raised == ["address_guessing"]
    assert isinstance(await book.open(address(hold), HERE, "203.0.113.1"), Opened)


async def test_address_of_a_refused_extension_is_the_persons_not_the_pools(team: Team) -> None:
    """The refusal is on record with the payer; the page is of who read it."""
    maria = await team.account(0)
    await team.open_pool("vendas", 10_000_000, [maria])
    hold, placed = await team.place(maria, 1_000)
    assert placed.payer != maria
    answer = await extender(team.pool).extend(
        ExtendRequest(hold=uuid.UUID(hold), want_total_nanos=10**12, min_total_nanos=10**12)
    )
    message = answer["error"]["error"]["message"]
    assert f"https://credit.example.com/p/{address(hold)} (ref" in message
    opened = await a_book(team.pool).open(address(hold), HERE, PEER)
    assert isinstance(opened, Opened)
    assert opened.account_id == maria


async def test_address_in_a_refusal_of_a_real_replica_opens(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """What Envoy hands on is what accounting finds, with the rights that accounting has."""
    poor = await books.account(0, "rosa")
    url = "https://credit.example.com/pedagio"
    async with Replica(tmp_path, database_url, public_url=f"{url}/") as authz:
        hold = new_id()
        answer = await authz.ask(hold, x_user_id="rosa")
        assert answer.denied_response.status.code == 402
        text = json.loads(answer.denied_response.body)["error"]["message"]
    (code,) = re.findall(rf"{url}/p/([0-9A-Z]{{5}}-[0-9A-Z]{{4}}) ", text)
    async with await connect(f"{database_url}?role=pedagio_accounting") as pool:
        opened = await a_book(pool).open(code, HERE, PEER)
    assert isinstance(opened, Opened)
    assert (opened.account_id, opened.hold_id) == (poor, hold)
