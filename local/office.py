"""The administrator of a local system: what the story and the tests ask of the AdminService."""

import uuid
from types import TracebackType
from typing import Final, Self

import grpc

from protos.pedagio.v1 import admin_pb2, admin_pb2_grpc

CALL_BOUND_S: Final = 10.0
REASON: Final = "demonstration"


class Office:
    """A connection to the AdminService; amounts are nano-USD. Raises grpc.aio.AioRpcError."""

    def __init__(self, address: str, token: str) -> None:
        """Name the service; `async with` connects."""
        self._address = address
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def __aenter__(self) -> Self:
        """Connect."""
        self._channel = grpc.aio.insecure_channel(self._address)
        self._admin = admin_pb2_grpc.AdminServiceStub(self._channel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await self._channel.close(None)

    async def set_mode(self, mode: str) -> None:
        """Change the enforcement mode: off, shadow, enforce, closed."""
        request = admin_pb2.SetModeRequest(mode=mode, reason=REASON)
        await self._admin.SetMode(request, metadata=self._metadata, timeout=CALL_BOUND_S)

    async def sync_models(self) -> admin_pb2.SyncModelsResponse:
        """Read LiteLLM's models and their prices into the ledger."""
        request = admin_pb2.SyncModelsRequest(reason=REASON)
        answer: admin_pb2.SyncModelsResponse = await self._admin.SyncModels(
            request, metadata=self._metadata, timeout=CALL_BOUND_S
        )
        return answer

    async def create_client(self, client: admin_pb2.Client) -> str:
        """Create a client and return its key, which is shown this once."""
        request = admin_pb2.CreateClientRequest(client=client, reason=REASON)
        answer: admin_pb2.CreateClientResponse = await self._admin.CreateClient(
            request, metadata=self._metadata, timeout=CALL_BOUND_S
        )
        return str(answer.key)

    async def open_account(self, client: str, person: str) -> admin_pb2.Account:
        """Open the account of a person (or of the client itself, with an empty name)."""
        request = admin_pb2.OpenAccountRequest(name=_name(client, person), reason=REASON)
        account: admin_pb2.Account = await self._admin.OpenAccount(
            request, metadata=self._metadata, timeout=CALL_BOUND_S
        )
        return account

    async def grant(self, client: str, person: str, amount_nanos: int) -> admin_pb2.Account:
        """Give credit."""
        request = admin_pb2.GrantRequest(
            name=_name(client, person),
            amount_nanos=amount_nanos,
            reason=REASON,
            request_id=str(uuid.uuid4()),
        )
        answer: admin_pb2.GrantResponse = await self._admin.Grant(
            request, metadata=self._metadata, timeout=CALL_BOUND_S
        )
        return answer.account

    async def balance(self, client: str, person: str) -> admin_pb2.Account:
        """What a person has: posted, held, available."""
        account: admin_pb2.Account = await self._admin.GetBalance(
            _name(client, person), metadata=self._metadata, timeout=CALL_BOUND_S
        )
        return account

    async def holds(self, client: str, person: str) -> list[admin_pb2.Hold]:
        """The open holds of a person (the first page, which is plenty here)."""
        request = admin_pb2.ListHoldsRequest(name=_name(client, person), page_size=500)
        answer: admin_pb2.ListHoldsResponse = await self._admin.ListHolds(
            request, metadata=self._metadata, timeout=CALL_BOUND_S
        )
        return list(answer.holds)


def _name(client: str, person: str) -> admin_pb2.AccountName:
    return admin_pb2.AccountName(client=client, external_id=person)
