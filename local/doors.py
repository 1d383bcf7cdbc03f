"""Waits until every authz replica decides with the mode, clients and models that were just set.

Each replica hears of a change by itself within 250 ms; asking each directly says when it has.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Final

import grpc

from local.process import ChildError
from protos import ext_authz_pb2 as authz_pb2
from protos import ext_authz_pb2_grpc

POLL_S: Final = 0.05
BOUND_S: Final = 10.0
PAYMENT_REQUIRED: Final = 402
NOBODY: Final = "nobody-yet"


def knock(key: str, model: str) -> authz_pb2.CheckRequest:
    """A chat of somebody without credit, as Envoy would describe it."""
    request = authz_pb2.CheckRequest()
    http = request.attributes.request.http
    http.method, http.path, http.size = "POST", "/v1/chat/completions", 100
    http.headers["authorization"] = f"Bearer {key}"
    http.headers["x-user-id"] = NOBODY
    http.headers["x-request-id"] = str(uuid.uuid4())
    http.headers["content-type"] = "application/json"
    request.attributes.metadata_context.filter_metadata["pedagio.body"].update({"model": model})
    return request


async def wait_for_doors(addresses: Sequence[str], key: str, model: str) -> None:
    """Return when each replica refuses for lack of credit, and for nothing else; bounded."""
    await asyncio.gather(*(_wait_for_door(address, key, model) for address in addresses))


async def _wait_for_door(address: str, key: str, model: str) -> None:
    deadline = time.monotonic() + BOUND_S
    async with grpc.aio.insecure_channel(address) as channel:
        stub = ext_authz_pb2_grpc.AuthorizationStub(channel)
        while True:
            answer = await stub.Check(knock(key, model), timeout=BOUND_S)
            if (
                answer.denied_response.status.code == PAYMENT_REQUIRED
                and "insufficient_credit" in answer.denied_response.body
            ):
                return
            if time.monotonic() > deadline:
                said = answer.denied_response.body or "allowed it"
                raise ChildError(f"authz at {address} does not know {model}; it said: {said}")
            await asyncio.sleep(POLL_S)
