"""That the rest of this suite really ran with the Redis it was asked to run with."""

from collections.abc import Awaitable, Callable
from typing import cast

import redis.asyncio

from local.stack import Stack
from tests.e2e.redis_faults import Hurter, condition

Eventually = Callable[..., Awaitable[None]]
FAULTS = {"kill", "freeze", "wipe"}
ALL_FIRED_WITHIN_S = 90.0


async def test_redis_is_as_this_run_wants_it(
    stack: Stack, redis_hurter: Hurter | None, eventually: Eventually
) -> None:
    """Absent: no server, and nobody was told of one. Present: it answers. Hurt: each fault has fired."""
    wanted = condition()
    told = [
        name
        for name, child in stack.children.items()
        if "PEDAGIO_REDIS_URL" in child.command.environment
    ]
    if wanted == "absent":
        assert (stack.redis_url, "redis" in stack.children, told) == (None, False, [])
        return
    assert sorted(told) == ["accounting", "authz-1", "authz-2", "authz-3"]
    if wanted == "present":
        async with redis.asyncio.from_url(cast("str", stack.redis_url)) as client:
            assert await client.ping()
        return
    hurter = cast("Hurter", redis_hurter)

    async def all_fired() -> bool:
        return set(hurter.fired) == FAULTS

    await eventually(all_fired, "each fault has fired", ALL_FIRED_WITHIN_S)
