"""The AdminService: the one place where its protobufs become use cases, their results protobufs."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import asyncpg
import grpc
from grpc_reflection.v1alpha import reflection

from accounting.admin import (
    accounts,
    clients,
    explain,
    holds,
    messages,
    models,
    modes,
    roles,
    statement,
)
from accounting.admin.access_log_service import AccessLogService
from accounting.admin.admins_service import AdminsServicer
from accounting.admin.alarm_service import AlarmService
from accounting.admin.audit_service import AuditService
from accounting.admin.hold_service import HoldService
from accounting.admin.interceptors import admin_interceptors
from accounting.admin.messages import Context
from accounting.admin.people_service import PeopleServicer
from accounting.admin.plan_service import PlanServicer
from accounting.admin.policy_service import PolicyServicer
from accounting.admin.purchase_service import PurchaseServicer
from accounting.admin.request_service import RequestServicer
from accounting.admin.settings_service import SettingsServicer
from accounting.models_sync import SyncResult
from accounting.reports.service import add_report_service
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import (
    admin_pb2_grpc,
    admins_pb2_grpc,
    people_pb2_grpc,
    plans_pb2_grpc,
    policies_pb2_grpc,
    purchases_pb2_grpc,
    requests_pb2_grpc,
    settings_pb2_grpc,
)

__all__ = ["AdminServicer", "add_admin_service", "admin_interceptors"]

Publish = Callable[[str], Awaitable[None]]


class SyncModels(Protocol):
    """Reads LiteLLM's models into the ledger, on behalf of somebody."""

    def __call__(self, actor: str = ..., reason: str = ...) -> Awaitable[SyncResult]:
        """Raises UpstreamError when LiteLLM does not answer as it should."""


