"""What tests of dry runs ask: a trial of a write, and whether any row of the ledger is another one."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from protos.pedagio.v1 import trials_pb2 as pb
from protos.pedagio.v1.trials_pb2_grpc import TrialServiceStub
from tests.integration.admin_service import Service

TABLES = (
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
)


def asked(method: str, request: Any) -> pb.TryRequest:
    """A trial of a write."""
    return pb.TryRequest(method=method, request=request.SerializeToString())


async def attempt(admin: Service, method: str, request: Any, **options: Any) -> pb.TryResponse:
    """What the service says of a trial; raises grpc.aio.AioRpcError."""
    answer: pb.TryResponse = await admin.ask(
        "Try", asked(method, request), stub=TrialServiceStub, **options
    )
    return answer


async def digests(pool: asyncpg.Pool) -> Mapping[str, str]:
    """Each table of the ledger with the digest of all its rows."""
    found = {}
    for row in await pool.fetch(TABLES):
        statement = f"SELECT md5(string_agg(t::text, '/' ORDER BY t::text)) FROM {row[0]} AS t"
        found[row[0]] = await pool.fetchval(statement) or ""
    return found


def told(answer: pb.TryResponse) -> dict[str, tuple[str, str]]:
    """Each path with its value before and after."""
    return {each.path: (each.before, each.after) for each in answer.differences}
