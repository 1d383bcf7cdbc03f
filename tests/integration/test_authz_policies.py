"""Policies on real replicas of authz over the real ledger, asked as Envoy asks."""

import json
from pathlib import Path
from typing import Any

from protos import ext_authz_pb2 as pb
from tests.books import Books
from tests.integration.doors import CREDIT, WANT, Replica, claims_of, new_id, refusal_of, until
from tests.integration.test_policies import put
from tests.unit.door import a_check, a_model_map, a_price

WITHIN_S = 1.0  # the promise


def shown_in(answer: pb.CheckResponse) -> dict[str, str]:
    """The headers that the client gets on the answer."""
    return {h.header.key: h.header.value for h in answer.ok_response.response_headers_to_add}


async def offer(books: Books, **prices: Any) -> None:
    """These models besides gpt-4o, before a replica starts."""
    await books.pool.execute(
        "INSERT INTO model_map (price_book, digest, map) SELECT version, 'more', $1 FROM price_book",
        a_model_map(**prices).to_json(),
    )


async def models_for(authz: Replica, user: str = "maria") -> list[str]:
    """What `GET /v1/models` shows; nobody asks LiteLLM."""
    asked = a_check({}, "/v1/models", authorization="Bearer librechat", x_user_id=user)
    answer = await authz.check(asked)
    assert answer.denied_response.status.code == 200
    return [model["id"] for model in json.loads(answer.denied_response.body)["data"]]


async def test_policy_that_forbids_a_model_bites_on_every_replica_within_a_second(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """Without Redis; and as soon again when it is taken back."""
    await books.account(1_000 * CREDIT, "rosa")  # each question below takes a hold
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    async with Replica(folders[0], database_url) as one, Replica(folders[1], database_url) as other:
        for body, reason in (({"models": ["mini"]}, "model_not_allowed"), ({}, "")):
            await put(books.pool, body)
            for authz in (one, other):

                async def there(authz: Replica = authz, reason: str = reason) -> bool:
                    answer = await authz.ask(new_id(), x_user_id="rosa")
                    return (refusal_of(answer)[1] if answer.status.code else "") == reason

                await until(there, WITHIN_S)


async def test_free_model_passes_without_any_credit(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """A price of zero by an explicit entry, asked for by somebody who has nothing."""
    await offer(books, gift=a_price("gift", input_cost_per_token=0.0, output_cost_per_token=0.0))
    await books.account(0, "jose")
    async with Replica(tmp_path, database_url) as authz:
        answer = await authz.ask(new_id(), body={"model": "gift"}, x_user_id="jose")
        assert claims_of(answer).granted == 0
        assert refusal_of(await authz.ask(new_id(), x_user_id="jose"))[1] == "insufficient_credit"
    await books.check()


async def test_answer_says_what_is_left_on_the_account(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """After the hold of this very call, the same when Envoy asks twice."""
    async with Replica(tmp_path, database_url) as authz:
        hold_id = new_id()
        for _ in range(2):
            shown = shown_in(await authz.ask(hold_id))
            assert shown["x-pedagio-remaining"] == str(CREDIT - WANT)


async def test_list_of_models_is_that_of_the_policy(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    """With a price, and allowed; to look at it opens no account."""
    await offer(books, mini=a_price("mini"))
    await put(books.pool, {"list_models": True, "models": ["m*"]})
    async with Replica(tmp_path, database_url) as authz:
        assert await models_for(authz) == ["mini"]
        assert await models_for(authz, "") == ["mini"]
        assert await models_for(authz, "stranger") == ["mini"]
    found = "SELECT count(*) FROM account WHERE external_id = 'stranger'"
    assert await books.pool.fetchval(found) == 0
