"""Check against an empty service: rounds alternate between the two, so that noise meets both."""

from collections.abc import Sequence
from typing import Final

from bench.load_process import Job, LoadProcess
from bench.plan import Plan
from bench.report import Bar, Table
from bench.samples import Samples
from bench.system import MODEL, System
from bench.usage import processor_s

HOT_CLIENTS: Final = 32
LEAST_THROUGHPUT: Final = 0.5
MOST_P50: Final = 4.0
MOST_P50_MS: Final = 3.0
WARM_S: Final = 0.5

Key = tuple[str, int]
EMPTY, AUTHZ, HOT = "empty service", "authz", "authz, one account"


async def measure(system: System, plan: Plan, load: LoadProcess) -> tuple[list[Table], list[Bar]]:
    """One line per service and number of clients, and the bars on throughput and p50."""
    samples: dict[Key, Samples] = {}
    spent: dict[Key, float] = {}
    pids = {EMPTY: system.empty.pid, AUTHZ: system.stack.children["authz-1"].pid}
    pids[HOT] = pids[AUTHZ]
    for name in (EMPTY, AUTHZ):
        await load.run(_job(system, name, 8, WARM_S))
    for _ in range(plan.rounds):
        for key in _keys(plan.check_clients):
            name, clients = key
            began = processor_s(pids[name])
            figures = await load.run(_job(system, name, clients, plan.check_s))
            spent[key] = spent.get(key, 0.0) + processor_s(pids[name]) - began
            samples.setdefault(key, Samples()).add(figures)
    return [_table(samples, spent)], _bars(samples, plan.check_clients)


def _job(system: System, name: str, clients: int, seconds: float) -> Job:
    replica = system.stack.authz_addresses[0]
    return {
        "address": system.empty_address if name == EMPTY else replica,
        "people": system.people[:1] if name == HOT else system.people,
        "clients": clients,
        "seconds": seconds,
        "key": system.key,
        "model": MODEL,
    }


def _keys(clients: Sequence[int]) -> list[Key]:
    both = [(name, number) for number in clients for name in (EMPTY, AUTHZ)]
    return [*both, (HOT, HOT_CLIENTS)]


def _table(samples: dict[Key, Samples], spent: dict[Key, float]) -> Table:
    rows = []
    for (name, clients), found in samples.items():
        yardstick = samples.get((EMPTY, clients), found)
        cpu_us = spent[name, clients] / len(found.latencies_us) * 1e6
        rows.append(
            (
                name,
                str(clients),
                f"{found.rate:,.0f}",
                f"{found.rate / yardstick.rate:.2f}x",
                *found.cells,
                f"{cpu_us:.0f}",
                str(found.failed),
            )
        )
    head = ("service", "clients", "checks/s", "of empty", "p50 ms", "p95 ms", "p99 ms")
    note = "Each Check of authz places a hold that Postgres has on disk before it is answered."
    return Table("Check", (*head, "CPU us/check", "failed"), rows, note)


def _bars(samples: dict[Key, Samples], clients: Sequence[int]) -> list[Bar]:
    most = max(clients)
    share = samples[AUTHZ, most].rate / samples[EMPTY, most].rate
    alone_ms = samples[AUTHZ, 1].quantile_ms(0.5)
    ratio = alone_ms / samples[EMPTY, 1].quantile_ms(0.5)
    return [
        Bar(
            f"Check throughput against an empty service, {most} clients",
            f">= {LEAST_THROUGHPUT}x",
            f"{share:.2f}x",
            share >= LEAST_THROUGHPUT,
        ),
        Bar(
            "Check p50 at 1 client",
            f"<= {MOST_P50:g}x or <= {MOST_P50_MS:g} ms",
            f"{ratio:.1f}x, {alone_ms:.2f} ms",
            ratio <= MOST_P50 or alone_ms <= MOST_P50_MS,
        ),
    ]
