"""Other people while Envoy parses one huge body of small numbers."""

import asyncio
import time

import httpx

from bench.door import BODY, PATH
from bench.load_process import LoadProcess
from bench.plan import MIB, Plan
from bench.report import Bar, Table
from bench.samples import Samples
from bench.system import MODEL, System
from bench.usage import resident_mib

BODY_BOUND_S = 60.0
# Everybody is connected before the body comes: a first call to a stalled worker is not timed.
HEAD_START_S = 1.0
UNAVAILABLE = 503


async def measure(system: System, plan: Plan, load: LoadProcess) -> tuple[list[Table], list[Bar]]:
    """The same open loop twice: in peace, and while the body is parsed. No bar: the figure is to be known."""
    peace, crowd = Samples(), Samples()
    peace.add(await load.run(_job(system, plan, plan.door_s)))
    seconds = max(plan.door_s, HEAD_START_S + plan.body_bytes / MIB / 2)
    others = asyncio.create_task(load.run(_job(system, plan, seconds)))
    await asyncio.sleep(HEAD_START_S)
    status, took_s, peak_mib = await _post_numbers(system, plan.body_bytes)
    crowd.add(await others)
    rows = [
        ("in peace", *peace.cells, f"{peace.quantile_ms(1):.0f}", str(peace.failed)),
        ("beside the body", *crowd.cells, f"{crowd.quantile_ms(1):.0f}", str(crowd.failed)),
    ]
    size = f"{plan.body_bytes / MIB:g} MiB"
    # Envoy's clock for the check starts with the parsing, and allows a second in all.
    why = " (its check was out of time when it was parsed)" if status == UNAVAILABLE else ""
    note = (
        f"The body was answered {status} after {took_s:.1f} s{why}; Envoy (2 workers) reached "
        f"{peak_mib:,.0f} MiB. {plan.crowd_people} people, {plan.crowd_rate:g} requests/s; those "
        "whose connection is on the parsing worker wait for it."
    )
    head = ("another person", "p50 ms", "p95 ms", "p99 ms", "longest ms", "failed")
    return [Table(f"While a body of {size} of small numbers is parsed", head, rows, note)], []


def _job(system: System, plan: Plan, seconds: float) -> dict[str, object]:
    return {
        "url": f"{system.door_url}{PATH}",
        "headers": system.headers,
        "people": system.people[: plan.crowd_people],
        "body": BODY,
        "rate": plan.crowd_rate,
        "seconds": seconds,
    }


async def _post_numbers(system: System, size_bytes: int) -> tuple[int, float, float]:
    """Status, seconds, and the most memory that Envoy was seen with, in MiB."""
    start, end = f'{{"model":"{MODEL}","messages":[', "0]}"
    numbers = "0," * ((size_bytes - len(start) - len(end)) // 2)
    headers = {**system.headers, "x-user-id": system.people[-1]}
    peak_mib = 0.0
    began = time.perf_counter()
    async with httpx.AsyncClient(timeout=BODY_BOUND_S) as http:
        url = f"{system.door_url}{PATH}"
        answer = asyncio.create_task(
            http.post(url, content=(start + numbers + end).encode(), headers=headers)
        )
        while not answer.done():
            peak_mib = max(peak_mib, resident_mib(system.door_envoy.pid))
            await asyncio.wait({answer}, timeout=0.05)
    return answer.result().status_code, time.perf_counter() - began, peak_mib
