"""What one SQL session may do in the interleavings: each verb of the ledger, as a function of a scene."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from credit import ledger
from tests.books import FUND, a_place, a_record, an_event
from tests.model.scenarios import bounded


@dataclass
class Scene:
    """An account with an open hold, another one with one, and an id that nobody has used."""

    account: int
    held: str
    other: int
    other_held: str
    suspense: int
    fresh: str = field(default_factory=lambda: str(uuid.uuid4()))
    record: str = field(default_factory=lambda: uuid.uuid4().hex)


# The connection is a session of its own; the ledger takes it in place of a pool.
Act = Callable[[Scene, Any], Awaitable[Any]]


def place(which: str, want: int) -> Act:
    """Ask for a hold."""

    async def act(scene: Scene, connection: Any) -> Any:
        asked = a_place(scene.account, want, hold_id=getattr(scene, which))
        answer = (await ledger.place_batch(connection, [asked], 2100))[asked.hold_id]
        return answer.result, answer.reason, answer.granted_nanos

    return act


def extend(want: int, which: str = "held") -> Act:
    """Raise a hold."""

    async def act(scene: Scene, connection: Any) -> Any:
        answer = await ledger.extend_hold(connection, getattr(scene, which), want, want)
        return answer.result, answer.reason, answer.granted_nanos

    return act


def report(which: str, cost: int, *, same: bool = False, unproven: bool = False) -> Act:
    """Report a cost: `same` sends one record from two places, `unproven` has no token."""

    async def act(scene: Scene, connection: Any) -> Any:
        hold_id = getattr(scene, which)
        record = a_record(hold_id, scene.suspense if unproven else scene.account)
        record["id"] = scene.record if same else record["id"]
        event = an_event(hold_id, cost) | {"record_id": record["id"]}
        results = await ledger.capture_batch(connection, [record], [event], 2100)
        return sorted(results.values())

    return act


def close(which: str, outcome: str, estimate: int, seen: int = 0) -> Act:
    """Close on so many records."""

    async def act(scene: Scene, connection: Any) -> Any:
        one = {"hold_id": getattr(scene, which), "outcome": outcome, "reason": "tried"}
        decided = one | {"estimate": estimate, "records_seen": seen}
        return list((await ledger.close_batch(connection, [decided])).values())

    return act


def place_bounded(granted: int) -> Act:
    """Place what a replica granted while the ledger was away."""

    async def act(scene: Scene, connection: Any) -> Any:
        line = bounded(a_place(scene.account, granted, hold_id=scene.fresh), granted)
        return list((await ledger.place_bounded(connection, [line], 2100)).values())

    return act


def place_both(*, backwards: bool) -> Act:
    """One batch with a call of each account."""

    async def act(scene: Scene, connection: Any) -> Any:
        places = [a_place(scene.account, 100), a_place(scene.other, 100)]
        answers = await ledger.place_batch(connection, places[:: -1 if backwards else 1], 2100)
        return sorted(answer.result for answer in answers.values())

    return act


def report_both(*, backwards: bool) -> Act:
    """One batch with a report of each account."""

    async def act(scene: Scene, connection: Any) -> Any:
        pairs = [(scene.held, scene.account), (scene.other_held, scene.other)]
        pairs = pairs[:: -1 if backwards else 1]
        records, events = [a_record(*pair) for pair in pairs], [an_event(h, 50) for h, _ in pairs]
        results = await ledger.capture_batch(connection, records, events, 2100)
        return sorted(results.values())

    return act


def top_up(nanos: int) -> Act:
    """More credit."""

    async def act(scene: Scene, connection: Any) -> Any:
        return await connection.execute(FUND, scene.account, nanos)

    return act


def due() -> Act:
    """Look at the account: what has ended, what begins."""

    async def act(scene: Scene, connection: Any) -> Any:
        return await ledger.settle_due(connection, scene.account)

    return act
