"""Members of a pool while Postgres is away: who pays is decided as the ledger would, within the payer's allowance."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.books import a_place
from tests.unit.bounded_scene import CAP, CAPPED, JOSE, MARIA, TEAM, Scene, some_figures

POOL_ONLY = {MARIA: some_figures(0), JOSE: some_figures(0), TEAM: some_figures(10_000)}
ON_THE_TEAM = {MARIA: [(MARIA, ()), (TEAM, ())], JOSE: [(JOSE, ()), (TEAM, ())]}


def a_team(folder: Path, **changes: int) -> Scene:
    """Maria and Jose live on the team; `changes`: what one of the accounts has instead."""
    accounts = {"maria": MARIA, "jose": JOSE, "team": TEAM}
    known = POOL_ONLY | {accounts[name]: some_figures(n) for name, n in changes.items()}
    scene = Scene(folder, known)
    scene.payers = dict(ON_THE_TEAM)
    return scene


async def test_member_without_own_credit_goes_on_and_the_pool_is_asked_for_it(
    tmp_path: Path,
) -> None:
    """The grant names who pays and whose call it is, on disk, in the answer, in the ledger."""
    scene = a_team(tmp_path)
    place = a_place(MARIA, 400)
    placed = await scene.bounded.place(place)
    assert (placed.result, placed.payer, placed.granted_nanos) == ("placed", TEAM, 400)
    (shown,) = placed.others or ()
    assert (shown["role"], shown["id"], shown["posted"]) == ("pool", TEAM, 10_000)
    scene.restart()
    again = await scene.bounded.place(place)
    assert (again.result, again.payer, again.granted_nanos) == ("replay", TEAM, 400)
    await scene.drain()
    assert scene.ledger.filed == {place.hold_id: (MARIA, TEAM)}
    assert scene.learned == {TEAM}


async def test_two_members_share_the_one_allowance_of_their_pool(tmp_path: Path) -> None:
    """The cap is the pool's, not each member's; also after a restart."""
    scene = a_team(tmp_path)
    assert await scene.place(a_place(MARIA, 700)) == ("placed", 700)
    assert await scene.place(a_place(JOSE, 700)) == ("closed", 0)
    scene.restart()
    assert await scene.place(a_place(JOSE, 700)) == ("closed", 0)
    assert await scene.place(a_place(JOSE, CAP - 700)) == ("placed", CAP - 700)
    assert await scene.place(a_place(MARIA, 1)) == ("closed", 0)


async def test_own_credit_pays_first_then_the_pool(tmp_path: Path) -> None:
    """In the person's order, each payer with an allowance of its own; a colleague keeps what the pool has left."""
    scene = a_team(tmp_path, maria=500)
    assert (await scene.bounded.place(a_place(MARIA, 500))).payer == MARIA
    assert (await scene.bounded.place(a_place(MARIA, 600))).payer == TEAM
    assert await scene.place(a_place(JOSE, 400)) == ("placed", 400)
    scene = a_team(tmp_path / "first", maria=500)
    scene.payers[MARIA] = [(TEAM, ()), (MARIA, ())]
    assert (await scene.bounded.place(a_place(MARIA, 500))).payer == TEAM


async def test_pool_that_is_unknown_or_suspended_pays_nothing(tmp_path: Path) -> None:
    """What nobody knows has nothing; only the ledger may say that a pool is active again."""
    scene = a_team(tmp_path)
    scene.figures[TEAM] = some_figures(10_000, status="suspended")
    assert await scene.place(a_place(MARIA, 10)) == ("closed", 0)
    del scene.figures[TEAM]
    assert await scene.place(a_place(MARIA, 10)) == ("closed", 0)
    scene.figures[TEAM] = some_figures(10_000)
    assert await scene.place(a_place(MARIA, 10)) == ("placed", 10)


