"""Whose call it is: a person of a trusted client, or a service account. Never from the body (DESIGN 3)."""

from dataclasses import dataclass

from authz.answers import Problem
from authz.request import Request
from authz.snapshot import Client
from authz.state import State
from credit.refusal import Reason


@dataclass(frozen=True, slots=True)
class Person:
    """Whose credit: the client's name for the person, None for the own account of a service client.

    `email` only where the client is declared to have verified it.
    """

    client: Client
    external_id: str | None
    email: str | None = None


async def person_of(state: State, request: Request, client: Client) -> Person | Problem:
    """Who is named, or stands in for nobody where the client's policy says so; else why not."""
    if client.kind == "service":
        # One key, one account: a name here would be somebody pretending to be a trusted client.
        if request.user_header is not None:
            return Problem(Reason.BAD_REQUEST, "x-user-id")
        return Person(client, None)
    if request.external_id is not None:
        return Person(
            client, request.external_id, request.email if client.verified_emails else None
        )
    # A header that names nobody is a fault of the client; only without any is it one of its nameless calls.
    if request.user_header is None:
        policy = await state.policy(client, None)
        stand_in = _service(state, policy.service_accounts.get(request.path))
        if stand_in is not None:
            return Person(stand_in, None)
    return Problem(Reason.IDENTITY_MISSING)


def _service(state: State, client_id: str | None) -> Client | None:
    """The service client of that id, if it is there and enabled."""
    found = (client for client in state.clients.values() if client.id == client_id)
    return next((client for client in found if client.kind == "service"), None)