class AdminServicer(
    AccessLogService,
    AlarmService,
    AuditService,
    HoldService,
    admin_pb2_grpc.AdminServiceServicer,
):
    """Translates in, asks the use case, translates out; errors are mapped by the interceptors."""

    def __init__(self, pool: asyncpg.Pool, sync_models: SyncModels, publish: Publish) -> None:
        """`publish` names a topic that changed, so that replicas look at once; best effort."""
        self._pool = pool
        self._sync_models = sync_models
        self._publish = publish

    async def CreateClient(
        self, request: pb.CreateClientRequest, context: Context
    ) -> pb.CreateClientResponse:
        """Make a client; its key is in this answer only."""
        change = messages.read_change(request.reason, context)
        wanted = messages.read_client(request.client)
        client, key = await clients.create(self._pool, wanted, request.key, change)
        await self._publish("clients")
        return pb.CreateClientResponse(client=messages.client_message(client), key=key)

    async def ListClients(
        self, _request: pb.ListClientsRequest, _context: Context
    ) -> pb.ListClientsResponse:
        """All clients; keys are not kept, so none is shown."""
        found = await clients.list_all(self._pool)
        return pb.ListClientsResponse(clients=[messages.client_message(client) for client in found])

    async def SetClientEnabled(
        self, request: pb.SetClientEnabledRequest, context: Context
    ) -> pb.Client:
        """Let a key open the door, or not any more."""
        change = messages.read_change(request.reason, context)
        client = await clients.set_enabled(self._pool, request.id, change, enabled=request.enabled)
        await self._publish("clients")
        return messages.client_message(client)

    async def OpenAccount(self, request: pb.OpenAccountRequest, context: Context) -> pb.Account:
        """Open the account of a person."""
        labels = (request.display_name, request.email)
        change = messages.read_change(request.reason, context)
        return messages.account_message(
            await accounts.open_account(
                self._pool, messages.read_name(request.name), labels, change
            )
        )

    async def SetAccountStatus(
        self, request: pb.SetAccountStatusRequest, context: Context
    ) -> pb.Account:
        """Suspend, resume, shadow."""
        status = request.status if request.HasField("status") else None
        override = request.mode_override if request.HasField("mode_override") else None
        change = messages.read_change(request.reason, context)
        name = messages.read_name(request.name)
        return messages.account_message(
            await accounts.set_status(self._pool, name, status, override, change)
        )

    async def Grant(self, request: pb.GrantRequest, context: Context) -> pb.GrantResponse:
        """Give credit, once per request id."""
        change = messages.read_change(request.reason, context)
        name = messages.read_name(request.name)
        granted = await accounts.grant(
            self._pool, name, request.amount_nanos, request.request_id, change
        )
        return pb.GrantResponse(
            account=messages.account_message(granted.account),
            transfer_id=granted.transfer_id,
            replayed=granted.replayed,
        )

    async def GetBalance(self, request: pb.AccountName, _context: Context) -> pb.Account:
        """Posted, held, available."""
        return messages.account_message(
            await accounts.read(self._pool, messages.read_name(request))
        )

    async def ListStatement(
        self, request: pb.ListStatementRequest, _context: Context
    ) -> pb.ListStatementResponse:
        """One page of an account's transfers."""
        account, entries, token = await statement.list_page(
            self._pool, messages.read_name(request.name), request.page_size, request.page_token
        )
        return pb.ListStatementResponse(
            account=messages.account_message(account),
            entries=[messages.entry_message(entry) for entry in entries],
            next_page_token=token,
        )

    async def GetMode(self, _request: pb.GetModeRequest, _context: Context) -> pb.Mode:
        """The mode in force."""
        mode = await modes.read(self._pool)
        return pb.Mode(mode=mode.mode, version=mode.version, enforcing=mode.enforcing)

    async def SetMode(self, request: pb.SetModeRequest, context: Context) -> pb.Mode:
        """Put another mode in force; every replica takes it within a second."""
        change = messages.read_change(request.reason, context)
        mode = await modes.set_mode(self._pool, request.mode, change)
        await self._publish("mode")
        return pb.Mode(mode=mode.mode, version=mode.version, enforcing=mode.enforcing)

    async def ListHolds(
        self, request: pb.ListHoldsRequest, _context: Context
    ) -> pb.ListHoldsResponse:
        """One page of open holds."""
        found, token = await holds.list_page(
            self._pool, messages.read_name(request.name), request.page_size, request.page_token
        )
        return pb.ListHoldsResponse(
            holds=[messages.hold_message(hold) for hold in found], next_page_token=token
        )

    async def Explain(self, request: pb.ExplainRequest, _context: Context) -> pb.ExplainResponse:
        """What happened under a reference."""
        found = await explain.explain(self._pool, request.ref)
        return pb.ExplainResponse(
            explanations=[messages.explanation_message(each) for each in found]
        )

    async def SyncModels(
        self, request: pb.SyncModelsRequest, context: Context
    ) -> pb.SyncModelsResponse:
        """Read LiteLLM's models again."""
        change = messages.read_change(request.reason, context)
        result = await self._sync_models(actor=change.actor, reason=change.reason)
        await self._publish("models")
        return pb.SyncModelsResponse(
            version=result.version,
            changed=result.changed,
            names=result.names,
            unpriced=result.unpriced,
        )

    async def ListModels(
        self, request: pb.ListModelsRequest, _context: Context
    ) -> pb.ListModelsResponse:
        """The models in force with their prices."""
        offers, version = await models.list_models(self._pool, request.name)
        return pb.ListModelsResponse(
            models=[messages.model_message(offer) for offer in offers], version=version
        )


def add_admin_service(
    server: grpc.aio.Server, pool: asyncpg.Pool, *, sync_models: SyncModels, publish: Publish
) -> None:
    """Serve the administrators' services on a server that was made with `admin_interceptors(tokens)`."""
    servicer = AdminServicer(pool, sync_models, publish)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(servicer, server)
    plans_pb2_grpc.add_PlanServiceServicer_to_server(PlanServicer(pool), server)
    people_pb2_grpc.add_PeopleServiceServicer_to_server(PeopleServicer(pool, publish), server)
    purchases_pb2_grpc.add_PurchaseServiceServicer_to_server(PurchaseServicer(pool), server)
    policies_pb2_grpc.add_PolicyServiceServicer_to_server(PolicyServicer(pool, publish), server)
    settings_pb2_grpc.add_SettingsServiceServicer_to_server(SettingsServicer(pool, publish), server)
    add_report_service(server, pool, publish)
    admins_pb2_grpc.add_AdminsServiceServicer_to_server(AdminsServicer(pool), server)
    requests_pb2_grpc.add_RequestServiceServicer_to_server(RequestServicer(pool), server)
    reflection.enable_server_reflection(_names(), server)


def _names() -> list[str]:
    """The services that reflection tells of, to whoever has a token: those of the table of roles."""
    services = sorted({method.partition("/")[0] for method in roles.RULES})
    return [*(f"pedagio.v1.{service}" for service in services), reflection.SERVICE_NAME]
