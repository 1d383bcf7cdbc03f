"""The parts of a chaos run: the schedule is drawn from the seed alone, the proxies do what they say."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from accounting.ingest.signing import is_genuine
from tests.chaos.proxy import HOST, Proxy
from tests.chaos.reports_proxy import ReportsProxy
from tests.chaos.schedule import AWAY, CONDITIONS, FAULTS, make_schedule
from tests.chaos.table import LEAST_FIRED, LONG_RUN, longest_away_s
from tests.chaos.traffic import PROBE_SHAPE, Attempt

KEY = "k" * 32
BOUND_S = 5.0


def test_schedule_of_one_seed_is_always_the_same() -> None:
    """Same seed, same schedule; another seed, another one."""
    assert make_schedule(7, 30) == make_schedule(7, 30)
    assert make_schedule(7, 30) != make_schedule(8, 30)


@pytest.mark.parametrize("seed", range(5))
def test_schedule_of_a_long_run_fires_each_fault_often(seed: int) -> None:
    """At 200 rounds each fault is fired at least ten times, and some rounds have two at once."""
    schedule = make_schedule(seed, LONG_RUN)
    fired = Counter(kind for planned in schedule for kind in planned.kinds)
    assert set(fired) == {*FAULTS, AWAY, *CONDITIONS}
    assert min(fired.values()) >= LEAST_FIRED
    assert all(planned.bounded == (AWAY in planned.kinds) for planned in schedule)
    pairs = [[k for k in planned.kinds if k in FAULTS] for planned in schedule]
    assert sum(len(kinds) == 2 for kinds in pairs) > LONG_RUN // 4
    assert all(len({FAULTS[kind] for kind in kinds}) == len(kinds) for kinds in pairs)


def test_schedule_sends_rounds_through_what_they_hurt() -> None:
    """Who kills LiteLLM has LiteLLM answer the calls; who kills the stand-in has the stand-in."""
    schedule = make_schedule(3, LONG_RUN)
    through = {"litellm killed": True, "stand-in killed": False, "spool disk full": False}
    for planned in schedule:
        assert all(
            through.get(k, planned.through_litellm) == planned.through_litellm
            for k in planned.kinds
        )
    assert sum(planned.through_litellm for planned in schedule) >= LEAST_FIRED


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    while piece := await reader.read(100):
        writer.write(piece)
    writer.close()


async def test_proxy_in_bad_weather_delays_stalls_and_cuts() -> None:
    """Calm, slow, stalled, thawed, cut: each as a network would."""
    server = await asyncio.start_server(echo, HOST, 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    reader, writer = await asyncio.open_connection(HOST, await proxy.start())

    async def ask() -> bytes:
        writer.write(b"hello")
        return await asyncio.wait_for(reader.read(100), BOUND_S)

    assert await ask() == b"hello"
    proxy.change(delay_s=0.05)
    began = time.monotonic()
    assert await ask() == b"hello"
    assert time.monotonic() - began >= 0.1
    proxy.change(stalled=True)
    stalled = asyncio.create_task(ask())
    done, _ = await asyncio.wait({stalled}, timeout=0.1)
    assert not done
    proxy.change()
    assert await stalled == b"hello"
    proxy.cut()
    with pytest.raises((ConnectionError, AssertionError)):
        assert await ask() == b"hello"
    assert proxy.connections == 1
    await proxy.stop()
    server.close()


class Ingest:
    """Stands where accounting does, and remembers what it accepted."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.batches: list[list[dict[str, Any]]] = []

    async def take(self, request: web.Request) -> web.Response:
        """Accept a signed batch."""
        body = await request.read()
        assert is_genuine(request.headers, body, [KEY.encode()], time.time())
        self.batches.append(json.loads(body)["records"])
        return web.json_response({})


def records() -> list[dict[str, Any]]:
    """A call's three records."""
    cost = {
        "record": "cost",
        "id": "c",
        "status": "success",
        "cost_usd": "0.5",
        "usage": {"prompt_tokens": 2},
    }
    return [{"record": "start", "id": "a"}, {"record": "end", "id": "b"}, cost]


async def meddled(mischief: str) -> tuple[int | None, list[list[dict[str, Any]]]]:
    """The status that the sender saw (None: no answer), and what arrived."""
    ingest = Ingest()
    app = web.Application()
    app.router.add_post("/v1/reports", ingest.take)
    async with TestServer(app) as server:
        proxy = ReportsProxy(str(server.make_url("")).rstrip("/"), KEY, Random(1))
        proxy.mischief = mischief
        front = web.Application()
        front.router.add_route("*", "/{tail:.*}", proxy.handle)
        async with TestClient(TestServer(front)) as client:
            status: int | None
            try:
                answer = await client.post("/v1/reports", json={"records": records()})
                status = answer.status
            except aiohttp.ClientError:
                status = None
            finally:
                await proxy.close()
    return status, ingest.batches


def ids(batches: list[list[Mapping[str, Any]]] | list[list[dict[str, Any]]]) -> list[str]:
    """Ids in the order of arrival."""
    return [record["id"] for batch in batches for record in batch]


async def test_reports_proxy_doubles_and_reorders_what_it_was_given() -> None:
    """Twice, and each record by itself: all of it genuinely signed."""
    status, batches = await meddled("doubled")
    assert (status, ids(batches)) == (200, ["a", "b", "c"] * 2)
    status, batches = await meddled("reordered")
    assert (status, sorted(ids(batches)), len(batches)) == (200, ["a", "b", "c"], 3)


async def test_reports_proxy_contradicts_only_after_the_genuine_report() -> None:
    """The same event at another cost, under another id."""
    status, batches = await meddled("conflicting")
    assert (status, ids(batches[:1])) == (200, ["a", "b", "c"])
    (changed,) = batches[1]
    assert changed["id"] != "c"
    assert float(changed["cost_usd"]) > 0.5


async def test_reports_proxy_that_loses_gives_no_answer() -> None:
    """The sender cannot know whether it arrived, so it must send again."""
    status, batches = await meddled("lost")
    assert status is None
    assert len(batches) <= 1


def test_longest_away_is_from_the_first_failure_to_the_next_decision() -> None:
    """Typed or not, late or never: what is no decision within a second does not end it."""

    def probed(began_s: float, status: int, took_s: float = 0.01) -> Attempt:
        one = Attempt("t", "p", 0, "probe", PROBE_SHAPE, False, began_s)  # noqa: FBT003
        one.status, one.decided_s = status, began_s + took_s
        return one

    calm = [probed(0, 402), probed(1, 402)]
    assert longest_away_s(calm) == 0
    assert longest_away_s([*calm, probed(2, 503), probed(3, 402, 1.5), probed(4, 402)]) == 2
