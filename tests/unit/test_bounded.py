"""Granting while Postgres is away: never more than min(available, cap), whatever happens."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.bounded import BATCH_HOLDS, UnknownAccountError
from credit.grant import decide
from credit.ledger import Place
from tests.books import a_place
from tests.unit.bounded_scene import CAP, JOSE, MARIA, Scene, some_figures


async def test_grant_within_the_cap_is_on_disk_before_it_is_answered(tmp_path: Path) -> None:
    """What was answered survives the process; what is granted is the rule's, on what is left."""
    scene = Scene(tmp_path, {MARIA: some_figures(10_000)})
    place = a_place(MARIA, 600)
    assert await scene.place(place) == ("placed", decide(CAP, 600, 600, 600))
    scene.restart()
    assert scene.bounded.holds == 1
    assert scene.bounded.granted_nanos == 600
    await scene.drain()
    assert scene.ledger.held == {place.hold_id: 600}


async def test_refusal_in_an_outage_is_never_about_credit(tmp_path: Path) -> None:
    """I5: only the ledger says that credit is short; here it is `closed`, worded as unavailable."""
    scene = Scene(tmp_path, {MARIA: some_figures(0), JOSE: some_figures(10**9)})
    assert await scene.place(a_place(MARIA, 1)) == ("closed", 0)
    assert await scene.place(a_place(JOSE, CAP + 1)) == ("closed", 0)
    assert await scene.place(a_place(JOSE, CAP)) == ("placed", CAP)
    assert await scene.place(a_place(JOSE, 1)) == ("closed", 0)


async def test_same_hold_in_an_outage_has_one_answer(tmp_path: Path) -> None:
    """Envoy's retry, at once or after a restart: granted once; under another account it is nobody's."""
    scene = Scene(tmp_path, {MARIA: some_figures(10_000), JOSE: some_figures(10_000)})
    place = a_place(MARIA, 400)
    answers = await asyncio.gather(*(scene.place(place) for _ in range(5)))
    assert {granted for _, granted in answers} == {400}
    scene.restart()
    assert await scene.place(place) == ("replay", 400)
    assert scene.bounded.granted_nanos == 400
    stolen = a_place(JOSE, 400, hold_id=place.hold_id)
    assert (await scene.place(stolen))[0] == "closed"


async def test_caller_that_leaves_keeps_the_grant(tmp_path: Path) -> None:
    """Envoy's per-try timeout cancels the first try while the second is answered with the same hold."""
    scene = Scene(tmp_path, {MARIA: some_figures(10_000)})
    place = a_place(MARIA, 400)
    first = asyncio.create_task(scene.place(place))
    await asyncio.sleep(0)
    first.cancel()
    assert (await scene.place(place))[1] == 400
    await scene.drain()
    assert scene.ledger.held == {place.hold_id: 400}


async def test_accounts_of_other_kinds_in_an_outage_are_answered_as_always(tmp_path: Path) -> None:
    """Suspended when seen: 503, only the ledger may say so. Watched: passes. Unknown: nobody can say. Free: granted."""
    scene = Scene(
        tmp_path,
        {
            1: some_figures(10_000, status="frozen"),
            2: some_figures(10_000, shadow=True),
            4: some_figures(-50),
            5: some_figures(10_000, status="suspended", shadow=True),
        },
    )
    for suspended, shadow in ((1, False), (5, True)):
        refused = await scene.bounded.place(a_place(suspended, 10))
        assert (refused.result, refused.reason, refused.shadow) == ("closed", None, shadow)
    watched = await scene.bounded.place(a_place(2, 10))
    assert (watched.result, watched.shadow) == ("closed", True)
    with pytest.raises(UnknownAccountError):
        await scene.place(a_place(3, 10))
    assert await scene.place(a_place(4, 0)) == ("placed", 0)


async def test_disk_that_is_full_grants_nothing(tmp_path: Path) -> None:
    """No line, no answer; the allowance is whole again when there is room."""
    scene = Scene(tmp_path, {MARIA: some_figures(10_000)})
    scene.full = True
    place = a_place(MARIA, CAP)
    with pytest.raises(OSError, match="full"):
        await scene.place(place)
    assert scene.bounded.granted_nanos == 0
    scene.full = False
    assert await scene.place(place) == ("placed", CAP)


