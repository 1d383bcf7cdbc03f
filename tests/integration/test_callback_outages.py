"""The callback when accounting is away, when it is switched off, and when LiteLLM dies."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.chaos.tmpfs import SpoolDisk
from tests.integration.callback_system import CallbackSystem, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
OUTAGE_WITHIN_S = 30.0  # the shipper's longest pause, and some
TRIES = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["SystemOnSmallDisk"]:
    """One LiteLLM of one worker for the module."""
    parts = SystemOnSmallDisk(tmp_path_factory.mktemp("outages") / "state", workers=1)
    try:
        await parts.start()
        yield parts
    finally:
        await parts.stop()


class SystemOnSmallDisk(CallbackSystem):
    """One whose spool can be filled to the last byte."""

    async def start(self) -> None:
        """Put the spool on a disk of its own, then start."""
        self.disk = SpoolDisk(self.spool_dir)
        self.disk.mount()
        await super().start()

    async def stop(self) -> None:
        """Stop, and give the disk back."""
        await super().stop()
        self.disk.unmount()


async def calls_during_an_outage(system: CallbackSystem, count: int) -> list[str]:
    """Answered calls whose records accounting has not taken."""
    system.accounting.down = True
    responses = await asyncio.gather(*(system.chat("oi [[tokens=5]]") for _ in range(count)))
    assert {response.status_code for response in responses} == {200}
    return [response.extensions["hold"] for response in responses]


async def all_arrive_once(system: CallbackSystem, holds: list[str]) -> None:
    """Each call has its three records; none came under a second id."""

    def complete() -> bool:
        kinds = ("start", "end", "cost")
        return all(system.accounting.of(hold, kind) for hold in holds for kind in kinds)

    await until(complete, OUTAGE_WITHIN_S)
    records = [record for record in system.accounting.records if record["hold"] in holds]
    assert len({record["id"] for record in records}) == 3 * len(holds)


async def test_outage_of_accounting_loses_and_delays_no_call(system: CallbackSystem) -> None:
    """Calls go on; every record arrives when accounting is back."""
    holds = await calls_during_an_outage(system, 20)
    system.accounting.down = False
    await all_arrive_once(system, holds)


async def test_shipping_is_prompt(system: CallbackSystem) -> None:
    """Half of the records are with accounting within 50 ms of being written."""
    system.accounting.latencies_ms.clear()
    responses = [await system.chat("oi [[tokens=5]]") for _ in range(20)]
    await system.cost(responses[-1].extensions["hold"])
    latencies = sorted(system.accounting.latencies_ms)
    assert latencies[len(latencies) // 2] < 50


async def test_killed_litellm_leaves_records_to_its_successor(system: CallbackSystem) -> None:
    """After kill -9 and a restart the orphaned spool is adopted and shipped; nothing is lost."""
    holds = await calls_during_an_outage(system, 10)
    # LiteLLM prices a call after it has answered: that work is lost if the kill comes first.
    await until(lambda: sum(spooled(system, hold, "cost") for hold in holds) == len(holds))
    await system.litellm.kill()
    system.accounting.down = False
    await system.litellm.start()
    await all_arrive_once(system, holds)
    await until(lambda: len(list(system.spool_dir.glob("*.jsonl"))) <= 1)


def spooled(system: CallbackSystem, hold: str, kind: str) -> bool:
    """Whether a record of a hold is on the disk."""
    marks = (f'"record":"{kind}"', f'"hold":"{hold}"')
    texts = [file.read_text(encoding="ascii") for file in system.spool_dir.glob("*.jsonl")]
    lines = [line for text in texts for line in text.splitlines()]
    return any(all(mark in line for mark in marks) for line in lines)


async def test_full_disk_refuses_in_enforce_and_serves_again_by_itself(
    system: SystemOnSmallDisk,
) -> None:
    """Without room for its evidence no call starts: 503 in words, nothing spent; with room it goes on.

    In shadow the same call passes: nothing of ours may refuse there.
    """
    tag = uuid.uuid4().hex
    system.disk.fill(system.litellm.pid)
    try:
        refused = await answered_with(system, 503, f"oi [[tokens=5 tag={tag}]]")
        assert refused.json()["error"]["code"] == "enforcement_unavailable"
        reached = len(system.truth(tag))
        again = await system.chat(f"oi [[tokens=5 tag={tag}]]")
        assert (again.status_code, len(system.truth(tag))) == (503, reached)
        shadow = await system.chat("oi [[tokens=5]]", token={"mode": "shadow"})
        assert shadow.status_code == 200
    finally:
        system.disk.free(system.litellm.pid)
    served = await answered_with(system, 200, "oi [[tokens=5]]")
    await all_arrive_once(system, [served.extensions["hold"]])


async def answered_with(system: CallbackSystem, status: int, text: str) -> httpx.Response:
    """The first of a few calls with that status: the last page of a full disk may take some lines."""
    for _ in range(TRIES):
        response = await system.chat(text)
        if response.status_code == status:
            return response
    raise AssertionError(f"none of {TRIES} calls was answered with {status}")


async def test_replay_is_refused_after_a_restart_too(system: CallbackSystem) -> None:
    """The holds that have started a call are known on disk."""
    hold = str(uuid.uuid4())
    assert (await system.chat("oi [[tokens=5]]", hold)).status_code == 200
    await system.litellm.restart()
    assert (await system.chat("oi", hold)).status_code == 403


async def test_switch_turns_the_hooks_off_within_a_second_and_evidence_goes_on(
    system: CallbackSystem,
) -> None:
    """What would be refused passes, and its end and cost are recorded."""
    forged = {"key": b"someone"}

    async def answered(status: int) -> str:
        """The hold of the first call with that status, which must come within the second."""
        clock = asyncio.get_running_loop().time
        started_s = clock()
        while True:
            response = await system.chat("oi [[tokens=5]]", token=forged)
            if response.status_code == status:
                return str(response.extensions["hold"])
            assert clock() - started_s < 1.2

    await answered(403)
    system.switch_file.write_text("off")
    hold = await answered(200)
    end = await system.end(hold)
    assert (end["outcome"], end["token"]) == ("ok", None)
    await system.cost(hold)
    system.switch_file.unlink()
    await answered(403)
