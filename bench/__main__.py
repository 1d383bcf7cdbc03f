"""`make bench`: start the real system, measure it, print where it stands.

`--record` appends the same tables to bench/results.md; `--smoke` is a run of seconds whose figures
mean nothing; `--only` runs some of the parts.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bench import checks, crowd, door, grants, ingest, litellm_share
from bench.load_process import LoadProcess
from bench.plan import FULL, SMOKE, Plan
from bench.report import Bar, Table, bars_table
from bench.system import System, running
from bench.usage import busy_share, resident_mib, sync_ms
from local.process import ChildError
from local.state import StateError

RESULTS = Path(__file__).with_name("results.md")
PARTS = ("check", "door", "litellm", "crowd", "ingest", "grants")
MEMORY_BARS_MIB = {"authz-1": 100, "accounting": 200}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--record", action="store_true", help="append to bench/results.md")
    parser.add_argument("--smoke", action="store_true", help="tiny durations")
    parser.add_argument("--state", type=Path, help="keep logs in this folder")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    return parser.parse_args()


def say(text: str) -> None:
    """Progress: on standard error, so that standard output is the result."""
    print(f"  {text}", file=sys.stderr, flush=True)


async def measure(system: System, plan: Plan, only: Sequence[str]) -> tuple[list[Table], list[Bar]]:
    """Run the parts in order; memory is read at the end of all of them."""
    tables: list[Table] = []
    bars: list[Bar] = []
    async with AsyncExitStack() as processes:
        check_load = await processes.enter_async_context(LoadProcess("bench.check_load"))
        web_load = await processes.enter_async_context(LoadProcess("bench.web_load"))
        work = {
            "check": lambda: checks.measure(system, plan, check_load),
            "door": lambda: door.measure(system, plan, web_load),
            "litellm": lambda: litellm_share.measure(system, plan, web_load),
            "crowd": lambda: crowd.measure(system, plan, web_load),
            "ingest": lambda: ingest.measure(system, plan),
            "grants": lambda: grants.measure(system, plan),
        }
        for name in only:
            say(f"measuring: {name}")
            more_tables, more_bars = await work[name]()
            tables += more_tables
            bars += more_bars
    memory_table, memory_bars = measure_memory(system)
    return [*tables, memory_table], [*bars, *memory_bars]


def measure_memory(system: System) -> tuple[Table, list[Bar]]:
    """Resident memory of our processes after all that was asked of them."""
    children = system.stack.children
    ours = [name for name in children if name.partition("-")[0] in {"authz", "accounting"}]
    found = {name: resident_mib(children[name].pid) for name in sorted(ours)}
    rows = [(name, f"{mib:.0f}") for name, mib in found.items()]
    bars = [
        Bar(
            f"Memory of {name.partition('-')[0]}",
            f"<= {most} MB",
            f"{found[name]:.0f} MiB",
            found[name] * 1.048576 <= most,
        )
        for name, most in MEMORY_BARS_MIB.items()
    ]
    return Table("Memory after the run", ("process", "resident MiB"), rows), bars


def heading(around: Sequence[str]) -> str:
    """When, where, with what, and what else the machine was doing."""
    command = " ".join(["python -m bench", *sys.argv[1:]])
    versions = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    before, after = around
    return (
        f"## {time.strftime('%Y-%m-%d %H:%M')}\n\n`{command}` on {os.cpu_count()} cores, {versions}; "
        f"everything on one machine. Before the run: {before}. After it: {after}."
    )


def surroundings(folder: Path) -> str:
    """What the figures depend on and the bench does not cause."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        f"{busy_share():.0%} of the processors busy with other work, "
        f"a synced write of a page {sync_ms(folder):.2f} ms"
    )


async def run(options: argparse.Namespace, folder: Path) -> str:
    """The whole run, as the text to print."""
    plan = SMOKE if options.smoke else FULL
    before = surroundings(folder)
    async with running(folder, plan.people, say) as system:
        tables, bars = await measure(system, plan, options.only)
    around = (before, surroundings(folder))
    parts = [heading(around), *(table.render() for table in [*tables, bars_table(bars)])]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Measure, print, record."""
    options = parse()
    try:
        with tempfile.TemporaryDirectory(prefix="pedagio-bench-") as folder:
            text = asyncio.run(run(options, options.state or Path(folder)))
    except (ChildError, StateError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(text)
    if options.record:
        with RESULTS.open("a", encoding="utf-8") as results:
            results.write(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
