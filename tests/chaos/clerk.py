"""The administrator of a chaos run: opens accounts, grants credit, changes modes, and tries again until it is done."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from protos.pedagio.v1 import admin_pb2, admin_pb2_grpc

TRY_S: Final = 3.0
PAUSE_S: Final = 0.1
BOUND_S: Final = 60.0
REASON: Final = "chaos"


@dataclass
class ModeWindow:
    """When another mode than enforce may have ruled, or a disk was full; wall-clock seconds."""

    mode: str
    began_s: float
    ended_s: float = float("inf")

    def meets(self, from_s: float, to_s: float) -> bool:
        """Whether anything between two moments may have happened inside."""
        return self.began_s <= to_s and from_s <= self.ended_s


@dataclass
class Clerk:
    """Everything is asked with an id of its own, so asking again changes nothing."""

    address: str
    token: str
    windows: list[ModeWindow] = field(default_factory=list)
    granted_nanos: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._channel = grpc.aio.insecure_channel(
            self.address, options=[("grpc.initial_reconnect_backoff_ms", 100),
                                   ("grpc.max_reconnect_backoff_ms", 500)],
        )  # fmt: skip
        self._admin = admin_pb2_grpc.AdminServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {self.token}"),)
        self._mode_lock = asyncio.Lock()

    async def close(self) -> None:
        """Disconnect."""
        await self._channel.close(None)

    @property
    def unusual(self) -> bool:
        """Whether another mode than enforce may rule now."""
        return any(window.ended_s == float("inf") for window in self.windows)

    async def open_account(self, client: str, person: str, nanos: int) -> None:
        """Open an account with credit."""
        name = admin_pb2.AccountName(client=client, external_id=person)
        request = admin_pb2.OpenAccountRequest(name=name, reason=REASON)
        await self._until_done(self._admin.OpenAccount, request)
        if nanos:
            await self.grant(client, person, nanos)

    async def grant(self, client: str, person: str, nanos: int) -> None:
        """Grant credit; when it returns the ledger has it, once."""
        request = admin_pb2.GrantRequest(
            name=admin_pb2.AccountName(client=client, external_id=person),
            amount_nanos=nanos,
            reason=REASON,
            request_id=str(uuid.uuid4()),
        )
        await self._until_done(self._admin.Grant, request)
        self.granted_nanos[person] = self.granted_nanos.get(person, 0) + nanos

    async def set_mode(self, mode: str) -> None:
        """Change the mode of the whole ledger."""
        request = admin_pb2.SetModeRequest(mode=mode, reason=REASON)
        await self._until_done(self._admin.SetMode, request)

    @asynccontextmanager
    async def another_mode(self, mode: str, *, settles_s: float) -> AsyncIterator[None]:
        """Another mode, and back; the window stays open until every replica has heard."""
        async with self._mode_lock:
            window = ModeWindow(mode, time.time())
            self.windows.append(window)
            try:
                await self.set_mode(mode)
                yield
            finally:
                await self.set_mode("enforce")
                await asyncio.sleep(settles_s)
                window.ended_s = time.time()

    async def _until_done(self, call: Callable[..., Awaitable[Any]], request: Any) -> Any:
        deadline = time.monotonic() + BOUND_S
        while True:
            try:
                return await call(request, metadata=self._metadata, timeout=TRY_S)
            except grpc.aio.AioRpcError as error:
                if error.code() == grpc.StatusCode.ALREADY_EXISTS:
                    return None
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE_S)
