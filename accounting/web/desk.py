"""Asks the services of accounting over gRPC; what they refuse becomes one exception with its sentence."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc

from accounting import error_details

CALL_BOUND_S: Final = 10.0
# A file of people, or LiteLLM's prices: gRPC takes 4 MiB unless told.
MESSAGE_BYTES: Final = 17 * 1024 * 1024

# The service that a method belongs to, made of a channel.
Stub = Callable[[grpc.aio.Channel], Any]


class RefusedError(Exception):
    """A service refused, or was not reached; the text is a sentence for the person."""

    def __init__(
        self,
        code: grpc.StatusCode,
        sentence: str,
        fields: Mapping[str, str] | None = None,
        *,
        proposed: bool = False,
    ) -> None:
        """`fields`: name of a request's field -> what is wrong with it; `proposed`: it waits for somebody."""
        super().__init__(sentence)
        self.code = code
        self.fields = dict(fields or {})
        self.proposed = proposed


class Desk:
    """One channel to the services, and whom calls are made for: a token each."""

    def __init__(self, address: str, installation_token: str) -> None:
        """`installation_token`: for what the pages ask on nobody's behalf (signing in, a person's page)."""
        self._channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ],
        )
        self._own = installation_token

    async def ask(
        self,
        stub: Stub,
        method: str,
        request: Any,
        token: str = "",
        actor: str = "pages",
        bound_s: float = CALL_BOUND_S,
    ) -> Any:
        """The answer; `token`: the administrator's own, empty: the installation's, `actor` is named then.

        Raises RefusedError.
        """
        metadata = (("authorization", f"Bearer {token or self._own}"), ("x-pedagio-actor", actor))
        call = getattr(stub(self._channel), method)
        try:
            return await call(request, metadata=metadata, timeout=bound_s)
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from error

    async def close(self) -> None:
        """Let go of the channel."""
        await self._channel.close(None)


def _refused(error: grpc.aio.AioRpcError) -> RefusedError:
    fields, proposed = error_details.read(error)
    return RefusedError(error.code(), str(error.details() or ""), fields, proposed=proposed)
