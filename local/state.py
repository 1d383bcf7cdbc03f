"""The state folder of one running system: its lock, secrets, logs, and what an earlier run left.

One folder belongs to one system. A lock on it says that the system runs; whatever still runs from
it without that lock is a leftover of a killed run, and ends before the next start. Only processes
that we recorded, or that carry this folder's mark in their environment, are ever touched.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

MARK: Final = "PEDAGIO_RUN"
DATA_FOLDERS: Final = (
    "postgres",
    "spool",
    "intake",
    "bounded",
    "logs",
    "processes",
    "run",
    "provider",
    "envoy",
)
LEFTOVER_WAIT_S: Final = 5.0
POLL_S: Final = 0.02


class StateError(RuntimeError):
    """The state folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Secrets:
    """What the parts of one system share; made once per folder, kept in a file of mode 0600."""

    token_key: str
    report_key: str
    admin_token: str
    litellm_key: str
    access_log_key: str
    database_password: str


def default_state() -> Path:
    """The folder of `make run`: PEDAGIO_STATE, else `.pedagio` in the checkout."""
    chosen = os.environ.get("PEDAGIO_STATE")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[1] / ".pedagio"


def process_started(pid: int) -> str | None:
    """When a process began, as the system words it; None when there is none (or only a zombie).

    With the pid it names one process for good: pids are used again, starting times are not.
    """
    if platform.system() == "Linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(
        ("/bin/ps", "-o", "lstart=", "-p", str(pid)), capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def record_process(path: Path, pid: int) -> None:
    """Remember a child so that a later start can tell it from a stranger with the same pid."""
    path.write_text(json.dumps({"pid": pid, "started": process_started(pid)}))


class State:
    """One state folder, locked by us for as long as the system runs."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; `open` takes it."""
        self.folder = folder
        self._lock: IO[str] | None = None

    @property
    def mark(self) -> str:
        """What our children carry in their environment, so that a later start knows them."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]

    def open(self, *, fresh: bool) -> Secrets:
        """Lock the folder, end what an earlier run left, and return the secrets.

        With `fresh` the books, logs and evidence of earlier runs are removed; secrets stay. Raises
        StateError when a living system holds the folder, or when it cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_lock()
            self._end_leftovers()
            self._make_folders(fresh=fresh)
            return self._secrets()
        except OSError as error:
            self.close()
            raise StateError(
                f"cannot write in PEDAGIO_STATE={self.folder} ({error.strerror}): choose a folder "
                "of yours"
            ) from error

    @property
    def taken(self) -> bool:
        """Whether the lock is ours."""
        return self._lock is not None

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        # Never unlinked: two files of one name would give two holders of the lock.
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            lock.close()
            raise StateError(
                f"Pedagio already runs from {self.folder} (process {holder}). Stop it with Ctrl-C, "
                "or choose another folder: PEDAGIO_STATE=/some/folder make run"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _end_leftovers(self) -> None:
        recorded = [pid for path in self._process_files() if (pid := _recorded_pid(path))]
        leftovers = {*recorded, *_marked(self.mark)}
        for pid in leftovers:
            for number in (signal.SIGTERM, signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        deadline = time.monotonic() + LEFTOVER_WAIT_S
        while any(process_started(pid) for pid in leftovers) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        for pid in leftovers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for path in self._process_files():
            path.unlink()

    def _make_folders(self, *, fresh: bool) -> None:
        if fresh:
            for name in DATA_FOLDERS:
                shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in DATA_FOLDERS:
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def _process_files(self) -> list[Path]:
        return sorted((self.folder / "processes").glob("*.json"))

    def _secrets(self) -> Secrets:
        """Those of this folder; one that an older release did not know is made now."""
        path = self.folder / "secrets.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        made = {name: secrets.token_hex(24) for name in Secrets.__dataclass_fields__}
        made["litellm_key"] = f"sk-{made['litellm_key']}"
        if made.keys() - kept.keys():
            kept = made | kept
            written = path.with_suffix(".new")
            written.touch(mode=0o600)
            written.write_text(json.dumps(kept, indent=1))
            written.rename(path)
        return Secrets(**{name: kept[name] for name in made})


def _recorded_pid(path: Path) -> int | None:
    """The pid in a process file, if that very process still runs."""
    try:
        record = json.loads(path.read_text())
        pid, started = int(record["pid"]), record["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # half written by a run that was killed; the mark finds that process
    return pid if started and process_started(pid) == started else None


def _marked(mark: str) -> list[int]:
    """Processes whose environment carries the mark: workers whose leader is gone (Linux only)."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]
