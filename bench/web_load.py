"""The load process for HTTP: people with connections of their own, in open or closed loop."""

import asyncio
import contextlib
import itertools
import random
import time
from typing import Final

import aiohttp

from bench.load_process import Call, Job, Tally, closed_loop, serve_jobs

CALL_BOUND_S: Final = 60.0
OK: Final = 200


async def open_loop(call: Call, rate: float, seconds: float) -> Job:
    """Calls at random moments, so many per second, whether or not earlier ones were answered.

    A call's time runs from the moment it was due: what a slow answer makes late, counts.
    """
    tally = Tally()
    arrivals = random.Random(5)
    due = time.perf_counter()
    end = due + seconds
    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            due += arrivals.expovariate(rate)
            if due > end:
                break
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(tally.time(call, number, due))
    return tally.figures()


async def run(job: Job) -> Job:
    """POST `body` to `url` as each of `people` in turn: `rate` (open) or `clients` (closed)."""
    async with contextlib.AsyncExitStack() as sessions:
        people = [
            await sessions.enter_async_context(
                aiohttp.ClientSession(
                    headers={**job["headers"], "x-user-id": person},
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(CALL_BOUND_S),
                )
            )
            for person in job["people"]
        ]

        async def post(number: int) -> str | None:
            session = people[number % len(people)]
            async with session.post(job["url"], data=job["body"].encode()) as answer:
                text = await answer.text()
                return None if answer.status == OK else f"{answer.status} {text[:300]}"

        await asyncio.gather(*(post(number) for number in range(len(people))))
        if "rate" in job:
            return await open_loop(post, job["rate"], job["seconds"])
        return await closed_loop(post, job["clients"], job["seconds"])


if __name__ == "__main__":
    serve_jobs(run)
