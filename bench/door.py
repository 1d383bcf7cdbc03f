"""What Envoy and authz add to a request, before an upstream that answers at once."""

from typing import Final

from bench.load_process import LoadProcess
from bench.plan import Plan
from bench.report import Bar, Table
from bench.samples import Samples
from bench.system import MODEL, System

BODY: Final = (
    f'{{"model":"{MODEL}","stream":true,"max_tokens":512,"messages":'
    '[{"role":"system","content":"Be brief."},{"role":"user","content":"%s"}]}'
) % ("Explain the toll booth. " * 12)
PATH: Final = "/v1/chat/completions"
MOST_P95_MS: Final = 15.0
MOST_P99_MS: Final = 30.0

DIRECT, OFF, ON = "no Envoy", "Envoy, filter off", "Envoy, filter on"


async def measure(system: System, plan: Plan, load: LoadProcess) -> tuple[list[Table], list[Bar]]:
    """Open loop through each of the three ways, in alternating rounds."""
    urls = {DIRECT: system.upstream_url, OFF: system.open_door_url, ON: system.door_url}
    samples = {name: Samples() for name in urls}
    for _ in range(plan.rounds):
        for name, url in urls.items():
            job = {
                "url": f"{url}{PATH}",
                "headers": system.headers,
                "people": system.people,
                "body": BODY,
                "rate": plan.door_rate,
                "seconds": plan.door_s,
            }
            samples[name].add(await load.run(job))
    return [_table(samples, plan)], _bars(samples, plan)


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
