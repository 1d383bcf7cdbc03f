"""Who may use the AdminService, and what a caller is told when something is wrong."""

import asyncio
import time

import asyncpg
import grpc
import pytest

from accounting.admin import statements
from accounting.admin.interceptors import ASK_WITHIN_S, admin_interceptors
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from tests.integration.admin_service import BOUND_S, TOKENS, Service, serve


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer "),),
        (("authorization", f"Basic {TOKENS[0]}"),),
        (("authorization", TOKENS[0]),),
        (("authorization", f"Bearer {TOKENS[0][:-1]}"),),
        (("authorization", f"Bearer {TOKENS[0]}x"),),
    ],
)
async def test_call_without_a_live_token_is_unauthenticated(
    admin: Service, metadata: tuple[tuple[str, str], ...]
) -> None:
    """Only a whole bearer token opens the service, and the answer says that one is needed."""
    async with grpc.aio.insecure_channel(admin.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await AdminServiceStub(channel).GetMode(
                pb.GetModeRequest(), metadata=metadata, timeout=BOUND_S
            )
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "administrator's token" in (caught.value.details() or "")


async def test_each_of_two_live_tokens_opens_the_service(admin: Service) -> None:
    """While a token is being replaced, the old one and the new one are good."""
    for token in TOKENS:
        assert (await admin.ask("GetMode", pb.GetModeRequest(), token=token)).mode == "shadow"


@pytest.mark.parametrize("tokens", [(), ("",), ("t" * 40, "")])
async def test_service_without_a_token_is_not_made(
    pool: asyncpg.Pool, tokens: tuple[str, ...]
) -> None:
    """An empty list must not mean that everybody, or nobody, may enter."""
    with pytest.raises(ValueError, match="at least one administrator's token"):
        admin_interceptors(tokens, asyncio.Event().wait, pool)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("CreateClient", pb.CreateClientRequest(client=pb.Client(id="a"))),
        ("SetClientEnabled", pb.SetClientEnabledRequest(id="a")),
        ("OpenAccount", pb.OpenAccountRequest()),
        ("SetAccountStatus", pb.SetAccountStatusRequest(reason=" \t ")),
        ("Grant", pb.GrantRequest(amount_nanos=1, request_id="r")),
        ("SetMode", pb.SetModeRequest(mode="off")),
        ("SyncModels", pb.SyncModelsRequest(reason=" ")),
    ],
)
async def test_mutation_without_a_reason_is_refused(
    admin: Service, method: str, request_: object
) -> None:
    """Nothing changes without somebody saying why; nothing is written, nothing is told."""
    status, sentence = await admin.refused(method, request_)
    assert (status, sentence) == ("INVALID_ARGUMENT", "reason must not be empty")
    assert await admin.audit() == []
    assert admin.published == []


@pytest.mark.parametrize("reason", ["x" * 501, "two\nlines"])
async def test_reason_that_no_audit_line_can_show_is_refused(admin: Service, reason: str) -> None:
    """An audit line is one line of bounded length."""
    status, sentence = await admin.refused("SetMode", pb.SetModeRequest(mode="off", reason=reason))
    assert status == "INVALID_ARGUMENT"
    assert sentence.startswith("reason must")


async def test_actor_named_in_metadata_stands_in_the_audit_line(admin: Service) -> None:
    """The audit says who, `admin` when nobody is named."""
    await admin.ask("SetMode", pb.SetModeRequest(mode="off", reason="r"), actor="ana@example.com")
    await admin.ask("SetMode", pb.SetModeRequest(mode="shadow", reason="r"))
    assert [line[0] for line in await admin.audit()] == ["ana@example.com", "admin"]


async def test_actor_longer_than_an_audit_line_allows_is_refused(admin: Service) -> None:
    """A name is never cut short: it could become another person's."""
    request = pb.SetModeRequest(mode="off", reason="r")
    status, sentence = await admin.refused("SetMode", request, actor="a" * 65)
    assert status == "INVALID_ARGUMENT"
    assert sentence == "x-pedagio-actor must not be longer than 64 characters"


async def test_ledger_away_is_unavailable_with_a_sentence(admin: Service) -> None:
    """Postgres that cannot be reached is said in words, not as a stack trace."""
    admin.pool.terminate()
    status, sentence = await admin.refused("GetMode", pb.GetModeRequest())
    assert status == "UNAVAILABLE"
    assert sentence == "the ledger cannot be reached now: nothing was changed, try again"


async def test_ledger_that_answers_nothing_is_said_within_seconds(pool: asyncpg.Pool) -> None:
    """A frozen or unreachable Postgres: who repairs it has no time to wait for each command."""
    async with serve(pool, asyncio.Event().wait) as admin:
        began_s = time.monotonic()
        status, sentence = await admin.refused("GetMode", pb.GetModeRequest())
    assert time.monotonic() - began_s < ASK_WITHIN_S + 1
    assert (status, "nothing was changed" in sentence) == ("UNAVAILABLE", True)


async def test_ledger_lost_during_a_call_leaves_its_outcome_unknown(pool: asyncpg.Pool) -> None:
    """It was there when the call began: what it did before it went, nobody knows."""

    async def there() -> None:
        """Answer."""

    async with serve(pool, there) as admin:
        pool.terminate()
        status, sentence = await admin.refused("GetMode", pb.GetModeRequest())
    assert status == "UNAVAILABLE"
    assert sentence == "the ledger cannot be reached now: whether anything was changed is unknown"


async def test_statements_of_the_admin_are_all_prepared_by_postgres(pool: asyncpg.Pool) -> None:
    """Every statement fits the schema, also those that no test happens to run."""
    queries = statements.available()
    assert len(queries) > 15
    async with pool.acquire() as connection:
        for text in queries.values():
            await connection.prepare(text)
