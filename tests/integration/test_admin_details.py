"""What programs learn from an error, and from the server about itself."""

import asyncio

import asyncpg
import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from accounting.admin.details import PROPOSED
from protos.pedagio.v1 import admin_pb2, admins_pb2
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from tests.integration.admin_service import BOUND_S, TOKENS, Service, serve
from tests.integration.admins import add, ask

BEARER = (("authorization", f"Bearer {TOKENS[0]}"),)


def details_of(address: str, method: str, request: object) -> list[object]:
    """As a program of another language gets them: by the blocking client."""
    with grpc.insecure_channel(address) as channel:
        try:
            getattr(AdminServiceStub(channel), method)(request, metadata=BEARER, timeout=BOUND_S)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)  # type: ignore[arg-type]  # an error is its call
            return list(status.details) if status else []
    raise AssertionError(f"{method} answered")


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("SetMode", admin_pb2.SetModeRequest(mode="off"), "reason"),
        ("SetMode", admin_pb2.SetModeRequest(mode="on", reason="r"), "mode"),
        ("GetBalance", admin_pb2.AccountName(client="NO"), "name.client"),
        ("ListAlarms", admin_pb2.ListAlarmsRequest(page_size=-1), "page_size"),
    ],
)
async def test_field_that_cannot_be_used_is_named_in_the_details(
    admin: Service, method: str, request_: object, field: str
) -> None:
    """google.rpc.BadRequest: a form can show the problem beside its field."""
    (detail,) = await asyncio.to_thread(details_of, admin.address, method, request_)
    bad = error_details_pb2.BadRequest()
    assert detail.Unpack(bad)  # type: ignore[attr-defined]
    (violation,) = bad.field_violations
    assert violation.field == field
    assert violation.description.startswith("must")


async def test_proposal_that_was_stored_is_named_in_the_details(pool: asyncpg.Pool) -> None:
    """google.rpc.ErrorInfo: a program tells what waits from what failed."""
    async with serve(pool, four_eyes_above=1) as admin:
        await admin.create_client()
        await admin.open_account()
        request = admin_pb2.GrantRequest(
            name=admin_pb2.AccountName(client="chat", external_id="maria"), amount_nanos=2,
            reason="r", request_id="r",
        )  # fmt: skip
        (detail,) = await asyncio.to_thread(details_of, admin.address, "Grant", request)
        info = error_details_pb2.ErrorInfo()
        assert detail.Unpack(info)  # type: ignore[attr-defined]
        (found,) = (await ask(admin, "ListProposals", admins_pb2.ListProposalsRequest())).proposals
        assert (info.reason, info.metadata["proposal"]) == (PROPOSED, str(found.id))


async def test_error_without_a_field_carries_no_details(admin: Service) -> None:
    """What does not exist is no bad field."""
    request = admin_pb2.AccountName(client="none", external_id="x")
    assert await asyncio.to_thread(details_of, admin.address, "GetBalance", request) == []


async def services(admin: Service, metadata: tuple[tuple[str, str], ...]) -> list[str]:
    """What the server says that it serves."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async with grpc.aio.insecure_channel(admin.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(iter([request]), metadata=metadata, timeout=BOUND_S)
        return [
            each.name async for answer in call for each in answer.list_services_response.service
        ]


async def test_reflection_tells_whoever_has_a_token_and_nobody_else(admin: Service) -> None:
    """The names of all methods are not for whoever reaches the port."""
    viewer = await add(admin, "ana@example.com", "viewer")
    for token in (TOKENS[0], viewer):
        names = await services(admin, (("authorization", f"Bearer {token}"),))
        assert {"pedagio.v1.AdminService", "pedagio.v1.AdminsService"} <= set(names)
    for metadata in ((), (("authorization", "Bearer pa-guessed"),)):
        # Refused before it has asked: who writes into a stream that is being refused is told INTERNAL at times.
        async with grpc.aio.insecure_channel(admin.address) as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            call = stub.ServerReflectionInfo(metadata=metadata, timeout=BOUND_S)
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
