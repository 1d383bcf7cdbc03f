"""authz as real processes while Postgres is away: on within a cap, placed first when it is back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from accounting.relay import relay_of
from credit.mirror import Mirror
from tests.books import Books
from tests.integration.doors import (
    WANT,
    Wire,
    claims_of,
    held,
    new_id,
    open_for_business,
    refusal_of,
    until,
)
from tests.integration.outage import CAP, Mute, Watched, running_redis

CREDIT = 100_000_000
UNAVAILABLE = (503, "enforcement_unavailable")


@pytest.fixture
async def books(pool: asyncpg.Pool) -> Books:
    """A ledger in enforce with Maria on it."""
    await open_for_business(pool)
    opened = Books(pool)
    await opened.account(CREDIT)
    return opened


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    """The way to Postgres, whole until it is cut."""
    wire = Wire(database_url)
    await wire.mend()
    yield wire
    await wire.cut()


async def alarms(books: Books) -> list[tuple[str, str | None]]:
    """What was told so far: kind, state; each has its line in the audit."""
    # One statement, so one snapshot: between two, authz would commit the next one.
    told = await books.pool.fetch(
        """
        SELECT kind, detail ->> 'state' AS state, (
            SELECT count(*) FROM audit WHERE action LIKE 'store_%' AND actor LIKE 'authz %'
        ) AS audited
        FROM alarm ORDER BY id
        """
    )
    assert {row["audited"] for row in told} <= {len(told)}
    return [(row["kind"], row["state"]) for row in told]


async def test_postgres_away_lets_a_person_go_on_up_to_the_cap(
    books: Books, wire: Wire, tmp_path: Path
) -> None:
    """First unknown, then within the cap, then 503 and never 402; back: placed, then the ledger decides."""
    async with Watched(tmp_path, wire) as authz:
        claims_of(await authz.ask(new_id()))
        await wire.cut()
        assert refusal_of(await authz.ask(new_id())) == UNAVAILABLE
        await authz.until_state("bounded")
        ids = [new_id() for _ in range(12)]
        answers = await asyncio.gather(*(authz.ask(one) for one in ids))
        allowed = {i: claims_of(a) for i, a in zip(ids, answers, strict=True) if not a.status.code}
        assert 3 <= len(allowed) < 12
        assert sum(claims.granted for claims in allowed.values()) <= CAP
        assert {refusal_of(a) for a in answers if a.status.code} == {UNAVAILABLE}
        again = next(iter(allowed))
        assert claims_of(await authz.ask(again)).granted == allowed[again].granted
        assert refusal_of(await authz.ask(new_id(), x_user_id="stranger")) == UNAVAILABLE
        await wire.mend()
        await authz.until_state("connected")
        granted = sum(claims.granted for claims in allowed.values())
        assert await held(books) == WANT + granted
        rows = await books.pool.fetch("SELECT id::text FROM hold WHERE placed_by = 'bounded'")
        assert {row["id"] for row in rows} == set(allowed)
        assert claims_of(await authz.ask(new_id())).granted == WANT
        assert await held(books) == 2 * WANT + granted

        async def told() -> bool:
            return len(await alarms(books)) == 2

        await until(told)
        assert await alarms(books) == [("store_away", "bounded"), ("store_back", None)]
        assert await authz.metric("pedagio_bounded_granted_nanos") == 0
        assert await authz.metric('pedagio_decisions_total{reason="",result="allow"}') is not None
        assert await authz.metric("pedagio_place_unknown_total") == 1


async def test_postgres_that_is_silent_is_away_like_one_that_refuses(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """A frozen server or a dropped network answers nobody: the same states, and no wait without an end."""
    wire = Mute(database_url)
    await wire.mend()
    async with Watched(tmp_path, wire) as authz:
        claims_of(await authz.ask(new_id()))
        wire.speaks.clear()
        assert refusal_of(await authz.ask(new_id())) == UNAVAILABLE
        await authz.until_state("bounded")
        began = asyncio.get_running_loop().time()
        hold_id = new_id()
        granted = claims_of(await authz.ask(hold_id)).granted
        assert asyncio.get_running_loop().time() - began < 1.0
        wire.speaks.set()
        await authz.until_state("connected")
        row = await books.pool.fetchrow("SELECT granted FROM hold WHERE id = $1", hold_id)
        assert row is not None
        assert row["granted"] == granted
        claims_of(await authz.ask(new_id()))
        await books.check()
    await wire.cut()


async def test_replica_that_dies_in_the_outage_has_its_holds_placed(
    books: Books, wire: Wire, tmp_path: Path
) -> None:
    """After the answers, kill -9: what was granted is on disk, and the next process places it first."""
    async with Watched(tmp_path, wire) as authz:
        claims_of(await authz.ask(new_id()))
        await wire.cut()
        await authz.until_state("bounded")
        hold_id = new_id()
        granted = claims_of(await authz.ask(hold_id)).granted
        await authz.child.kill()
        restarting = asyncio.create_task(authz.child.start())
        await wire.mend()
        await restarting
        await authz.until_state("connected")
        row = await books.pool.fetchrow(
            "SELECT granted, placed_by FROM hold WHERE id = $1", hold_id
        )
        assert row is not None
        assert tuple(row) == (granted, "bounded")
        assert await held(books) == WANT + granted


async def test_postgres_away_where_nobody_may_grant_is_refused_at_once(
    books: Books, wire: Wire, tmp_path: Path
) -> None:
    """By the setting, without a folder, its time up: 503 without waiting; what is free still passes."""
    closed = (
        {"when_postgres_away": "closed"},
        {"bounded_dir": ""},
        {"bounded_for_s": "0"},
    )
    async with contextlib.AsyncExitStack() as running:
        replicas = [
            Watched(tmp_path, wire, f"authz-{n}", **{"place_timeout_s": "5", **more})
            for n, more in enumerate(closed)
        ]
        await asyncio.gather(*(running.enter_async_context(replica) for replica in replicas))
        for replica in replicas:
            claims_of(await replica.ask(new_id()))
        await wire.cut()
        for replica in replicas:
            await replica.until_state("closed")
        began = asyncio.get_running_loop().time()
        for replica in replicas:
            for person in ("maria", "somebody new"):
                assert refusal_of(await replica.ask(new_id(), x_user_id=person)) == UNAVAILABLE
            assert (await replica.ask(new_id(), path="/v1/models")).status.code == 0
        assert asyncio.get_running_loop().time() - began < 2.0
        await wire.mend()
        for replica in replicas:
            await replica.until_state("connected")
            claims_of(await replica.ask(new_id()))


async def test_accounts_that_must_not_be_blocked_or_served_are_known_in_the_outage(
    books: Books, wire: Wire, tmp_path: Path
) -> None:
    """Suspended when last seen: 503, only the ledger says it. Off, shadow, its cohort: all pass, unreserved."""
    for name in ("jose", "rita"):
        await books.account(CREDIT, name)
    await books.pool.execute(
        "UPDATE account SET status = 'suspended', version = version + 1 WHERE external_id = 'jose'"
    )
    await books.pool.execute(
        "UPDATE account SET mode_override = 'shadow', version = version + 1"
        " WHERE external_id = 'rita'"
    )
    async with Watched(tmp_path, wire) as authz:
        for name in ("maria", "jose", "rita"):
            await authz.ask(new_id(), x_user_id=name)
        before = await held(books)
        await wire.cut()
        await authz.until_state("bounded")
        assert refusal_of(await authz.ask(new_id(), x_user_id="jose")) == UNAVAILABLE
        claims = claims_of(await authz.ask(new_id(), x_user_id="rita"))
        assert (claims.mode, claims.granted) == ("shadow", 0)
        await wire.mend()
        await authz.until_state("connected")
        assert await held(books) == before


async def test_account_seen_only_by_the_mirror_goes_on_with_the_newest_figures(
    books: Books, wire: Wire, tmp_path: Path
) -> None:
    """A replica that never met a person asks the mirror; of its own and the mirror's, the newer counts."""
    rita = await books.account(3 * WANT, "rita")
    async with (
        running_redis(tmp_path) as (redis, url),
        Watched(tmp_path, wire, redis_url=url) as authz,
        Mirror(url, within_s=2.0) as mirror,
    ):
        claims_of(await authz.ask(new_id()))
        # Maria spends elsewhere: this replica has seen her rich, the mirror knows better.
        await books.pool.execute(
            "UPDATE account SET overdraft = 0, held = held, posted = posted - $1,"
            " version = version + 1 WHERE external_id = 'maria'",
            CREDIT - WANT,
        )
        await relay_of(books.pool, mirror).round()
        assert rita in await mirror.find([rita])
        await wire.cut()
        await authz.until_state("bounded")
        assert claims_of(await authz.ask(new_id(), x_user_id="rita")).account == str(rita)
        assert refusal_of(await authz.ask(new_id())) == UNAVAILABLE
        await redis.kill()
        assert refusal_of(await authz.ask(new_id(), x_user_id="stranger")) == UNAVAILABLE
        claims_of(await authz.ask(new_id()))  # only what it saw itself is left: Maria, rich


async def test_bounded_hold_that_was_reported_first_is_debited_once(
    books: Books, wire: Wire, tmp_path: Path
) -> None:
    """Its report reaches the ledger before the replica does: nothing is reserved twice, nothing doubled."""
    async with Watched(tmp_path, wire) as authz:
        claims_of(await authz.ask(new_id()))
        await wire.cut()
        await authz.until_state("bounded")
        hold_id = new_id()
        claims = claims_of(await authz.ask(hold_id))
        lines = [
            json.loads(line)
            for path in (tmp_path / "bounded").glob("*.jsonl")
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        assert [line["id"] for line in lines] == [hold_id]
        record = {
            "id": "0" * 32,
            "hold_id": hold_id,
            "account_id": int(claims.account),
            "client_id": "librechat",
            "route": "chat",
            "model": "gpt-4o",
            "kind": "start",
            "body": {},
            "at_ms": 1_795_000_000_000,
        }
        await books.report([record], [])
        await wire.mend()
        await authz.until_state("connected")
        placed = await books.pool.fetch("SELECT placed_by FROM hold WHERE id = $1", hold_id)
        assert [row["placed_by"] for row in placed] == ["report"]
        assert await held(books) == WANT
