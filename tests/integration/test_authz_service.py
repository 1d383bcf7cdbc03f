"""authz as real processes over the real ledger, asked as Envoy asks."""

import asyncio
import json
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from credit.news import publish
from credit.token import Claims, verify
from local import redis as local_redis
from local.probe import free_ports
from local.process import Child
from protos import ext_authz_pb2 as pb
from tests.books import Books
from tests.integration.doors import TOKEN_KEY, WITHIN_S, Replica, Wire, open_for_business, until
from tests.unit.door import a_check

CREDIT = 100_000_000
WANT = 2_000 * 2_500 + 100 * 10_000  # 2,000 bytes and 100 tokens of gpt-4o, nano-USD


@pytest.fixture
async def books(pool: asyncpg.Pool) -> Books:
    """A ledger in enforce with Maria on it."""
    await open_for_business(pool)
    opened = Books(pool)
    await opened.account(CREDIT)
    return opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the processes log."""
    return tmp_path


def claims_of(answer: pb.CheckResponse) -> Claims:
    """What the token of an allowed request says."""
    assert answer.status.code == 0, answer
    headers = {h.header.key: h.header.value for h in answer.ok_response.headers}
    return verify(headers["x-pedagio-hold"], [TOKEN_KEY.encode()])


def refusal_of(answer: pb.CheckResponse) -> tuple[int, Any]:
    """HTTP status and reason of a refused request."""
    assert answer.status.code != 0
    denied = answer.denied_response
    return denied.status.code, json.loads(denied.body)["error"]["code"]


def new_id() -> str:
    """What Envoy makes for each request."""
    return str(uuid.uuid4())


async def held(books: Books) -> int:
    """What is reserved on Maria's account; the books add up."""
    await books.check()
    return int(await books.pool.fetchval("SELECT held FROM account WHERE external_id = 'maria'"))


async def test_check_of_a_person_with_credit_is_allowed_with_a_hold(
    books: Books, database_url: str, folder: Path
) -> None:
    """From Envoy's question to a row in the ledger and a token."""
    async with Replica(folder, database_url) as authz:
        hold_id = new_id()
        claims = claims_of(await authz.ask(hold_id))
        assert (claims.hold, claims.granted, claims.mode) == (hold_id, WANT, "enforce")
        assert await held(books) == WANT


async def test_check_without_credit_is_refused_with_its_figures(
    books: Books, database_url: str, folder: Path
) -> None:
    """402, the decision on record, nothing held; asked again, the same answer."""
    await books.account(0, "jose")
    async with Replica(folder, database_url) as authz:
        hold_id = new_id()
        for _ in range(2):
            answer = await authz.ask(hold_id, x_user_id="jose")
            assert refusal_of(answer) == (402, "insufficient_credit")
        row = await books.pool.fetchrow(
            "SELECT kind, want, posted FROM decision WHERE ref = $1", hold_id[:6]
        )
        assert row is not None
        assert tuple(row) == ("refuse", WANT, 0)


async def test_check_that_makes_no_sense_leaves_the_others_alone(
    books: Books, database_url: str, folder: Path
) -> None:
    """Poison in one request of a crowd: each good one is served, each bad one is refused."""
    poison: list[dict[str, Any]] = [
        {"body": {"model": "gpt\x00-4o"}},
        {"body": {"model": "gpt-4o", "n": 1e300}},
        {"body": {"model": "gpt-4o", "service_tier": "\x00"}},
        {"hold_id": "no-uuid"},
        {"hold_id": "'; DROP TABLE hold; --"},
        {"x_user_id": "ma\x00ria"},
        {"x_user_id": "\u202e"},
        {"size": 2**63 - 1, "path": "/v1/embeddings"},
        {"path": "/v1/chat/completions?model=gpt-5"},
    ]
    async with Replica(folder, database_url) as authz:
        bad = [authz.ask(**{"hold_id": new_id()} | more) for more in poison]
        good = [authz.ask(new_id()) for _ in range(5)]
        answers = await asyncio.gather(*bad, *good)
        for answer in answers[len(bad) :]:
            claims_of(answer)
        statuses = {refusal_of(answer)[0] for answer in answers[: len(bad)] if answer.status.code}
        assert statuses <= {400, 402, 403}
        noted = "SELECT count(*) FROM decision WHERE reason <> 'insufficient_credit'"
        await until(lambda: _counted(books, noted, 6))
        await books.check()


async def _counted(books: Books, statement: str, at_least: int) -> bool:
    return int(await books.pool.fetchval(statement)) >= at_least


async def test_check_with_a_megabyte_in_a_field_is_refused_in_words(
    books: Books, database_url: str, folder: Path
) -> None:
    """A scalar may be as long as the body: not an error of the service, but a bad request."""
    async with Replica(folder, database_url) as authz:
        long = {"model": "x" * 6_000_000}
        assert refusal_of(await authz.ask(new_id(), body=long)) == (400, "bad_request")