async def test_cap_that_is_known_bounds_what_its_payer_gives(tmp_path: Path) -> None:
    """A payer whose caps leave nothing is skipped; grants under a cap count under it, for every payer."""
    scene = a_team(tmp_path, maria=500)
    scene.figures[CAPPED] = some_figures(300)
    scene.payers[MARIA] = [(MARIA, (CAPPED,)), (TEAM, (CAPPED,))]
    assert await scene.place(a_place(MARIA, 200)) == ("placed", 200)
    scene.restart()
    assert await scene.place(a_place(MARIA, 200)) == ("closed", 0)
    assert (await scene.bounded.place(a_place(MARIA, 100))).granted_nanos == 100
    assert await scene.place(a_place(MARIA, 1)) == ("closed", 0)
    await scene.drain()
    assert scene.learned == {MARIA, CAPPED}
    scene = a_team(tmp_path / "own", maria=500)
    scene.figures[CAPPED] = some_figures(0)
    scene.payers[MARIA] = [(MARIA, ()), (TEAM, (CAPPED,))]
    assert (await scene.bounded.place(a_place(MARIA, 500))).payer == MARIA
    assert await scene.place(a_place(MARIA, 1)) == ("closed", 0)
    # One that nobody knows bounds nothing here; the ledger counts under it afterwards.
    del scene.figures[CAPPED]
    assert (await scene.bounded.place(a_place(MARIA, 1))).payer == TEAM


async def test_disk_that_is_full_leaves_the_pool_its_allowance(tmp_path: Path) -> None:
    """No line, no answer, nothing spent of any account."""
    scene = a_team(tmp_path)
    scene.figures[CAPPED] = some_figures(CAP)
    scene.payers[MARIA] = [(TEAM, (CAPPED,))]
    scene.full = True
    try:
        await scene.place(a_place(MARIA, CAP))
    except OSError:
        scene.full = False
    assert await scene.place(a_place(MARIA, CAP)) == ("placed", CAP)


async def test_line_of_an_older_release_is_the_persons_own(tmp_path: Path) -> None:
    """An update in the middle of an outage: what the process before granted still counts, and is placed."""
    scene = a_team(tmp_path, maria=5_000)
    old = a_place(MARIA, 900)
    line = f'{{"id": "{old.hold_id}", "account_id": {MARIA}, "granted": 900}}'
    await scene.spool.append(line.encode())
    scene.restart()
    assert (await scene.bounded.place(old)).result == "replay"
    assert (await scene.bounded.place(a_place(MARIA, 200))).payer == TEAM


STEP = st.one_of(
    st.tuples(st.just("place"), st.sampled_from((MARIA, JOSE)), st.integers(0, 900)),
    st.tuples(st.just("crowd"), st.just(0), st.integers(1, 400)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(STEP, max_size=25),
    st.integers(-100, 2_000),
    st.integers(-100, 2_000),
    st.integers(-100, 2_000),
)
def test_no_account_of_a_team_gives_more_than_the_lesser_of_its_credit_and_the_cap(
    steps: list[tuple[str, int, int]], own: int, shared: int, capped: int
) -> None:
    """Whatever the order, crowds, restarts: per paying account, and under the cap that both members share."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_outage(Path(folder), steps, own, shared, capped))


async def _outage(
    folder: Path, steps: list[tuple[str, int, int]], own: int, shared: int, capped: int
) -> None:
    scene = a_team(folder, maria=own, team=shared)
    scene.figures[CAPPED] = some_figures(capped)
    scene.payers = {
        MARIA: [(MARIA, (CAPPED,)), (TEAM, (CAPPED,))],
        JOSE: [(TEAM, (CAPPED,)), (JOSE, ())],
    }
    given_by: dict[int, int] = {}
    for step, person, want in steps:
        if step == "restart":
            scene.restart()
            continue
        people = [person] if step == "place" else [MARIA, JOSE, MARIA, JOSE]
        placing = (scene.bounded.place(a_place(one, want, want // 2, want // 4)) for one in people)
        for placed in await asyncio.gather(*placing):
            if placed.result == "placed":
                given_by[placed.payer] = given_by.get(placed.payer, 0) + placed.granted_nanos
        for account, has in ((MARIA, own), (TEAM, shared)):
            assert given_by.get(account, 0) <= max(0, min(has, CAP))
        assert given_by.get(MARIA, 0) + given_by.get(TEAM, 0) <= max(0, capped)
    await scene.drain()
    assert sum(scene.ledger.held.values()) == sum(given_by.values())
    scene.spool.close()
