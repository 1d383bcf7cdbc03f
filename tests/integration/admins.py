"""Administrators with tokens of their own, for tests of what they may do."""

from collections.abc import Sequence
from typing import Any

from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from tests.integration.admin_service import TOKENS, Service


async def ask(admin: Service, method: str, request: Any, token: str = TOKENS[0]) -> Any:
    """One call of the AdminsService."""
    return await admin.ask(method, request, token=token, stub=AdminsServiceStub)


async def refused(
    admin: Service, method: str, request: Any, token: str = TOKENS[0]
) -> tuple[str, str]:
    """The status and sentence of a call of the AdminsService that must not be answered."""
    return await admin.refused(method, request, token=token, stub=AdminsServiceStub)


async def add(
    admin: Service, email: str, *roles: str, by: str = TOKENS[0], pools: Sequence[str] = ("TI",)
) -> str:
    """An administrator of these roles (the scoped ones for these pools); returns a token of theirs."""
    held = [
        pb.Role(role=role, pool=pool)
        for role in roles
        for pool in (pools if role in {"approver", "team_lead"} else ("",))
    ]
    await ask(
        admin, "AddAdmin", pb.AddAdminRequest(email=email, name="A", roles=held, reason="test"), by
    )
    return await new_token(admin, email, by)


async def new_token(admin: Service, email: str, by: str = TOKENS[0], days: int = 0) -> str:
    """One more token."""
    request = pb.NewTokenRequest(email=email, label="laptop", days=days, reason="test")
    return str((await ask(admin, "NewToken", request, by)).token)
