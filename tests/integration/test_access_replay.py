"""Replaying Envoy's log file: the same rows as the stream's, once, whatever else the file holds."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from accounting.access import entry as access_entry
from accounting.access.record import row
from accounting.cli import app
from credit import ledger
from protos import access_log_pb2
from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import TOKENS, Service
from tests.integration.test_admin_cli import pedagio
from tests.unit.access_cases import CASES

LINES = [json.dumps(case.line) for case in CASES]
KEPT = [case for case in CASES if case.row is not None and case.row["body"]["decision"] == "allow"]
ENVOY_SAYS = "[2026-11-23 03:10:50.606][2163][warning][main] caught ENVOY_SIGTERM"


async def replay(admin: Service, *files: Path) -> dict[str, Any]:
    """Run the command as an administrator; its JSON."""
    environment = {"PEDAGIO_ADMIN_ADDRESS": admin.address, "PEDAGIO_ADMIN_TOKEN": TOKENS[0]}
    words = ("access-log", "replay", *map(str, files), "--json")
    done = await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def kept(admin: Service) -> dict[str, Any]:
    """The bodies in the ledger by their ids."""
    rows = await admin.pool.fetch("SELECT id, body FROM call_record WHERE kind = 'access'")
    return {row["id"]: row["body"] for row in rows}


async def test_replay_after_the_stream_finds_duplicates_only(
    admin: Service, tmp_path: Path
) -> None:
    """What the stream brought is there; the file says the same of it, and adds nothing."""
    entries = [access_log_pb2.HttpAccessLogEntry.FromString(case.entry) for case in CASES]
    streamed = [row(access_entry.read(entry, 0)) for entry in entries]
    written = await ledger.access_batch(admin.pool, [one for one in streamed if one])
    before = await kept(admin)
    assert list(written.values()).count("recorded") == len(before) == len(KEPT)
    path = tmp_path / "envoy.log"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    found = await replay(admin, path)
    assert (found["recorded"], found["duplicates"]) == (0, len(KEPT))
    assert await kept(admin) == before


async def test_replay_of_a_mixed_file_loses_no_good_line(admin: Service, tmp_path: Path) -> None:
    """Cut lines are named by number; Envoy's own words and other programs' lines are passed over."""
    other = '{"level": "info", "message": "of another program"}'
    path = tmp_path / "mixed.log"
    path.write_text("\n".join([ENVOY_SAYS, LINES[0][:40], "", other, *LINES, "\x00\x7f"]), "utf-8")
    found = await replay(admin, path)
    assert found["unreadable"] == ["mixed.log:2", f"mixed.log:{len(LINES) + 5}"]
    assert found["recorded"] == len(KEPT) == len(await kept(admin))
    assert found["lines"] == len(LINES) + 5
    assert found["not_ours"] == found["lines"] - found["recorded"] - 2
    again = await replay(admin, path)
    assert (again["recorded"], again["duplicates"]) == (0, len(KEPT))


async def test_replay_of_compressed_files_reads_them_to_the_damage(
    admin: Service, tmp_path: Path
) -> None:
    """A rotated file is read as it is; one that was cut off gives what it has, and the next is read."""
    whole, cut = tmp_path / "1.gz", tmp_path / "2.gz"
    packed = gzip.compress("\n".join(LINES[:3]).encode())
    cut.write_bytes(packed[:-9])
    whole.write_bytes(gzip.compress("\n".join(LINES).encode()))
    found = await replay(admin, cut, whole)
    assert (found["recorded"], len(found["unreadable"])) == (len(KEPT), 1)
    assert found["unreadable"][0].startswith("2.gz:")


async def test_replay_of_many_lines_goes_in_batches(admin: Service, tmp_path: Path) -> None:
    """A day of logs is more than one message holds; a line too long is no line."""
    path = tmp_path / "day.log"
    path.write_text("x" * 100_000 + "\n" + f"{LINES[0]}\n" * 1_200, encoding="utf-8")
    found = await replay(admin, path)
    assert (found["lines"], found["recorded"], found["unreadable"]) == (1_201, 1, ["day.log:1"])
    assert found["duplicates"] + found["recorded"] == 1_200


async def test_replay_of_too_many_lines_at_once_is_refused(admin: Service) -> None:
    """The bound of the contract."""
    code, sentence = await admin.refused(
        "ReplayAccessLog", pb.ReplayAccessLogRequest(lines=["x"] * 501)
    )
    assert (code, sentence) == ("INVALID_ARGUMENT", "lines must be at most 500")


async def test_replay_summary_for_people_says_each_figure(admin: Service, tmp_path: Path) -> None:
    """Who replays a file wants to know what came of it, and where to look."""
    path = tmp_path / "envoy.log"
    path.write_text("\n".join([*LINES, "{cut"]), encoding="utf-8")
    environment = {"PEDAGIO_ADMIN_ADDRESS": admin.address, "PEDAGIO_ADMIN_TOKEN": TOKENS[0]}
    words = ("access-log", "replay", str(path))
    done = await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)
    assert done.exit_code == 0, done.output
    shown = {line.split("  ")[0].strip(): line.split()[-1] for line in done.stdout.splitlines()}
    assert shown["recorded"] == str(len(KEPT))
    assert shown["unreadable"] == f"envoy.log:{len(LINES) + 1}"


@pytest.mark.parametrize("decision", ["", "refuse"])
async def test_entry_that_authz_did_not_allow_is_kept_where_there_is_a_hold(
    admin: Service, decision: str
) -> None:
    """Its answer was lost: the hold may be there, and closes by this; strangers' requests leave nothing."""
    await admin.create_client()
    account = await admin.open_account()
    await admin.grant(10**9)
    unsure = next(case.row for case in CASES if case.row and case.row["body"]["decision"] == "")
    body = {**unsure["body"], "decision": decision, "reason": "enforcement_unavailable"}
    stranger = {**unsure, "body": body}
    assert await ledger.access_batch(admin.pool, [stranger]) == {unsure["id"]: "unknown"}
    held = await admin.place(account.id, 1_000, unsure["hold_id"])
    assert await ledger.access_batch(admin.pool, [stranger]) == {unsure["id"]: "recorded"}
    assert held == unsure["hold_id"]


