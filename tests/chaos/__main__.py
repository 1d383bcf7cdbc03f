"""`make chaos`: faults on the real system, then the proof that no nano-USD went astray.

Exit status 0: nothing was overspent, lost, debited twice or refused wrongly, and no hold is left.
"""

import argparse
import asyncio
import os
import platform
import secrets
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.run import Outcome, Run
from tests.chaos.schedule import Round, make_schedule
from tests.chaos.system import HOLD_DEADLINE_S, ChaosStack, chaos_options
from tests.chaos.table import LONG_RUN, as_markdown, as_table, complaints, lines_of
from tests.command_line import at_least_one

DETAILS_SHOWN: Final = 40
TABLE_COLUMNS: Final = 170
SAID_EVERY: Final = 20  # rounds, where no bar can be drawn
SHORT_DEADLINE_S: Final = 15  # of a hold: who waits for a short run waits for the last hold too


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=at_least_one("ROUNDS"), default=8)
    parser.add_argument("--seed", type=int, default=None, help="default: drawn, and printed")
    parser.add_argument("--record", type=Path, default=None, help="append the result to this file")
    parser.add_argument("--state", type=Path, default=None, help="keep the state folder here")
    parser.add_argument(
        "--only", type=int, nargs="*", help="play these rounds of the schedule only"
    )
    parser.add_argument("--show", action="store_true", help="print the schedule and end")
    options = parser.parse_args(arguments)
    if strange := [one for one in options.only or () if one not in range(options.rounds)]:
        parser.error(f"--only {strange[0]}: the schedule has rounds 0 to {options.rounds - 1}")
    return options


async def play(schedule: tuple[Round, ...], state: Path, console: Console) -> Outcome:
    """Start the system, play, stop it; also when told to stop, so that no disk stays mounted."""
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("starting", total=len(schedule))

        def told(done: int) -> None:
            kinds = schedule[done].kinds if done < len(schedule) else ("finishing",)
            bar.update(task, completed=done, description=", ".join(kinds))
            if not console.is_terminal and done % SAID_EVERY == 0:
                console.print(f"{done} of {len(schedule)} rounds")

        short = len(schedule) < LONG_RUN
        deadline_s = SHORT_DEADLINE_S if short else HOLD_DEADLINE_S
        async with ChaosStack(chaos_options(state, deadline_s)) as stack:
            bar.update(task, description=", ".join(schedule[0].kinds))
            return await Run(stack, schedule, told).play()


def record(path: Path, outcome: Outcome, command: str, verdict: str) -> None:
    """Append a result with its date, machine and command."""
    text = (
        f"\n## {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n\n`{command}`\n\n"
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{len(outcome.rounds)} rounds in {outcome.took_s / 60:.1f} minutes, "
        f"{outcome.sums['conflicts']} contradicting reports told apart.\n\n{verdict}\n\n"
        f"{as_markdown(lines_of(outcome))}\n"
    )
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def show(schedule: tuple[Round, ...], console: Console) -> None:
    """Print the schedule."""
    for planned in schedule:
        faults = ", ".join(f"{f.kind} at {f.at_s} s for {f.for_s} s" for f in planned.faults)
        way = "LiteLLM" if planned.through_litellm else "stand-in"
        console.print(f"{planned.number:4} {way:8} {faults}", soft_wrap=True)


def main() -> int:
    """Run; returns the exit status."""
    options = parse()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = TABLE_COLUMNS
    schedule = make_schedule(seed, options.rounds)
    if options.only:
        schedule = tuple(planned for planned in schedule if planned.number in options.only)
    command = f"make chaos ROUNDS={options.rounds} SEED={seed}"
    console.print(command)
    if options.show:
        show(schedule, console)
        return 0
    with tempfile.TemporaryDirectory(prefix="pedagio-chaos-") as folder:
        outcome = asyncio.run(play(schedule, options.state or Path(folder), console))
    lines = lines_of(outcome)
    console.print(as_table(lines))
    said = complaints(outcome, lines)
    for detail in lines[-1].found.details[:DETAILS_SHOWN]:
        console.print(detail, style="red", soft_wrap=True)
    found = lines[-1].found
    verdict = "; ".join(said) or "nothing overspent, lost, doubled, wrongly refused or left open"
    console.print(
        f"{found.refusals} stored refusals and {found.placements} placements recomputed, "
        f"{found.estimates} estimates; those that stood came to {found.estimated} of the "
        f"{found.estimated_truth} nano-USD that their calls cost, "
        f"{found.unheld} nano-USD passed in modes off and shadow, "
        f"{outcome.sums['unmetered']} calls of those modes met a full disk, "
        f"{outcome.sums['conflicts']} contradicting reports told apart, {outcome.took_s:.0f} s"
    )
    console.print(verdict, style="bold red" if said else "bold green")
    if options.record:
        record(options.record, outcome, command, verdict)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
