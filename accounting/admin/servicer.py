"""The AdminService: the one place where its protobufs become use cases, their results protobufs."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import asyncpg
import grpc

from accounting.admin import accounts, clients, explain, fields, holds, models, modes, statement
from accounting.admin.interceptors import admin_interceptors
from accounting.models_sync import SyncResult
from credit.models import Deployment
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import admin_pb2_grpc

__all__ = ["AdminServicer", "add_admin_service", "admin_interceptors"]

ACTOR_HEADER = "x-pedagio-actor"
ACTOR_LIMIT = 64
DEFAULT_ACTOR = "admin"

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Publish = Callable[[str], Awaitable[None]]


class SyncModels(Protocol):
    """Reads LiteLLM's models into the ledger, on behalf of somebody."""

    def __call__(self, actor: str = ..., reason: str = ...) -> Awaitable[SyncResult]:
        """Raises UpstreamError when LiteLLM does not answer as it should."""


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
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
        change = _change(request.reason, context)
        wanted = _client_in(request.client)
        client, key = await clients.create(self._pool, wanted, request.key, change)
        await self._publish("clients")
        return pb.CreateClientResponse(client=_client(client), key=key)

    async def ListClients(
        self, _request: pb.ListClientsRequest, _context: Context
    ) -> pb.ListClientsResponse:
        """All clients; keys are not kept, so none is shown."""
        found = await clients.list_all(self._pool)
        return pb.ListClientsResponse(clients=[_client(client) for client in found])

    async def SetClientEnabled(
        self, request: pb.SetClientEnabledRequest, context: Context
    ) -> pb.Client:
        """Let a key open the door, or not any more."""
        change = _change(request.reason, context)
        client = await clients.set_enabled(self._pool, request.id, change, enabled=request.enabled)
        await self._publish("clients")
        return _client(client)

    async def OpenAccount(self, request: pb.OpenAccountRequest, context: Context) -> pb.Account:
        """Open the account of a person."""
        labels = (request.display_name, request.email)
        change = _change(request.reason, context)
        return _account(
            await accounts.open_account(self._pool, _name_in(request.name), labels, change)
        )

    async def SetAccountStatus(
        self, request: pb.SetAccountStatusRequest, context: Context
    ) -> pb.Account:
        """Suspend, resume, shadow."""
        status = request.status if request.HasField("status") else None
        override = request.mode_override if request.HasField("mode_override") else None
        change = _change(request.reason, context)
        name = _name_in(request.name)
        return _account(await accounts.set_status(self._pool, name, status, override, change))

    async def Grant(self, request: pb.GrantRequest, context: Context) -> pb.GrantResponse:
        """Give credit, once per request id."""
        change = _change(request.reason, context)
        name = _name_in(request.name)
        granted = await accounts.grant(
            self._pool, name, request.amount_nanos, request.request_id, change
        )
        return pb.GrantResponse(
            account=_account(granted.account),
            transfer_id=granted.transfer_id,
            replayed=granted.replayed,
        )

    async def GetBalance(self, request: pb.AccountName, _context: Context) -> pb.Account:
        """Posted, held, available."""
        return _account(await accounts.read(self._pool, _name_in(request)))

    async def ListStatement(
        self, request: pb.ListStatementRequest, _context: Context
    ) -> pb.ListStatementResponse:
        """One page of an account's transfers."""
        account, entries, token = await statement.list_page(
            self._pool, _name_in(request.name), request.page_size, request.page_token
        )
        return pb.ListStatementResponse(
            account=_account(account),
            entries=[_entry(entry) for entry in entries],
            next_page_token=token,
        )

    async def GetMode(self, _request: pb.GetModeRequest, _context: Context) -> pb.Mode:
        """The mode in force."""
        mode = await modes.read(self._pool)
        return pb.Mode(mode=mode.mode, version=mode.version)

    async def SetMode(self, request: pb.SetModeRequest, context: Context) -> pb.Mode:
        """Put another mode in force; every replica takes it within a second."""
        change = _change(request.reason, context)
        mode = await modes.set_mode(self._pool, request.mode, change)
        await self._publish("mode")
        return pb.Mode(mode=mode.mode, version=mode.version)

    async def ListHolds(
        self, request: pb.ListHoldsRequest, _context: Context
    ) -> pb.ListHoldsResponse:
        """One page of open holds."""
        found, token = await holds.list_page(
            self._pool, _name_in(request.name), request.page_size, request.page_token
        )
        return pb.ListHoldsResponse(holds=[_hold(hold) for hold in found], next_page_token=token)

    async def Explain(self, request: pb.ExplainRequest, _context: Context) -> pb.ExplainResponse:
        """What happened under a reference."""
        found = await explain.explain(self._pool, request.ref)
        return pb.ExplainResponse(explanations=[_explanation(each) for each in found])

    async def SyncModels(
        self, request: pb.SyncModelsRequest, context: Context
    ) -> pb.SyncModelsResponse:
        """Read LiteLLM's models again."""
        change = _change(request.reason, context)
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
        return pb.ListModelsResponse(models=[_model(offer) for offer in offers], version=version)


