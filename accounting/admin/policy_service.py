"""The PolicyService: the one place where its protobufs become use cases, their results protobufs."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg

from accounting.admin import messages, policies
from accounting.admin.messages import Context
from protos.pedagio.v1 import policies_pb2 as pb
from protos.pedagio.v1 import policies_pb2_grpc

TOPIC = "policies"


class PolicyServicer(policies_pb2_grpc.PolicyServiceServicer):
    """Translates in, asks the use case, translates out; errors are mapped by the interceptors."""

    def __init__(self, pool: asyncpg.Pool, publish: Callable[[str], Awaitable[None]]) -> None:
        """`publish` names a topic that changed, so that replicas look at once; best effort."""
        self._pool = pool
        self._publish = publish

    async def GetPolicy(self, request: pb.PolicySubject, _context: Context) -> pb.Policy:
        """What is in force for a subject."""
        return _message(await policies.find(self._pool, _subject(request)))

    async def ListPolicies(
        self, _request: pb.ListPoliciesRequest, _context: Context
    ) -> pb.ListPoliciesResponse:
        """All that say something."""
        found = await policies.list_all(self._pool)
        return pb.ListPoliciesResponse(policies=[_message(each) for each in found])

    async def SetPolicy(self, request: pb.SetPolicyRequest, context: Context) -> pb.Policy:
        """Put a body in force, or only check it."""
        change = messages.read_change(request.reason, context)
        subject = _subject(request.subject)
        if request.validate_only:
            checked, policy = await policies.check(self._pool, subject, request.body_json)
            present = await policies.find(self._pool, checked)
            return _message(replace(present, body=policy.to_json()))
        replaces = request.replaces if request.HasField("replaces") else None
        stored = await policies.put(self._pool, subject, request.body_json, change, replaces)
        await self._publish(TOPIC)
        return _message(stored)


def _subject(message: pb.PolicySubject) -> policies.Subject:
    return policies.Subject(message.kind, message.id)


def _message(stored: policies.Stored) -> pb.Policy:
    return pb.Policy(
        subject=pb.PolicySubject(kind=stored.subject.kind, id=stored.subject.id),
        version=stored.version,
        body_json=json.dumps(stored.body, ensure_ascii=False),
        changed_at_ms=messages.epoch_ms(stored.changed_at) if stored.changed_at else 0,
        changed_by=stored.changed_by,
    )
