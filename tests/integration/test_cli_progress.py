"""Progress of long commands: on the terminal of whoever waits, never in what a program reads."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.admin_service import TOKENS, Service
from tests.integration.test_admin_cli import BOUND_S, PROGRAM
from tests.integration.writes import prepare

WHY = ("--reason", "test")
LINE = "{}\n"


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal."""
    near, far = os.openpty()
    try:
        yield near, far
    finally:
        os.close(near)
        with contextlib.suppress(OSError):
            os.close(far)


def _drawn(near: int) -> str:
    """What a terminal was told; its other end is closed."""
    parts = []
    with contextlib.suppress(OSError):  # end of file, as Linux says it of terminals
        while part := os.read(near, 65536):
            parts.append(part)
    return b"".join(parts).decode()


async def watched(admin: Service, *words: str, on_terminal: bool = True) -> tuple[str, str]:
    """What a command prints, and what it draws on stderr, a terminal or a pipe."""
    environment = {
        **os.environ,
        "PEDAGIO_ADMIN_ADDRESS": admin.address,
        "PEDAGIO_ADMIN_TOKEN": TOKENS[0],
        "TERM": "xterm",
    }
    with terminal() as (near, far):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=far if on_terminal else asyncio.subprocess.PIPE,
            env=environment,
        )  # fmt: skip
        drawn = asyncio.create_task(asyncio.to_thread(_drawn, near))
        os.close(far)
        async with asyncio.timeout(BOUND_S):
            printed, piped = await child.communicate()
            shown = await drawn
        assert child.returncode == 0, shown
    return printed.decode(), shown if on_terminal else piped.decode()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("people", "import", "people.csv", *WHY), "importing"),
        (("people", "list", "--csv"), "people"),
        (("purchase", "list", "--csv"), "purchases"),
        (("statement", "chat", "maria", "--all"), "entries"),
        (("access-log", "replay", "envoy.log"), "replaying"),
        (("audit",), "looking at the books"),
        (("usage",), "adding up"),
    ],
)
async def test_long_command_shows_progress_to_people_only(
    admin: Service, tmp_path: Path, words: tuple[str, ...], what: str
) -> None:
    """On the terminal it is drawn, then cleared away; what is printed is the same as in a pipe."""
    await prepare(admin)
    (tmp_path / "people.csv").write_text("email,name\nana@example.org,Ana\n")
    (tmp_path / "envoy.log").write_text(LINE)
    words = tuple(str(tmp_path / word) if "." in word else word for word in words)
    printed, shown = await watched(admin, *words)
    assert what in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the line is cleared
    assert "\x1b" not in printed
    _, piped = await watched(admin, *words, on_terminal=False)
    assert piped == ""


@pytest.mark.parametrize("words", [("usage",), ("people", "list"), ("audit",)])
async def test_json_shows_no_progress_even_on_a_terminal(
    admin: Service, words: tuple[str, ...]
) -> None:
    """Whoever asks for JSON is a program."""
    await prepare(admin)
    printed, shown = await watched(admin, *words, "--json")
    assert shown == ""
    json.loads(printed)
