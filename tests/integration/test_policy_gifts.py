"""What a policy gives for the asking counts as every gift does: it is no way to approve one's own request."""

import json
from typing import Any

import asyncpg
import pytest

from protos.pedagio.v1 import policies_pb2 as pb
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub
from protos.pedagio.v1.requests_pb2_grpc import RequestServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.admins import add, ask
from tests.integration.gifts import ABOVE, ANA, BIA, decide, give, posted, strict
from tests.integration.request_scene import a_plan, asking, rules


def policy(usd: int, kind: str = "client", name: str = "chat", **said: Any) -> pb.SetPolicyRequest:
    """So much at once, as often as somebody may ask: five times a period."""
    at_once = {"amount": f"US${usd}", "per_period": 100}
    body = json.dumps({"requests": {"auto_approve": at_once, **said}})
    subject = pb.PolicySubject(kind=kind, id=name)
    return pb.SetPolicyRequest(subject=subject, body_json=body, reason="r")


async def newcomers(admin: Service, people: int = 0) -> None:
    """The client lets so many in within a day."""
    await admin.pool.execute("UPDATE client SET new_accounts_a_day = $1", people)


async def put(admin: Service, request: pb.SetPolicyRequest, token: str) -> int:
    """0 where it is in force; else the proposal."""
    return await give(admin, request, token, "SetPolicy", PolicyServiceStub)


async def test_operator_approves_nothing_of_their_own_by_a_policy(pool: asyncpg.Pool) -> None:
    """Beyond the amount it waits for somebody else; then whoever asks has it at once, as was confirmed."""
    async with strict(pool) as admin:
        ana, bia = await add(admin, ANA, "operator"), await add(admin, BIA, "operator")
        proposal = await put(admin, policy(1_000), ana)
        assert proposal
        asked = asking(1_000 * USD)
        made = await admin.ask("SubmitRequest", asked, token=ana, stub=RequestServiceStub)
        assert (made.state, await posted(admin)) == ("requested", 0)
        done = await ask(admin, "ConfirmProposal", decide(proposal), bia)
        assert (done.status, done.decider) == ("executed", BIA)


@pytest.mark.parametrize(
    ("request_", "waits"),
    [
        (policy(20), False),
        (policy(21), True),
        (policy(21, limit={"per_period": 4}), False),
        (policy(21, limit={"amount": "US$20"}), False),
        (policy(20, "plan", "staff"), False),
        (policy(21, "plan", "staff"), True),
        (pb.SetPolicyRequest(subject=policy(1).subject, body_json="{}", reason="r"), False),
    ],
)
async def test_policy_counts_by_what_people_may_have_at_once(
    pool: asyncpg.Pool, request_: pb.SetPolicyRequest, *, waits: bool
) -> None:
    """The amount, as often as it may be asked for, to everybody whom the policy is for."""
    async with strict(pool) as admin:
        await a_plan(admin)
        await newcomers(admin)
        ana = await add(admin, ANA, "operator")
        assert ABOVE == 100 * USD
        assert bool(await put(admin, request_, ana)) == waits


async def test_plan_that_said_less_than_its_client_gives_more_without_its_word(
    pool: asyncpg.Pool,
) -> None:
    """Where a plan wins over its client, to take its word away is a gift, too."""
    async with strict(pool) as admin:
        await a_plan(admin)
        await newcomers(admin)
        ana = await add(admin, ANA, "operator")
        await rules(admin, policy(0).body_json, "plan", "staff")
        assert await put(admin, policy(1_000), ana) == 0
        nothing = pb.SetPolicyRequest(
            subject=pb.PolicySubject(kind="plan", id="staff"), body_json="{}", reason="r"
        )
        assert await put(admin, nothing, ana)


async def test_people_to_come_count_as_those_who_are_there(pool: asyncpg.Pool) -> None:
    """As many as a client lets in within a day."""
    async with strict(pool) as admin:
        ana = await add(admin, ANA, "operator")
        await newcomers(admin, 3)
        assert await put(admin, policy(5), ana) == 0
        assert await put(admin, policy(11), ana)