async def test_hold_whose_account_is_unknown_is_set_aside_with_an_alarm(tmp_path: Path) -> None:
    """One such line never keeps its neighbours from the ledger, nor does one that the ledger cannot read."""
    scene = Scene(tmp_path, {MARIA: some_figures(10**6)}, cap=10**6)
    places = [a_place(MARIA, 10) for _ in range(7)]
    for place in places:
        await scene.place(place)
    scene.ledger.refuses = {places[2].hold_id}
    scene.ledger.poison = {places[4].hold_id}
    await scene.drain()
    bad = scene.ledger.refuses | scene.ledger.poison
    assert scene.ledger.held.keys() == {place.hold_id for place in places} - bad
    assert scene.alarms == [
        ("bounded_hold_not_placed", "unknown"),
        ("bounded_hold_not_placed", "rejected"),
    ]
    assert len((tmp_path / "rejected.txt").read_bytes().splitlines()) == 2
    assert scene.bounded.at_rest


async def test_ledger_that_leaves_during_the_drain_gets_the_rest_later(tmp_path: Path) -> None:
    """Nothing is marked as taken that was not placed; batches are bounded."""
    scene = Scene(tmp_path, {MARIA: some_figures(10**6)}, cap=10**6)
    places = [a_place(MARIA, 10) for _ in range(BATCH_HOLDS + 5)]
    await asyncio.gather(*(scene.place(place) for place in places))
    assert await scene.drain_once() == BATCH_HOLDS
    scene.ledger.away = True
    with pytest.raises(ConnectionError):
        await scene.drain()
    assert not scene.bounded.at_rest
    scene.ledger.away = False
    scene.restart()
    await scene.drain()
    assert scene.ledger.held == {place.hold_id: 10 for place in places}


ACCOUNTS = (MARIA, JOSE)
STEP = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(ACCOUNTS), st.integers(0, 900)),
    st.tuples(st.just("again"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("full"), st.just(0), st.just(0)),
    st.tuples(st.just("crowd"), st.sampled_from(ACCOUNTS), st.integers(1, 400)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(STEP, max_size=30), st.integers(-100, 3_000), st.integers(0, 2_000))
def test_grants_of_one_outage_never_exceed_what_is_available_or_the_cap(
    steps: list[tuple[str, int, int]], available: int, cap: int
) -> None:
    """Whatever the order, retries, crowds, restarts, full disks: the bound of protocol.md 7, per account.

    What the ledger holds at the end is exactly what was answered.
    """
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_outage(Path(folder), steps, available, cap))


class Outage:
    """One outage as a sequence of steps; after each, the bound holds."""

    def __init__(self, folder: Path, available: int, cap: int) -> None:
        self.limit = max(0, min(available, cap))
        self.scene = Scene(folder, dict.fromkeys(ACCOUNTS, some_figures(available)), cap)
        self.asked: list[Place] = []
        self.answered: dict[str, tuple[int, int]] = {}

    async def ask(self, place: Place) -> None:
        """One hold; the same answer as before, if there was one."""
        self.asked.append(place)
        try:
            placed = await self.scene.bounded.place(place)
        except OSError:
            assert self.scene.full
            return
        if placed.result in {"placed", "replay"}:
            answer = (place.account_id, placed.granted_nanos)
            assert self.answered.setdefault(place.hold_id, answer) == answer

    async def place(self, account_id: int, want: int) -> None:
        """Somebody new."""
        await self.ask(a_place(account_id, want, want // 2, want // 4))

    async def crowd(self, account_id: int, want: int) -> None:
        """Four at once."""
        await asyncio.gather(*(self.place(account_id, want) for _ in range(4)))

    async def again(self, which: int, _: int) -> None:
        """A retry of what was asked before."""
        if self.asked:
            await self.ask(self.asked[which % len(self.asked)])

    async def restart(self, *_: int) -> None:
        """The process dies and comes back; a folder that is full is no folder to start with."""
        self.scene.full = False
        self.scene.restart()

    async def full(self, *_: int) -> None:
        """The disk fills, or is emptied."""
        self.scene.full = not self.scene.full

    def check(self) -> None:
        """Per account, never more than min(available, cap)."""
        for account_id in ACCOUNTS:
            granted = sum(g for a, g in self.answered.values() if a == account_id)
            assert granted <= self.limit


async def _outage(
    folder: Path, steps: list[tuple[str, int, int]], available: int, cap: int
) -> None:
    outage = Outage(folder, available, cap)
    for step, first, second in steps:
        await getattr(outage, step)(first, second)
        outage.check()
    await outage.scene.drain()
    held = {hold_id: granted for hold_id, (_, granted) in outage.answered.items()}
    assert outage.scene.ledger.held == held
    assert not outage.scene.alarms
    outage.scene.spool.close()