async def test_person_that_nobody_knows_is_created_where_the_policy_says_so(
    books: Books, database_url: str, folder: Path
) -> None:
    """Many first requests at once make one account."""
    async with Replica(folder, database_url) as authz:
        asked = [authz.ask(new_id(), x_user_id="new person") for _ in range(20)]
        answers = await asyncio.gather(*asked)
        assert {refusal_of(answer) for answer in answers} == {(402, "insufficient_credit")}
        found = "SELECT count(*) FROM account WHERE external_id = 'new person'"
        assert await books.pool.fetchval(found) == 1


async def test_crowd_on_one_account_never_holds_more_than_its_credit(
    books: Books, database_url: str, folder: Path
) -> None:
    """64 at once over two replicas: what is allowed fits, what is refused says why."""
    await books.account(10 * WANT, "jose")
    async with (
        Replica(folder, database_url, "authz-1") as one,
        Replica(folder, database_url, "authz-2") as two,
    ):
        asked = [(one, two)[n % 2].ask(new_id(), x_user_id="jose") for n in range(64)]
        answers = await asyncio.gather(*asked)
    granted = [claims_of(answer).granted for answer in answers if answer.status.code == 0]
    reasons = {refusal_of(answer) for answer in answers if answer.status.code}
    assert 10 <= len(granted) < 64
    assert sum(granted) <= 10 * WANT
    assert reasons == {(402, "credit_in_flight")}
    await books.check()


async def test_check_repeated_on_the_other_replica_is_one_hold(
    books: Books, database_url: str, folder: Path
) -> None:
    """Envoy's retry carries the same id: the same answer everywhere, held once."""
    async with (
        Replica(folder, database_url, "authz-1") as one,
        Replica(folder, database_url, "authz-2") as two,
    ):
        hold_id = new_id()
        asked = [replica.ask(hold_id) for replica in (one, two, one, two)]
        granted = {claims_of(answer).granted for answer in await asyncio.gather(*asked)}
    assert granted == {WANT}
    assert await held(books) == WANT


async def test_check_that_envoy_gave_up_keeps_the_hold_of_its_retry(
    books: Books, database_url: str, folder: Path
) -> None:
    """A per-try timeout cancels the first try while the second is allowed: never void on it."""
    slow = {"place_timeout_s": "20"}
    async with (
        Replica(folder, database_url, "authz-1", **slow) as one,
        Replica(folder, database_url, "authz-2", **slow) as two,
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
            await until(lambda: _counted(books, waiting, 1))
            first.cancel()
            second = asyncio.create_task(two.ask(hold_id))
            await until(lambda: _counted(books, waiting, 2))
        claims = claims_of(await second)
        assert claims.granted == WANT
        await until(lambda: _settled(books))
        assert await held(books) == WANT


async def _settled(books: Books) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return int(await books.pool.fetchval(waiting)) == 0


async def test_mode_that_changes_is_followed_within_a_second(
    books: Books, database_url: str, folder: Path
) -> None:
    """By polling alone: refused, passed, refused, without a restart."""
    async with Replica(folder, database_url) as authz:

        async def answers_with(status: int) -> bool:
            answer = await authz.ask(new_id(), x_user_id="")
            return (answer.denied_response.status.code or 200) == status

        assert await answers_with(403)
        for mode, status in (("off", 200), ("enforce", 403), ("closed", 503), ("shadow", 200)):
            await books.pool.execute("UPDATE enforcement SET mode = $1", mode)
            await until(lambda status=status: answers_with(status), within_s=1.0)  # type: ignore[misc]


async def test_mode_that_changes_is_followed_with_redis_too(
    books: Books, database_url: str, folder: Path
) -> None:
    """News arrive by message; a Redis that is killed in between changes nothing."""
    server = local_redis.find_server()
    assert server is not None
    (port,) = free_ports(1)
    for part in ("logs", "processes"):
        (folder / part).mkdir()
    environment = {"PATH": os.environ["PATH"]}
    redis = Child(local_redis.command(server, folder, port, environment), folder)
    await redis.start()
    url = local_redis.url(port)
    try:
        async with Replica(folder, database_url, redis_url=url) as authz:
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
    books: Books, database_url: str, folder: Path
) -> None:
    """Refused in words while Postgres cannot be reached, served again by itself, nothing held twice."""
    wire = Wire(database_url)
    await wire.mend()
    async with Replica(folder, wire.url) as authz:
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
    books: Books, database_url: str, folder: Path
) -> None:
    """The mode is known; that the ledger is away is not the person's problem."""
    await books.pool.execute("UPDATE enforcement SET mode = 'shadow'")
    wire = Wire(database_url)
    await wire.mend()
    async with Replica(folder, wire.url) as authz:
        await wire.cut()
        claims = claims_of(await authz.ask(new_id(), x_user_id="somebody new"))
        assert (claims.mode, claims.account) == ("shadow", "0")


async def test_process_that_leaves_says_so_first_and_answers_what_it_took(
    books: Books, database_url: str, folder: Path
) -> None:
    """NOT_SERVING while it still serves, so that Envoy moves over; then the end, with code 0."""
    async with Replica(folder, database_url, place_timeout_s="20") as authz:
        assert await authz.health() == "SERVING"
        async with books.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT id FROM account WHERE external_id = 'maria' FOR UPDATE"
            )
            taken = asyncio.create_task(authz.ask(new_id()))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            await until(lambda: _counted(books, waiting, 1))
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
