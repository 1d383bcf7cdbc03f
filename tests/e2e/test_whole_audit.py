"""The auditor over the running system: last in the session, after everything that the other tests did to it."""

from collections.abc import Awaitable, Callable

import grpc
import openai

from local.stack import Stack
from local.story.chat import Person
from protos.pedagio.v1 import admin_pb2, admin_pb2_grpc

AUDIT_BOUND_S = 60.0
USD = 10**9


async def test_audit_of_the_running_system_finds_every_promise_kept(
    stack: Stack,
    person: Callable[..., Awaitable[Person]],
    openai_for: Callable[[Person], openai.AsyncOpenAI],
) -> None:
    """With the rights that accounting has in production; its minute's run has sealed or seals what is there."""
    who = await person(USD)
    await openai_for(who).chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "olá"}]
    )
    metadata = (("authorization", f"Bearer {stack.admin_token}"),)
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        for recent in (False, True, False):
            request = admin_pb2.RunAuditRequest(recent=recent)
            answer = await admin.RunAudit(request, metadata=metadata, timeout=AUDIT_BOUND_S)
            found = [(each.name, each.violations) for each in answer.invariants if each.violated]
            assert found == []
    checked = {each.name: each.checked for each in answer.invariants}
    assert checked["posted"] > 0
    assert answer.seals >= 2
