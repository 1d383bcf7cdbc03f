"""The load process for Check: a grpc.aio client that asks what Envoy would ask."""

import asyncio
import itertools
import uuid
from typing import Final

import grpc

from bench.load_process import Job, closed_loop, serve_jobs
from protos import ext_authz_pb2 as pb
from protos import ext_authz_pb2_grpc as pb_grpc

# Envoy keeps one HTTP/2 connection to a replica for each of its workers.
CONNECTIONS: Final = 2
CALL_BOUND_S: Final = 10.0
BODY_BYTES: Final = 420


def chat(key: str, person: str, model: str) -> pb.CheckRequest:
    """The CheckRequest of an ordinary chat; the caller sets the id of each."""
    request = pb.CheckRequest()
    request.attributes.source.address.socket_address.address = "127.0.0.1"
    http = request.attributes.request.http
    http.id, http.method, http.path = "1", "POST", "/v1/chat/completions"
    http.host, http.scheme, http.size, http.protocol = "pedagio", "http", BODY_BYTES, "HTTP/1.1"
    headers = {
        ":authority": "pedagio",
        ":method": "POST",
        ":path": "/v1/chat/completions",
        ":scheme": "http",
        "accept": "application/json",
        "authorization": f"Bearer {key}",
        "content-length": str(BODY_BYTES),
        "content-type": "application/json",
        "user-agent": "OpenAI/JS 5.8.2",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-user-id": person,
    }
    for name, value in headers.items():
        http.headers[name] = value
    body: dict[str, str | bool | float] = {"model": model, "stream": True, "max_tokens": 512}
    request.attributes.metadata_context.filter_metadata["pedagio.body"].update(body)
    return request


async def run(job: Job) -> Job:
    """Ask `address` with `clients` clients for `seconds`, on behalf of `people` in turn."""
    channels = [
        grpc.aio.insecure_channel(job["address"], options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(CONNECTIONS)
    ]
    stubs = [pb_grpc.AuthorizationStub(channel) for channel in channels]
    requests = [chat(job["key"], person, job["model"]) for person in job["people"]]
    turn = itertools.cycle(requests)

    async def ask(client: int) -> str | None:
        request = next(turn)
        request.attributes.request.http.headers["x-request-id"] = str(uuid.uuid4())
        # The stub serialises before it first waits, so the next caller may change the message.
        answer = await stubs[client % CONNECTIONS].Check(request, timeout=CALL_BOUND_S)
        allowed = answer.status.code == 0 and answer.HasField("ok_response")
        return None if allowed else answer.denied_response.body or "an answer that says nothing"

    try:
        await asyncio.gather(*(ask(number) for number in range(CONNECTIONS)))
        return await closed_loop(ask, job["clients"], job["seconds"])
    finally:
        for channel in channels:
            await channel.close(None)


if __name__ == "__main__":
    serve_jobs(run)