@pytest.mark.parametrize("octets", [b"", b"{cut\n", gzip.compress(b"x", mtime=0)[:-9] + b"\0"])
async def test_replay_of_a_file_without_a_readable_line_exits_1(
    admin: Service, tmp_path: Path, octets: bytes
) -> None:
    """A script must notice; what the other files hold is booked all the same."""
    dark, good = tmp_path / "dark.log", tmp_path / "envoy.log"
    dark.write_bytes(octets)
    good.write_text("\n".join(LINES), encoding="utf-8")
    told = await pedagio(admin, "access-log", "replay", str(dark), str(good), code=1)
    assert "nothing could be read in " in told.stderr
    assert "dark.log: is it Envoy's log?" in told.stderr
    assert len(await kept(admin)) == len(KEPT)
    await pedagio(admin, "access-log", "replay", str(good))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_replay_of_a_dash_reads_what_is_piped_in(
    admin: Service, pack: Callable[[bytes], bytes]
) -> None:
    """As `docker compose logs` gives it; stdin has a name of its own in what is unreadable."""
    environment = {"PEDAGIO_ADMIN_ADDRESS": admin.address, "PEDAGIO_ADMIN_TOKEN": TOKENS[0]}
    octets = pack("\n".join(["{cut", *LINES]).encode())
    words = ("access-log", "replay", "-", "--json")
    done = await asyncio.to_thread(CliRunner().invoke, app, words, input=octets, env=environment)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["unreadable"] == ["stdin:1"]
    assert len(await kept(admin)) == len(KEPT)


async def test_replay_of_a_file_that_is_not_there_is_refused(
    admin: Service, tmp_path: Path
) -> None:
    """Before anything is booked."""
    told = await pedagio(admin, "access-log", "replay", str(tmp_path / "none"), code=2)
    assert "Invalid value for 'FILE...'" in told.stderr
