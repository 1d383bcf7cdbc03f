"""What the toll booth adds, against what LiteLLM itself adds to the same call."""

import asyncio
from typing import Final

from bench.door import BODY, PATH, added_p50_ms
from bench.load_process import LoadProcess
from bench.plan import Plan
from bench.report import Bar, Table
from bench.samples import Samples
from bench.system import System

# The callback looks at its switch file once a second.
SWITCH_S: Final = 1.2
MOST_SHARE: Final = 1 / 5

PROVIDER, LITELLM = "provider", "LiteLLM, callback off"
DOOR, WHOLE = "Envoy + authz + LiteLLM, callback off", "Envoy + authz + LiteLLM + callback"


async def measure(system: System, plan: Plan, load: LoadProcess) -> tuple[list[Table], list[Bar]]:
    """One client in closed loop: the provider alone, behind LiteLLM, behind all of it."""
    stack = system.stack
    body = BODY.replace('"stream":true', '"stream":false').replace(":512", ":16")
    own = {**system.headers, "authorization": f"Bearer {stack.litellm_key}"}
    ways = {
        PROVIDER: (stack.provider_url, own),
        LITELLM: (stack.litellm_url, own),
        DOOR: (stack.envoy_url, system.headers),
        WHOLE: (stack.envoy_url, system.headers),
    }
    samples = {name: Samples() for name in ways}
    for _ in range(plan.rounds):
        for name, (url, headers) in ways.items():
            await _switch(system, off=name in {LITELLM, DOOR})
            job = {
                "url": f"{url}{PATH}",
                "headers": headers,
                "people": system.people[:1],
                "body": body,
                "clients": 1,
                "seconds": plan.litellm_s,
            }
            samples[name].add(await load.run(job))
    return [_table(samples)], [_bar(samples)]


async def _switch(system: System, *, off: bool) -> None:
    file = system.stack.switch_file
    if off == file.exists():
        return
    if off:
        file.write_text("off")
    else:
        file.unlink()
    await asyncio.sleep(SWITCH_S)


def _table(samples: dict[str, Samples]) -> Table:
    rows = [
        (name, *found.cells, f"{added_p50_ms(samples[PROVIDER], found):+.2f}", str(found.failed))
        for name, found in samples.items()
    ]
    head = ("way", "p50 ms", "p95 ms", "p99 ms", "added p50 ms", "failed")
    return Table("Beside LiteLLM's own overhead, 1 client, closed loop", head, rows)


def _bar(samples: dict[str, Samples]) -> Bar:
    litellm_ms = added_p50_ms(samples[PROVIDER], samples[LITELLM])
    door_ms = added_p50_ms(samples[LITELLM], samples[DOOR])
    share = door_ms / litellm_ms
    return Bar(
        "Envoy + authz against LiteLLM's own overhead, p50",
        f"<= {MOST_SHARE:.2f}x",
        f"{share:.2f}x ({door_ms:.1f} of {litellm_ms:.1f} ms)",
        share <= MOST_SHARE,
    )
