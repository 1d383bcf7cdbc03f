"""Random histories on the real ledger: `make histories HISTORIES=100000 [SEED=1]`.

Each history is one account, a dozen acts and a reference beside it. Hundreds run side by side, one
statement per verb for all of them. At the end: no wrong block, every refusal on file recomputed from
the ledger at its version, and every placement, books that add up. Last, two calls of each account race
through two connections; those too must recompute. Then teams with pools, caps and plans (team_histories.py),
one to each five hundred. Exit code 1 on any difference.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from credit.pool import connect
from tests.command_line import at_least_one
from tests.model.history import History
from tests.model.own_postgres import own_postgres
from tests.model.perform import Difference, compare, perform
from tests.model.store import PostgresStore, Store
from tests.model.team_histories import TeamTally, run_teams

ACTS = 12
HISTORIES_A_TEAM = 500  # a team's life is long, and its rule is asked in Python act by act
SIDE_BY_SIDE = 500  # histories that share a statement
LANES = 2
BAR_WIDTH = 40
SHOWN = 10


@dataclass
class Tally:
    """What was done, and what was found."""

    histories: int = 0
    acts: int = 0
    placements: int = 0
    refusals: int = 0
    recomputed: int = 0
    raced: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def wrong_blocks(self) -> int:
        """Turned away though the ledger had the credit, or let through though it had not."""
        return sum(difference.wrong_block for difference in self.differences)

    def __str__(self) -> str:
        """The last line of a run."""
        return (
            f"{self.histories} histories, {self.acts} operations, {self.placements} placements, "
            f"{self.refusals} refusals, {self.recomputed} recomputed, {self.raced} raced, "
            f"{self.wrong_blocks} wrong blocks, {len(self.differences)} differences"
        )


async def live(store: Store, seeds: range, tally: Tally) -> None:
    """Live these histories side by side, then compare each with its reference."""
    accounts = await store.open([f"history-{seed}" for seed in seeds])
    histories = [History(seed, account) for seed, account in zip(seeds, accounts, strict=True)]
    tally.differences += await perform(store, [history.begin() for history in histories])
    for _ in range(ACTS - 1):
        tally.differences += await perform(store, [history.next() for history in histories])
    differences, recomputed = await compare(store, [history.acts for history in histories])
    tally.differences += differences
    tally.histories += len(histories)
    tally.acts += len(histories) * ACTS
    tally.placements += sum(history.acts.placements for history in histories)
    tally.refusals += sum(len(history.acts.refused) for history in histories)
    tally.recomputed += recomputed
    await race(store, histories, tally)


async def race(store: Store, histories: Sequence[History], tally: Tally) -> None:
    """Two batches over all these accounts at once, through two connections.

    Who comes first is not known, so no answer is compared: every placement and refusal must recompute at
    its version, and the books must add up.
    """
    pairs = [history.race() for history in histories]
    batches = [[pair[0] for pair in pairs], [pair[1] for pair in reversed(pairs)]]
    answers = await asyncio.gather(*(store.place(batch) for batch in batches))
    await store.check([history.acts.account_id for history in histories])
    tally.raced += len(answers[0]) + len(answers[1])


async def run(
    store: Store, count: int, seed: int, progress: Callable[[Tally], None] = lambda _: None
) -> Tally:
    """Live `count` histories from `seed` on; two groups at once."""
    tally = Tally()
    groups = [
        range(start, min(start + SIDE_BY_SIDE, seed + count))
        for start in range(seed, seed + count, SIDE_BY_SIDE)
    ]

    async def lane(number: int) -> None:
        for group in groups[number::LANES]:
            await live(store, group, tally)
            progress(tally)

    lanes: list[Awaitable[None]] = [lane(number) for number in range(LANES)]
    await asyncio.gather(*lanes)
    return tally


def show_progress(count: int) -> Callable[[Tally], None]:
    """A bar on a terminal, else a line each tenth of the way."""
    began = time.monotonic()
    told = 0

    def show(tally: Tally) -> None:
        nonlocal told
        part = tally.histories / count
        left_s = (time.monotonic() - began) * (1 - part) / part
        bar = "#" * int(part * BAR_WIDTH)
        text = (
            f"[{bar:<{BAR_WIDTH}}] {tally.histories}/{count}, {len(tally.differences)} differences"
        )
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{text}, {left_s:4.0f} s left ")
        elif int(part * 10) > told:
            told = int(part * 10)
            sys.stdout.write(f"{text}, {left_s:.0f} s left\n")
        sys.stdout.flush()

    return show


async def prove(count: int, seed: int) -> Tally:
    """Run on a Postgres of our own."""
    with TemporaryDirectory(prefix="pedagio-histories-") as folder:
        async with (
            own_postgres(Path(folder)) as url,
            await connect(url, max_size=2 * LANES + 1) as pool,
        ):
            return await run(PostgresStore(pool), count, seed, show_progress(count))


async def prove_teams(count: int, seed: int) -> TeamTally:
    """The same for teams: a Postgres of their own, because they move its clock."""
    with TemporaryDirectory(prefix="pedagio-teams-") as folder:
        async with own_postgres(Path(folder)) as url, await connect(url, max_size=4) as pool:
            return await run_teams(pool, count, seed)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Random histories on the real ledger.")
    parser.add_argument("--count", type=at_least_one("HISTORIES"), default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="the first history; each has its own")
    chosen = parser.parse_args()
    began = time.monotonic()
    tally = asyncio.run(prove(chosen.count, chosen.seed))
    sys.stdout.write(f"\n{tally} (seed {chosen.seed}, {time.monotonic() - began:.0f} s)\n")
    for difference in tally.differences[:SHOWN]:
        sys.stdout.write(f"  {difference}\n")
    began = time.monotonic()
    teams = asyncio.run(prove_teams(-(-chosen.count // HISTORIES_A_TEAM), chosen.seed))
    sys.stdout.write(f"{teams} (seed {chosen.seed}, {time.monotonic() - began:.0f} s)\n")
    for told in teams.differences[:SHOWN]:
        sys.stdout.write(f"  {told}\n")
    wrong = tally.differences or teams.differences
    sys.exit(1 if wrong or not tally.refusals or not teams.placements else 0)


if __name__ == "__main__":
    main()
