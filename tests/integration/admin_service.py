"""A real AdminService on a free port of its own, with what its tests ask of it."""

import contextlib
import functools
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import grpc

from accounting.admin import ports
from accounting.admin.interceptors import Ask
from accounting.admin.person_service import add_person_service
from accounting.admin.price_service import add_price_service
from accounting.admin.servicer import SyncModels, add_admin_service, admin_interceptors
from accounting.admin.visitors import visitors_of
from accounting.models_sync import SyncResult
from accounting.notify.service import add_notice_service
from accounting.settings import AccountingSettings
from accounting.usage.service import add_usage_service
from credit import ledger
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub

TOKENS = ("t" * 40, "u" * 40)
ADDRESS_KEY = b"a" * 32
BOUND_S = 10.0
DEADLINE_S = 2100
USD = 10**9


@dataclass
class Service:
    """The service as its tests see it; `published` are the topics it told, in order."""

    address: str
    pool: asyncpg.Pool
    published: list[str] = field(default_factory=list)
    synced: SyncResult = field(
        default_factory=lambda: SyncResult(7, changed=True, names=3, unpriced=("gpt-9",))
    )

    async def ask(
        self,
        method: str,
        request: Any,
        *,
        actor: str | None = None,
        token: str = TOKENS[0],
        stub: Callable[[grpc.aio.Channel], Any] = AdminServiceStub,
    ) -> Any:
        """One call, as an administrator; raises grpc.aio.AioRpcError."""
        metadata = [("authorization", f"Bearer {token}")]
        if actor is not None:
            metadata.append(("x-pedagio-actor", actor))
        async with grpc.aio.insecure_channel(self.address) as channel:
            call = getattr(stub(channel), method)
            return await call(request, metadata=metadata, timeout=BOUND_S)

    async def refused(self, method: str, request: Any, **options: Any) -> tuple[str, str]:
        """The status and sentence of a call that must not be answered."""
        try:
            answer = await self.ask(method, request, **options)
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details() or ""
        raise AssertionError(f"{method} answered {answer}")

    async def create_client(self, client_id: str = "chat", **fields: Any) -> str:
        """A client of that name; returns its key."""
        client = pb.Client(id=client_id, **fields)
        answer = await self.ask(
            "CreateClient", pb.CreateClientRequest(client=client, reason="test")
        )
        return str(answer.key)

    async def open_account(self, person: str = "maria", client: str = "chat") -> pb.Account:
        """The account of a person."""
        name = pb.AccountName(client=client, external_id=person)
        account: pb.Account = await self.ask(
            "OpenAccount", pb.OpenAccountRequest(name=name, reason="test")
        )
        return account

    async def grant(
        self, amount_nanos: int, person: str = "maria", client: str = "chat", **fields: str
    ) -> pb.GrantResponse:
        """Credit for a person."""
        given = {"reason": "test", "request_id": str(uuid.uuid4()), **fields}
        name = pb.AccountName(client=client, external_id=person)
        answer: pb.GrantResponse = await self.ask(
            "Grant", pb.GrantRequest(name=name, amount_nanos=amount_nanos, **given)
        )
        return answer

    async def audit(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """Actor, action, subject, detail of each audit line, in order."""
        rows = await self.pool.fetch("SELECT actor, action, subject, detail FROM audit ORDER BY id")
        return [(r["actor"], r["action"], r["subject"], r["detail"]) for r in rows]

    async def place(self, account_id: int, nanos: int, hold_id: str | None = None) -> str:
        """A hold of that size on the account; returns its id."""
        hold_id = hold_id or str(uuid.uuid4())
        place = ledger.Place(
            hold_id, account_id, "chat", "chat", "gpt-4o", nanos, nanos, nanos, shadow=False
        )
        await ledger.place_batch(self.pool, [place], DEADLINE_S)
        return hold_id

    async def close(self, hold_id: str, estimate_nanos: int) -> None:
        """End a hold as an aborted stream."""
        end = {
            "hold_id": hold_id, "outcome": "settled", "reason": "aborted",
            "estimate": estimate_nanos, "records_seen": 0,
        }  # fmt: skip
        await ledger.close_batch(self.pool, [end])

    async def report(self, hold_id: str, account_id: int, kind: str) -> None:
        """A record of that kind for a hold."""
        record = {
            "id": uuid.uuid4().hex, "hold_id": hold_id, "account_id": account_id,
            "client_id": "chat", "route": "chat", "model": "gpt-4o", "kind": kind,
            "body": {"stage": "end"} if kind == "access" else {}, "at_ms": 0,
        }  # fmt: skip
        await ledger.capture_batch(self.pool, [record], [], DEADLINE_S)


@contextlib.asynccontextmanager
async def serve(
    pool: asyncpg.Pool,
    ask_ledger: Ask | None = None,
    sync: SyncModels | None = None,
    four_eyes_above: int = 0,
    settings: AccountingSettings | None = None,
) -> AsyncIterator[Service]:
    """Run the service; LiteLLM is stood for by `synced`, since models_sync has tests of its own.

    With `settings` on the ports that they name, too.
    """
    ask = ask_ledger or functools.partial(ledger.ask_pulse, pool)
    certificates = ports.certificates(pool, settings) if settings else None
    server = grpc.aio.server(
        interceptors=admin_interceptors(TOKENS, ask, pool, four_eyes_above, certificates)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    if settings:
        ports.listen(server, settings)
    service = Service(f"127.0.0.1:{port}", pool)

    async def sync_models(actor: str = "accounting", reason: str = "") -> SyncResult:
        service.published.append(f"sync by {actor}: {reason}")
        return service.synced

    async def publish(topic: str) -> None:
        service.published.append(topic)

    sync = sync_models if sync is None else sync
    add_admin_service(server, pool, sync_models=sync, publish=publish)
    add_price_service(server, pool, sync_models=sync, publish=publish)
    add_notice_service(server, pool)
    add_usage_service(server, pool)
    add_person_service(server, pool, visitors_of(pool, (ADDRESS_KEY,)), publish)
    await server.start()
    try:
        yield service
    finally:
        await server.stop(None)
