"""What the door (Envoy with authz) adds to a request, before an upstream that answers at once."""

from typing import Final

from bench.checks import LEAST_THROUGHPUT
from bench.load_process import Job, LoadProcess
from bench.plan import Plan
from bench.report import Bar, Table
from bench.samples import Samples
from bench.system import MODEL, System

BODY: Final = (
    f'{{"model":"{MODEL}","stream":true,"max_tokens":512,"messages":'
    '[{"role":"system","content":"Be brief."},{"role":"user","content":"%s"}]}'
) % ("Explain the toll booth. " * 12)
PATH: Final = "/v1/chat/completions"
CLIENTS: Final = 32
MOST_P95_MS: Final = 15.0
MOST_P99_MS: Final = 30.0

DIRECT, OFF, ON = "no Envoy", "Envoy, filter off", "Envoy, filter on"


async def measure(system: System, plan: Plan, load: LoadProcess) -> tuple[list[Table], list[Bar]]:
    """Open loop through each of the three ways, in alternating rounds."""
    urls = {DIRECT: system.upstream_url, OFF: system.open_door_url, ON: system.door_url}
    samples = {name: Samples() for name in urls}
    for _ in range(plan.rounds):
        for name, url in urls.items():
            job = _job(system, url, rate=plan.door_rate, seconds=plan.door_s)
            samples[name].add(await load.run(job))
    full = {"Envoy + empty service": Samples(), "Envoy + authz": Samples()}
    for _ in range(plan.rounds):
        for name, url in zip(full, (system.empty_door_url, system.door_url), strict=True):
            job = _job(system, url, clients=CLIENTS, seconds=plan.check_s)
            full[name].add(await load.run(job))
    return [_table(samples, plan), _full_table(full)], [*_bars(samples, plan), _full_bar(full)]


def _job(system: System, url: str, **how: float) -> Job:
    return {
        "url": f"{url}{PATH}",
        "headers": system.headers,
        "people": system.people,
        "body": BODY,
        **how,
    }


def _full_table(full: dict[str, Samples]) -> Table:
    yardstick, _ = full.values()
    rows = [
        (
            name,
            f"{found.rate:,.0f}",
            f"{found.rate / yardstick.rate:.2f}x",
            *found.cells,
            str(found.failed),
        )
        for name, found in full.items()
    ]
    head = ("way", "answers/s", "of empty", "p50 ms", "p95 ms", "p99 ms", "failed")
    note = (
        "The bar on throughput comes from a sketch that was measured this way, not on the bare RPC."
    )
    return Table(f"End to end, as much as {CLIENTS} clients can", head, rows, note)


def _full_bar(full: dict[str, Samples]) -> Bar:
    empty, authz = full.values()
    share = authz.rate / empty.rate
    what = f"Throughput through Envoy against an empty service, {CLIENTS} clients"
    return Bar(what, f">= {LEAST_THROUGHPUT}x", f"{share:.2f}x", share >= LEAST_THROUGHPUT)


def added_p50_ms(direct: Samples, through: Samples) -> float:
    """The difference of two medians."""
    return through.quantile_ms(0.5) - direct.quantile_ms(0.5)


def _table(samples: dict[str, Samples], plan: Plan) -> Table:
    rows = [
        (name, f"{found.rate:,.0f}", *found.cells, str(found.failed))
        for name, found in samples.items()
    ]
    rows += [
        (f"added by {label}", "", *_added(samples[low], samples[high]), "")
        for label, low, high in (
            ("the filter (on - off)", OFF, ON),
            ("Envoy + authz (on - no Envoy)", DIRECT, ON),
        )
    ]
    head = ("way", "answers/s", "p50 ms", "p95 ms", "p99 ms", "failed")
    note = "Calls at random moments, timed from when each was due. Differences of quantiles."
    return Table(f"End to end, open loop at {plan.door_rate:g} requests/s", head, rows, note)


def _added(low: Samples, high: Samples) -> list[str]:
    return [
        f"{high.quantile_ms(share) - low.quantile_ms(share):+.2f}" for share in (0.5, 0.95, 0.99)
    ]


def _bars(samples: dict[str, Samples], plan: Plan) -> list[Bar]:
    bars = []
    for share, most_ms in ((0.95, MOST_P95_MS), (0.99, MOST_P99_MS)):
        added_ms = samples[ON].quantile_ms(share) - samples[DIRECT].quantile_ms(share)
        what = f"Envoy + authz add, {plan.door_rate:g} requests/s, p{share * 100:.0f}"
        bars.append(Bar(what, f"<= {most_ms:g} ms", f"{added_ms:.1f} ms", added_ms <= most_ms))
    return bars
