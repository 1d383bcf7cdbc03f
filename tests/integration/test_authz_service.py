"""authz as real processes over the real ledger, asked as Envoy asks."""

import asyncio
from pathlib import Path
from typing import Any

from tests.books import Books
from tests.integration.doors import (
    WANT,
    Replica,
    claims_of,
    counted,
    held,
    new_id,
    refusal_of,
    until,
)


async def test_check_of_a_person_with_credit_is_allowed_with_a_hold(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """From Envoy's question to a row in the ledger and a token."""
    async with Replica(tmp_path, database_url) as authz:
        hold_id = new_id()
        claims = claims_of(await authz.ask(hold_id))
        assert (claims.hold, claims.granted, claims.mode) == (hold_id, WANT, "enforce")
        assert await held(books) == WANT


async def test_check_without_credit_is_refused_with_its_figures(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """402, the decision on record, nothing held; asked again, the same answer."""
    await books.account(0, "jose")
    async with Replica(tmp_path, database_url) as authz:
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
    books: Books, database_url: str, tmp_path: Path
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
    async with Replica(tmp_path, database_url) as authz:
        bad = [authz.ask(**{"hold_id": new_id()} | more) for more in poison]
        good = [authz.ask(new_id()) for _ in range(5)]
        answers = await asyncio.gather(*bad, *good)
        for answer in answers[len(bad) :]:
            claims_of(answer)
        statuses = {refusal_of(answer)[0] for answer in answers[: len(bad)] if answer.status.code}
        assert statuses <= {400, 402, 403}
        noted = "SELECT count(*) FROM decision WHERE reason <> 'insufficient_credit'"
        await until(lambda: counted(books, noted, 6))
        await books.check()


async def test_check_with_a_megabyte_in_a_field_is_refused_in_words(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """A scalar may be as long as the body: not an error of the service, but a bad request."""
    async with Replica(tmp_path, database_url) as authz:
        long = {"model": "x" * 6_000_000}
        assert refusal_of(await authz.ask(new_id(), body=long)) == (400, "bad_request")


async def test_person_that_nobody_knows_is_created_where_the_policy_says_so(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Many first requests at once make one account."""
    async with Replica(tmp_path, database_url) as authz:
        asked = [authz.ask(new_id(), x_user_id="new person") for _ in range(20)]
        answers = await asyncio.gather(*asked)
        assert {refusal_of(answer) for answer in answers} == {(402, "insufficient_credit")}
        found = "SELECT count(*) FROM account WHERE external_id = 'new person'"
        assert await books.pool.fetchval(found) == 1


async def test_crowd_on_one_account_never_holds_more_than_its_credit(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """64 at once over two replicas: what is allowed fits, what is refused says why."""
    await books.account(10 * WANT, "jose")
    async with (
        Replica(tmp_path, database_url, "authz-1") as one,
        Replica(tmp_path, database_url, "authz-2") as two,
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
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Envoy's retry carries the same id: the same answer everywhere, held once."""
    async with (
        Replica(tmp_path, database_url, "authz-1") as one,
        Replica(tmp_path, database_url, "authz-2") as two,
    ):
        hold_id = new_id()
        asked = [replica.ask(hold_id) for replica in (one, two, one, two)]
        granted = {claims_of(answer).granted for answer in await asyncio.gather(*asked)}
    assert granted == {WANT}
    assert await held(books) == WANT