def add_admin_service(
    server: grpc.aio.Server, pool: asyncpg.Pool, *, sync_models: SyncModels, publish: Publish
) -> None:
    """Serve the AdminService on a server that was made with `admin_interceptors(tokens)`."""
    servicer = AdminServicer(pool, sync_models, publish)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(servicer, server)


def _change(reason: str, context: Context) -> fields.Change:
    metadata = {str(name): value for name, value in context.invocation_metadata() or ()}
    actor = str(metadata.get(ACTOR_HEADER, DEFAULT_ACTOR))
    return fields.change(fields.text(ACTOR_HEADER, actor, ACTOR_LIMIT), reason)


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _name_in(name: pb.AccountName) -> accounts.Name:
    return accounts.Name(name.client, name.external_id)


def _name(name: accounts.Name) -> pb.AccountName:
    return pb.AccountName(client=name.client, external_id=name.external_id)


def _client_in(client: pb.Client) -> clients.Client:
    return clients.Client(
        client.id, client.kind, client.litellm_key, client.unknown_users, client.style,
        client.language,
    )  # fmt: skip


def _client(client: clients.Client) -> pb.Client:
    return pb.Client(
        id=client.id, kind=client.kind, litellm_key=client.litellm_key,
        unknown_users=client.unknown_users, style=client.style, language=client.language,
        enabled=client.enabled,
    )  # fmt: skip


def _account(account: accounts.Account) -> pb.Account:
    return pb.Account(
        name=_name(account.name), id=account.id, kind=account.kind, status=account.status,
        posted_nanos=account.posted_nanos, held_nanos=account.held_nanos,
        overdraft_nanos=account.overdraft_nanos, available_nanos=account.available_nanos,
        version=account.version, mode_override=account.mode_override,
        display_name=account.display_name, email=account.email,
    )  # fmt: skip


def _entry(entry: statement.Entry) -> pb.Entry:
    return pb.Entry(
        transfer_id=entry.transfer_id, kind=entry.kind, amount_nanos=entry.amount_nanos,
        hold_id=entry.hold_id, model=entry.model, reason=entry.reason, actor=entry.actor,
        event_at_ms=_ms(entry.event_at), recorded_at_ms=_ms(entry.recorded_at),
        reverses=entry.reverses,
    )  # fmt: skip


def _hold(hold: holds.Hold) -> pb.Hold:
    return pb.Hold(
        hold_id=hold.hold_id, account=_name(hold.account), model=hold.model,
        amount_nanos=hold.amount_nanos, age_s=hold.age_s, reason=hold.reason,
        frees_at_ms=_ms(hold.frees_at),
    )  # fmt: skip


def _explanation(found: explain.Explanation) -> pb.Explanation:
    figures = {f"{name}_nanos": amount for name, amount in found.figures.items()}
    return pb.Explanation(
        hold_id=found.hold_id, account=_name(found.account), kind=found.kind, reason=found.reason,
        detail=found.detail, model=found.model, at_ms=_ms(found.at),
        person_unknown=found.person_unknown, **figures,
    )  # fmt: skip


def _model(offer: models.Offer) -> pb.Model:
    entry, terms = offer.entry, offer.terms
    answer = pb.Model(
        name=entry.name,
        priced=terms is not None,
        deployments=[_deployment(deployment) for deployment in entry.deployments],
        fallbacks=entry.fallbacks,
    )
    if terms is not None:
        answer.input_picos, answer.output_picos = terms.input_picos, terms.output_picos
        answer.context_tokens = terms.context_tokens
        answer.max_output_tokens = terms.max_output_tokens
        answer.min_output_tokens = terms.min_output_tokens
    return answer


def _deployment(deployment: Deployment) -> pb.ModelDeployment:
    input_picos, output_picos = models.standard_picos(deployment)
    return pb.ModelDeployment(
        model_id=deployment.model_id, model=deployment.model, priced=deployment.price is not None,
        custom_price=deployment.custom, input_picos=input_picos, output_picos=output_picos,
    )  # fmt: skip
