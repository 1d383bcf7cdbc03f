"""Policies in the ledger: the newest of each subject is in force, on every replica within a second."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from authz.knowledge import Knowledge
from authz.lookup import Lookup
from authz.snapshot import Snapshot
from credit.news import News
from tests.integration.doors import until
from tests.unit.door import a_client

WITHIN_S = 1.0  # the promise


@contextlib.asynccontextmanager
async def replica(pool: asyncpg.Pool) -> AsyncIterator[Snapshot]:
    """What a process of authz keeps in memory, without Redis."""
    snapshot = Snapshot(pool, Lookup(pool, Knowledge(None), lambda: True))
    watching = asyncio.create_task(News(pool, None).watch(snapshot.reload))
    try:
        await until(lambda: _has_mode(snapshot))
        yield snapshot
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _has_mode(snapshot: Snapshot) -> bool:
    return snapshot.mode != "closed"


async def put(pool: asyncpg.Pool, body: dict[str, Any], subject: str = "librechat") -> None:
    """What the admin service does."""
    await pool.execute(
        "INSERT INTO policy (subject_kind, subject_id, body, changed_by, replaces)"
        " SELECT 'client', $1, $2, 'test', coalesce(max(version), 0) FROM policy WHERE subject_id = $1",
        subject,
        body,
    )


async def test_policy_changed_is_in_force_on_two_replicas_within_a_second(
    pool: asyncpg.Pool,
) -> None:
    """Without Redis, by the poll alone; the newest version counts, also when it takes back."""
    client = a_client()
    async with replica(pool) as one, replica(pool) as other:
        for models in (["mini"], ["mini", "o3"], None):
            await put(pool, {} if models is None else {"models": models})
            for snapshot in (one, other):

                async def there(
                    snapshot: Snapshot = snapshot, models: list[str] | None = models
                ) -> bool:
                    said = (await snapshot.policy(client, None)).models
                    return said == (None if models is None else tuple(models))

                await until(there, WITHIN_S)


async def test_policy_of_one_client_says_nothing_about_another(pool: asyncpg.Pool) -> None:
    """Each subject has its own newest version."""
    await put(pool, {"models": ["mini"]}, "librechat")
    await put(pool, {"models": ["o3"]}, "script")
    snapshot = Snapshot(pool, Lookup(pool, Knowledge(None), lambda: True))
    await snapshot.reload({"policies"})
    assert (await snapshot.policy(a_client(), None)).models == ("mini",)
    assert (await snapshot.policy(a_client(id="script"), None)).models == ("o3",)


@pytest.mark.parametrize("statement", ["UPDATE policy SET body = '{}'", "DELETE FROM policy"])
async def test_policy_that_was_in_force_cannot_be_rewritten(
    pool: asyncpg.Pool, statement: str
) -> None:
    """What held when something was refused can always be looked up."""
    await put(pool, {"models": ["mini"]})
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute(statement)
    assert json.loads(await pool.fetchval("SELECT body::text FROM policy")) == {"models": ["mini"]}
