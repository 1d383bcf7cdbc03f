"""A part that is killed by hand comes back by itself, as the how-to guides of `make run` promise."""

import json
import os
import signal
from collections.abc import Awaitable, Callable

import httpx

from local.keeper import Keeper
from local.stack import Stack
from local.story.chat import Person
from tests.e2e.traffic import send

CREDIT = 10**9
ENDED_WITHIN_S = 5.0


async def test_postgres_killed_by_hand_comes_back(
    stack: Stack,
    person: Callable[..., Awaitable[Person]],
    eventually: Callable[..., Awaitable[None]],
) -> None:
    """`kill -9` of the pid in its file: said on the screen, started again, and calls go on."""
    who, said = await person(CREDIT), list[str]()
    recorded = json.loads((stack.state_folder / "processes" / "postgres.json").read_text())
    os.kill(recorded["pid"], signal.SIGKILL)

    async def seen() -> bool:
        return bool(stack.dead())

    await eventually(seen, "its end is noticed", ENDED_WITHIN_S)
    keeper = Keeper(stack.dead, lambda text, _style: said.append(text), pause_s=0.1)
    assert await keeper.round()
    assert said[-1] == "postgres runs again"
    assert stack.dead() == []
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:

        async def answered() -> bool:
            return (await send(http, who, 1)).status == httpx.codes.OK

        await eventually(answered, "calls go on")


async def test_each_process_tells_its_metrics_where_the_environment_says(stack: Stack) -> None:
    """The addresses in `.pedagio/run/environment` answer: accounting, and each replica of authz."""
    written = stack.environment_file.read_text()
    assert f"export PEDAGIO_METRICS='{' '.join(stack.metrics_urls)}'" in written
    async with httpx.AsyncClient() as http:
        pages = [(await http.get(url)).text for url in stack.metrics_urls]
    assert ["pedagio_store_state" in page for page in pages] == [True] * len(pages)
    assert len(pages) == 1 + len(stack.authz_addresses)
