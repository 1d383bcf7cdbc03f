"""authz as real processes while something changes or breaks: modes, Redis, Postgres, itself."""

import asyncio
import os
import signal
from pathlib import Path

import grpc
import pytest

from credit.news import publish
from local import redis as local_redis
from local.probe import free_ports
from local.process import Child
from tests.books import Books
from tests.integration.doors import (
    WANT,
    WITHIN_S,
    Replica,
    Wire,
    claims_of,
    counted,
    held,
    new_id,
    refusal_of,
    until,
)
from tests.unit.door import a_check


async def test_check_that_envoy_gave_up_keeps_the_hold_of_its_retry(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """A per-try timeout cancels the first try while the second is allowed: never void on it."""
    slow = {"place_timeout_s": "20"}
    async with (
        Replica(tmp_path, database_url, "authz-1", **slow) as one,
        Replica(tmp_path, database_url, "authz-2", **slow) as two,
    ):
        hold_id = new_id()
        await one.ask(new_id(), path="/v1/models")  # connected
        async with books.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT id FROM account WHERE external_id = 'maria' FOR UPDATE"
            )
            first = one.check(
                a_check(
                    {"model": "gpt-4o", "max_tokens": 100},
                    authorization="Bearer librechat",
                    x_request_id=hold_id,
                )
            )
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await until(lambda: counted(books, waiting, 1))
            first.cancel()
            second = asyncio.create_task(two.ask(hold_id))
            await until(lambda: counted(books, waiting, 2))
        claims = claims_of(await second)
        assert claims.granted == WANT
        await until(lambda: _settled(books))
        assert await held(books) == WANT


async def test_replica_killed_in_mid_placement_leaves_one_hold_to_the_other(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Nobody knows whether the dead replica's hold was placed; Envoy asks the other with the same id: one hold."""
    async with (
        Replica(tmp_path, database_url, "authz-1") as one,
        Replica(tmp_path, database_url, "authz-2", place_timeout_s="20") as two,
    ):
        hold_id = new_id()
        async with books.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT id FROM account WHERE external_id = 'maria' FOR UPDATE"
            )
            first = asyncio.create_task(one.ask(hold_id))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await until(lambda: counted(books, waiting, 1))
            await one.child.kill()
            with pytest.raises(grpc.aio.AioRpcError):
                await first
            second = asyncio.create_task(two.ask(hold_id))
            await until(lambda: counted(books, waiting, 1))
        assert claims_of(await second).granted == WANT
        await until(lambda: _settled(books))
        assert await held(books) == WANT


async def _settled(books: Books) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return int(await books.pool.fetchval(waiting)) == 0


async def test_mode_that_changes_is_followed_within_a_second(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """By polling alone: refused, passed, refused, without a restart."""
    async with Replica(tmp_path, database_url) as authz:

        async def answers_with(status: int) -> bool:
            answer = await authz.ask(new_id(), x_user_id="")
            return (answer.denied_response.status.code or 200) == status

        assert await answers_with(403)
        for mode, status in (("off", 200), ("enforce", 403), ("closed", 503), ("shadow", 200)):
            await books.pool.execute("UPDATE enforcement SET mode = $1", mode)
            await until(lambda status=status: answers_with(status), within_s=1.0)  # type: ignore[misc]


async def test_mode_that_changes_is_followed_with_redis_too(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """News arrive by message; a Redis that is killed in between changes nothing."""
    server = local_redis.find_server()
    assert server is not None
    (port,) = free_ports(1)
    for part in ("logs", "processes"):
        (tmp_path / part).mkdir()
    environment = {"PATH": os.environ["PATH"]}
    redis = Child(local_redis.command(server, tmp_path, port, environment), tmp_path)
    await redis.start()
    url = local_redis.url(port)
    try:
        async with Replica(tmp_path, database_url, redis_url=url) as authz:
            for mode, status in (("off", 0), ("enforce", 403), ("off", 0)):
                await books.pool.execute("UPDATE enforcement SET mode = $1", mode)
                await publish(url, "mode")

                async def follows(status: int = status) -> bool:
                    answer = await authz.ask(new_id(), x_user_id="")
                    return bool(answer.denied_response.status.code == status)

                await until(follows, within_s=1.0)
                await redis.kill()
    finally:
        await redis.kill()


async def test_ledger_that_is_away_is_a_typed_503_until_it_is_back(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Refused in words while Postgres cannot be reached, served again by itself, nothing held twice."""
    wire = Wire(database_url)
    await wire.mend()
    async with Replica(tmp_path, wire.url) as authz:
        claims_of(await authz.ask(new_id()))
        await wire.cut()
        for person in ("maria", "somebody new"):
            answer = await authz.ask(new_id(), x_user_id=person)
            assert refusal_of(answer) == (503, "enforcement_unavailable")
        await wire.mend()

        async def served() -> bool:
            return bool((await authz.ask(new_id())).status.code == 0)

        await until(served)
        await wire.cut()
    assert await held(books) % WANT == 0


async def test_shadow_without_its_ledger_refuses_nobody(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """The mode is known; that the ledger is away is not the person's problem."""
    await books.pool.execute("UPDATE enforcement SET mode = 'shadow'")
    wire = Wire(database_url)
    await wire.mend()
    async with Replica(tmp_path, wire.url) as authz:
        await wire.cut()
        claims = claims_of(await authz.ask(new_id(), x_user_id="somebody new"))
        assert (claims.mode, claims.account) == ("shadow", "0")


async def test_process_that_leaves_says_so_first_and_answers_what_it_took(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """NOT_SERVING while it still serves, so that Envoy moves over; then the end, with code 0."""
    async with Replica(tmp_path, database_url, place_timeout_s="20") as authz:
        assert await authz.health() == "SERVING"
        async with books.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT id FROM account WHERE external_id = 'maria' FOR UPDATE"
            )
            taken = asyncio.create_task(authz.ask(new_id()))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await until(lambda: counted(books, waiting, 1))
            authz.child.process.send_signal(signal.SIGTERM)

            async def leaving() -> bool:
                return await authz.health() == "NOT_SERVING"

            await until(leaving)
            late = await authz.ask(new_id(), path="/v1/models")
            assert late.status.code == 0
        assert claims_of(await taken).granted == WANT

        async def ended() -> bool:
            return authz.child.process.poll() is not None

        await until(ended, WITHIN_S)
        assert authz.child.process.returncode == 0
        assert await held(books) == WANT
