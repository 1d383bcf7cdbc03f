"""Child processes: what starts also ends, whatever happens to us."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from local.process import Child, ChildError, Command
from local.state import MARK, State, StateError, process_started

BOUND_S = 10.0
ROOT = Path(__file__).resolve().parents[2]
# Says "ready" in a file, ignores nothing, runs until told otherwise.
PATIENT = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {BOUND_S} s: {what}"
        time.sleep(0.01)


def command(
    folder: Path,
    code: str = PATIENT,
    ready_within_s: float = BOUND_S,
    stop_within_s: float = BOUND_S,
) -> Command:
    """A Python program that is ready once it has made its file."""
    made = folder / "ready"

    async def ready() -> bool:
        return made.exists()

    argv = (sys.executable, "-c", code, str(made))
    mark = {MARK: State(folder).mark}
    return Command(
        "patient", argv, mark, ready, ready_within_s=ready_within_s, stop_within_s=stop_within_s
    )


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    """An opened state folder."""
    state = State(tmp_path)
    state.open(fresh=True)
    yield tmp_path
    state.close()


async def test_child_that_is_healthy_runs_and_stops_cleanly(folder: Path) -> None:
    """A stopped child is gone, with its process file, and stopping twice is allowed."""
    child = Child(command(folder), folder)
    await child.start()
    assert child.running
    assert json.loads((folder / "processes" / "patient.json").read_text())["pid"] == child.pid
    await child.stop()
    await child.stop()
    assert process_started(child.pid) is None
    assert not list((folder / "processes").iterdir())


async def test_child_that_ends_early_is_explained_by_its_last_log_lines(folder: Path) -> None:
    """A failed start is one sentence, the place of the log, and the reason itself."""
    child = Child(command(folder, "raise SystemExit('no such price')"), folder)
    with pytest.raises(
        ChildError, match=r"(?s)patient ended .* code 1.*patient\.log.*no such price"
    ):
        await child.start()
    assert child.ended_by_itself


async def test_child_never_healthy_is_reported_within_its_bound(folder: Path) -> None:
    """Waiting for health has a bound."""
    child = Child(command(folder, "import time; time.sleep(600)", ready_within_s=0.2), folder)
    with pytest.raises(ChildError, match="was not ready after 0 s"):
        await child.start()
    await child.stop()
    assert not child.running


async def test_child_deaf_to_the_stop_signal_is_killed(folder: Path) -> None:
    """A clean stop has a bound; after it comes SIGKILL."""
    child = Child(command(folder, STUBBORN, stop_within_s=0.2), folder)
    await child.start()
    await child.stop()
    assert child.process.returncode == -signal.SIGKILL


async def test_killed_child_restarts_under_the_same_name(folder: Path) -> None:
    """Tests crash a part and bring it back; the crash they asked for is no surprise."""
    child = Child(command(folder), folder)
    await child.start()
    first = child.pid
    await child.kill()
    assert not child.ended_by_itself
    await child.restart()
    assert child.pid != first
    await child.stop()


async def test_frozen_child_still_stops(folder: Path) -> None:
    """A SIGSTOPped part does not hold up a clean shutdown."""
    child = Child(command(folder), folder)
    await child.start()
    child.freeze()
    await child.stop()
    assert child.process.returncode == -signal.SIGTERM


def start_elsewhere(folder: Path) -> subprocess.Popen[bytes]:
    """Another Python process that opens the folder, starts a child, and then waits for ever."""
    code = (
        "import asyncio, sys, time, pathlib\n"
        "from local.process import Child, Command\n"
        "from local.state import MARK, State\n"
        "folder = pathlib.Path(sys.argv[1]); made = folder / 'ready'; state = State(folder)\n"
        "state.open(fresh=True)\n"
        "async def ready(): return made.exists()\n"
        f"argv = (sys.executable, '-c', {PATIENT!r}, str(made))\n"
        "child = Child(Command('patient', argv, {MARK: state.mark}, ready), folder)\n"
        "asyncio.run(child.start()); (folder / 'pid').write_text(str(child.pid)); time.sleep(600)\n"
    )
    return subprocess.Popen((sys.executable, "-c", code, str(folder)), cwd=ROOT)


def elsewhere_pid(folder: Path) -> int:
    """The child's pid, once it is known."""
    note = folder / "pid"
    wait_until(lambda: note.exists() and bool(note.read_text()), "the child started elsewhere")
    return int(note.read_text())


def test_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """`kill -9` of the starter leaves nothing running; other systems than Linux need a start."""
    with start_elsewhere(tmp_path) as starter:
        pid = elsewhere_pid(tmp_path)
        starter.kill()
    if platform.system() != "Linux":
        State(tmp_path).open(fresh=True)
    wait_until(lambda: process_started(pid) is None, "the child died with its parent")


def test_state_folder_in_use_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Two systems never share a folder; the second is told who holds it and what to do."""
    with start_elsewhere(tmp_path) as starter:
        elsewhere_pid(tmp_path)
        with pytest.raises(StateError, match=rf"process {starter.pid}.*PEDAGIO_STATE"):
            State(tmp_path).open(fresh=True)
        starter.kill()


def test_state_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """What the preflight could not foresee is said with the name of the setting."""
    (tmp_path / "file").touch()
    state = State(tmp_path / "file" / "state")
    with pytest.raises(StateError, match=r"^cannot write in PEDAGIO_STATE=[^\n]*$"):
        state.open(fresh=True)
    assert not state.taken


def test_leftover_of_a_killed_run_ends_at_the_next_start(tmp_path: Path) -> None:
    """What carries the folder's mark, or stands in a process file, is ended; nothing else."""
    state = State(tmp_path)
    state.open(fresh=True)
    state.close()
    quiet = (sys.executable, "-c", "import time; time.sleep(600)")
    with (
        subprocess.Popen(quiet, env={**os.environ, MARK: state.mark}) as marked,
        subprocess.Popen(quiet) as recorded,
        subprocess.Popen(quiet) as stranger,
    ):
        started = process_started(recorded.pid)
        for name, record in (
            ("ours", {"pid": recorded.pid, "started": started}),
            ("reused", {"pid": stranger.pid, "started": "long ago"}),
        ):
            (tmp_path / "processes" / f"{name}.json").write_text(json.dumps(record))
        wait_until(lambda: state.mark in environment_of(marked.pid), "the mark is visible")
        state.open(fresh=True)
        state.close()
        assert marked.wait(BOUND_S) == -signal.SIGTERM
        assert recorded.wait(BOUND_S) == -signal.SIGTERM
        assert stranger.poll() is None
        stranger.kill()


def environment_of(pid: int) -> str:
    """A process's environment, once it has replaced ours."""
    return Path(f"/proc/{pid}/environ").read_text(errors="replace")


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    """Secrets survive a fresh start and are readable by their owner alone."""
    state = State(tmp_path)
    first = state.open(fresh=True)
    state.close()
    second = State(tmp_path)
    assert second.open(fresh=True) == first
    second.close()
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
