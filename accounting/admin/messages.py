"""Translations of the AdminService: protobufs to the values of its use cases, results to protobufs."""

from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc

from accounting.admin import accounts, clients, explain, fields, holds, models, statement
from accounting.admin.caller import present
from credit.models import Deployment
from protos.pedagio.v1 import admin_pb2 as pb

# Names somebody only beside the installation's own token, which is nobody's.
ACTOR_HEADER = "x-pedagio-actor"
ACTOR_LIMIT = 64
DEFAULT_ACTOR = "admin"

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def read_change(reason: str, _context: Context) -> fields.Change:
    """Who asks, as the bearer token says, with the reason; raises InvalidFieldError."""
    caller = present()
    actor = caller.actor
    if caller.installation and not caller.confirmed_by:
        actor = fields.text(ACTOR_HEADER, actor, ACTOR_LIMIT)
    change = fields.change(actor, reason)
    if caller.confirmed_by:
        return fields.Change(actor, f"{change.reason} (confirmed by {caller.confirmed_by})")
    return change


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds."""
    return round(moment.astimezone(UTC).timestamp() * 1000)


def read_name(name: pb.AccountName) -> accounts.Name:
    """An account's name, as it came."""
    return accounts.Name(name.client, name.external_id)


def name_message(name: accounts.Name) -> pb.AccountName:
    """An account's name."""
    return pb.AccountName(client=name.client, external_id=name.external_id)


def read_client(client: pb.Client) -> clients.Client:
    """A client, as it came."""
    return clients.Client(
        client.id, client.kind, client.litellm_key, client.unknown_users, client.style,
        client.language,
    )  # fmt: skip


def client_message(client: clients.Client) -> pb.Client:
    """A client."""
    return pb.Client(
        id=client.id, kind=client.kind, litellm_key=client.litellm_key,
        unknown_users=client.unknown_users, style=client.style, language=client.language,
        enabled=client.enabled,
    )  # fmt: skip


def account_message(account: accounts.Account) -> pb.Account:
    """An account with its figures."""
    return pb.Account(
        name=name_message(account.name), id=account.id, kind=account.kind, status=account.status,
        posted_nanos=account.posted_nanos, held_nanos=account.held_nanos,
        overdraft_nanos=account.overdraft_nanos, available_nanos=account.available_nanos,
        version=account.version, mode_override=account.mode_override,
        display_name=account.display_name, email=account.email,
    )  # fmt: skip


def entry_message(entry: statement.Entry) -> pb.Entry:
    """One line of a statement."""
    return pb.Entry(
        transfer_id=entry.transfer_id, kind=entry.kind, amount_nanos=entry.amount_nanos,
        hold_id=entry.hold_id, model=entry.model, reason=entry.reason, actor=entry.actor,
        event_at_ms=epoch_ms(entry.event_at), recorded_at_ms=epoch_ms(entry.recorded_at),
        reverses=entry.reverses,
    )  # fmt: skip


def hold_message(hold: holds.Hold) -> pb.Hold:
    """An open hold."""
    return pb.Hold(
        hold_id=hold.hold_id, account=name_message(hold.account), model=hold.model,
        amount_nanos=hold.amount_nanos, age_s=hold.age_s, reason=hold.reason,
        frees_at_ms=epoch_ms(hold.frees_at),
    )  # fmt: skip


def explanation_message(found: explain.Explanation) -> pb.Explanation:
    """One decision or hold."""
    figures = {f"{name}_nanos": amount for name, amount in found.figures.items()}
    return pb.Explanation(
        hold_id=found.hold_id, account=name_message(found.account), kind=found.kind, reason=found.reason,
        detail=found.detail, model=found.model, at_ms=epoch_ms(found.at),
        person_unknown=found.person_unknown, **figures,
    )  # fmt: skip


def model_message(offer: models.Offer) -> pb.Model:
    """A model with its dearest prices."""
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
        house=deployment.price is not None and deployment.price.house,
    )  # fmt: skip
