"""Envoy's word in the running system: it reaches the ledger, and its file makes good what was not heard."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx

from local.stack import Stack
from local.story.chat import Person

USD = 10**9
COMMAND = "from accounting.cli import main; main()"
REPLAY_BOUND_S = 30
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "[[tokens=5]]"}]}

NewPerson = Callable[..., Awaitable[Person]]
Eventually = Callable[..., Awaitable[None]]
Database = asyncpg.Connection


async def call(stack: Stack, who: Person) -> tuple[int, str]:
    """One chat; its status and its hold."""
    headers = {"authorization": f"Bearer {who.key}", "x-user-id": who.name}
    async with httpx.AsyncClient(base_url=stack.envoy_url, timeout=30) as http:
        got = await http.post("/v1/chat/completions", headers=headers, json=BODY)
    return got.status_code, got.headers["x-request-id"]


async def entries(database: Database, hold_id: str) -> list[dict[str, Any]]:
    """What the ledger keeps of Envoy's word about a call."""
    rows = await database.fetch(
        "SELECT body FROM call_record WHERE kind = 'access' AND hold_id = $1::uuid", hold_id
    )
    return [json.loads(row["body"]) for row in rows]


async def counters(stack: Stack) -> tuple[int, int]:
    """Entries that Envoy has sent (or tried to: it counts no loss), and those it has made."""
    socket = stack.state_folder / "run" / "envoy.sock"
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with httpx.AsyncClient(transport=transport) as http:
        said = (await http.get("http://envoy/stats?filter=grpc_access_log")).text
    figures = dict(line.split(": ") for line in said.splitlines())
    name = "access_logs.grpc_access_log."
    return int(figures[f"{name}grpc_entries_flushed"]), int(figures[f"{name}logs_written"])


async def replay(stack: Stack) -> dict[str, Any]:
    """`pedagio access-log replay` over the log that this system's Envoy writes."""
    path = stack.state_folder / "logs" / "envoy.log"
    environment = {
        **os.environ,
        "PEDAGIO_ADMIN_ADDRESS": stack.admin_address,
        "PEDAGIO_ADMIN_TOKEN": stack.admin_token,
    }
    words = (sys.executable, "-c", COMMAND, "access-log", "replay", str(path), "--json")
    process = await asyncio.create_subprocess_exec(
        *words, env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(REPLAY_BOUND_S):
        said, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found


async def test_call_is_witnessed_by_envoy_under_its_hold(
    stack: Stack, person: NewPerson, database: Database, eventually: Eventually
) -> None:
    """The second witness, beside LiteLLM's callback: one row, about this hold and this account."""
    who = await person(USD)
    status, hold_id = await call(stack, who)

    async def heard() -> bool:
        return bool(await entries(database, hold_id))

    await eventually(heard, "Envoy's entry")
    (body,) = await entries(database, hold_id)
    account = await database.fetchval("SELECT id FROM account WHERE external_id = $1", who.name)
    assert (status, body["code"], body["details"]) == (200, 200, "via_upstream")
    assert (body["account"], body["client"], body["mode"]) == (str(account), who.client, "enforce")
    assert body["upstream"]


async def test_what_accounting_did_not_hear_is_booked_from_the_file(
    stack: Stack, person: NewPerson, database: Database, eventually: Eventually
) -> None:
    """Accounting down: calls go on, their entries are lost; the file has them, once."""
    who = await person(USD)
    accounting = stack.children["accounting"]
    await accounting.kill()
    _, made = await counters(stack)
    try:
        status, hold_id = await call(stack, who)

        async def given_up() -> bool:
            flushed, written = await counters(stack)
            return flushed == written > made

        await eventually(given_up, "Envoy tells nobody of the call")
    finally:
        await accounting.restart()
    assert (status, await entries(database, hold_id)) == (200, [])
    before = await replay(stack)
    assert before["unreadable"] == []
    assert before["recorded"] >= 1
    (body,) = await entries(database, hold_id)
    assert (body["stage"], body["code"]) == ("end", 200)
    again = await replay(stack)
    assert again["recorded"] == 0
    assert again["duplicates"] >= before["duplicates"] + before["recorded"]
    assert len(await entries(database, hold_id)) == 1

    async def closed() -> bool:
        found = await database.fetchval(
            "SELECT outcome FROM hold_close WHERE hold_id = $1::uuid", hold_id
        )
        return bool(found == "captured")

    await eventually(closed, "the debit of a call that nobody heard of at first")
