"""The policies at the door: whose holds for whom, and what a change does to those known."""

import asyncio
from typing import Any

import pytest

from authz.policies import Policies
from credit.policy import EMPTY

MARIA, JOSE = 1007, 1008


def row(kind: str, subject: str, **body: Any) -> dict[str, Any]:
    """As stored."""
    return {"subject_kind": kind, "subject_id": subject, "body": body}


class Plans:
    """Maria is on `gold`; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.maria: str | None = "gold"
        self.away = False

    async def find(self, account_id: int) -> str | None:
        """What the ledger says."""
        self.asked += 1
        if self.away:
            raise ConnectionError
        return self.maria if account_id == MARIA else None


CLIENT = row("client", "chat", models=["mini"], max_output_tokens=100)
GOLD = row("plan", "gold", models=["*"])


async def test_policy_of_a_plan_holds_for_its_people_only() -> None:
    """Over that of their client; without a person the client's stands alone."""
    policies = Policies(Plans().find)
    policies.load([CLIENT, GOLD])
    maria = await policies.find("chat", MARIA)
    assert (maria.models, maria.max_output_tokens) == (("*",), 100)
    for account_id in (JOSE, None):
        assert (await policies.find("chat", account_id)).models == ("mini",)
    assert (await policies.find("script", MARIA)).models == ("*",)
    assert await policies.find("script", JOSE) == EMPTY


async def test_plan_that_nobody_can_say_now_is_the_one_that_it_was_last() -> None:
    """An outage just after the news: whoever was known goes on, who never was is not guessed."""
    plans = Plans()
    policies = Policies(plans.find)
    policies.load([CLIENT, GOLD])
    await policies.find("chat", MARIA)
    plans.away = True
    for _ in range(3):
        policies.load([CLIENT, GOLD])
        assert (await policies.find("chat", MARIA)).models == ("*",)
    with pytest.raises(ConnectionError):
        await policies.find("chat", JOSE)
    plans.away, plans.maria = False, None
    assert (await policies.find("chat", MARIA)).models == ("mini",)


async def test_plan_is_asked_once_until_something_changed() -> None:
    """And not at all where no plan has a policy."""
    plans = Plans()
    policies = Policies(plans.find)
    policies.load([CLIENT])
    await policies.find("chat", MARIA)
    assert plans.asked == 0
    policies.load([CLIENT, GOLD])
    for _ in range(3):
        await policies.find("chat", MARIA)
    assert plans.asked == 1
    plans.maria = None
    policies.load([CLIENT, GOLD])
    assert (await policies.find("chat", MARIA)).models == ("mini",)


async def test_plan_that_changes_while_it_is_asked_for_is_not_kept() -> None:
    """What was read before the news is not what holds after it."""
    began, go_on = asyncio.Event(), asyncio.Event()
    answers = ["gold", None]

    async def find(_: int) -> str | None:
        plan = answers.pop(0)
        began.set()
        await go_on.wait()
        return plan

    policies = Policies(find)
    policies.load([CLIENT, GOLD])
    first = asyncio.create_task(policies.find("chat", MARIA))
    await began.wait()
    policies.load([CLIENT, GOLD])
    go_on.set()
    await first
    assert (await policies.find("chat", MARIA)).models == ("mini",)


async def test_policy_of_a_newer_release_leaves_the_one_before_in_force() -> None:
    """One row that cannot be read must not stop the door from hearing of the others."""
    policies = Policies(Plans().find)
    policies.load([CLIENT])
    policies.load([row("client", "chat", telepathy=True), row("client", "script", models=["o3"])])
    assert (await policies.find("chat", None)).models == ("mini",)
    assert (await policies.find("script", None)).models == ("o3",)


async def test_plan_nobody_can_tell_is_an_error() -> None:
    """The door words it as unavailable: never a guess."""

    async def away(_: int) -> str | None:
        raise ConnectionError

    policies = Policies(away)
    policies.load([GOLD])
    with pytest.raises(ConnectionError):
        await policies.find("chat", MARIA)


async def test_flat_paths_are_those_of_any_policy_in_force() -> None:
    """Where nobody sets an amount a path is answered without asking who calls; a change is seen at once."""
    policies = Policies(Plans().find)
    policies.load([CLIENT, row("plan", "gold", flat_holds={"/v1/audio/speech": "US$0"})])
    assert policies.flat_paths == {"/v1/audio/speech"}
    policies.load([CLIENT, GOLD])
    assert policies.flat_paths == frozenset()
