"""The enforcement mode through the AdminService, and how fast others hear of it."""

import asyncio

import pytest

from credit.news import News
from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import Service

REPLICAS_BOUND_S = 1.0  # DESIGN 5: takes effect on every replica within 1 s


async def test_mode_of_a_new_installation_is_shadow(admin: Service) -> None:
    """It observes before it bites."""
    assert (await admin.ask("GetMode", pb.GetModeRequest())).mode == "shadow"


@pytest.mark.parametrize("mode", ["off", "shadow", "enforce", "closed"])
async def test_mode_set_is_told_with_an_audit_line(admin: Service, mode: str) -> None:
    """Each of the four is in force at once, with who, why, and what was before."""
    before = await admin.ask("GetMode", pb.GetModeRequest())
    after = await admin.ask("SetMode", pb.SetModeRequest(mode=mode, reason="drill"))
    assert after.mode == mode
    assert after.version > before.version
    assert admin.published == ["mode"]
    assert await admin.audit() == [
        ("admin", "set_mode", mode, {"reason": "drill", "before": "shadow", "released": 0})
    ]


@pytest.mark.parametrize("mode", ["", "on", "ENFORCE", "enforce ", "x" * 1000])
async def test_mode_outside_the_list_is_refused(admin: Service, mode: str) -> None:
    """Nothing changes, nothing is told."""
    status, sentence = await admin.refused("SetMode", pb.SetModeRequest(mode=mode, reason="r"))
    assert status == "INVALID_ARGUMENT"
    assert sentence.startswith("mode must be one of closed, enforce, off, shadow")
    assert (await admin.ask("GetMode", pb.GetModeRequest())).mode == "shadow"
    assert admin.published == []


async def test_mode_set_reaches_a_replica_within_a_second(admin: Service) -> None:
    """Also without Redis, by polling alone."""
    loaded = asyncio.Event()
    heard: asyncio.Queue[set[str]] = asyncio.Queue()

    async def on_change(topics: set[str]) -> None:
        heard.put_nowait(topics)
        loaded.set()

    watching = asyncio.create_task(News(admin.pool, None).watch(on_change))
    try:
        async with asyncio.timeout(10):
            await loaded.wait()
        heard.get_nowait()
        await admin.ask("SetMode", pb.SetModeRequest(mode="off", reason="drill"))
        async with asyncio.timeout(REPLICAS_BOUND_S):
            assert await heard.get() == {"mode"}
    finally:
        watching.cancel()
