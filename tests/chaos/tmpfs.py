"""The disk of a spool that can be filled: a small tmpfs for root, else a limit on file sizes."""

import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

SIZE_BYTES: Final = 32 * 1024 * 1024
MOUNT: Final = ("mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs")
PIECE: Final = b"\0" * 4096


class SpoolDisk:
    """A folder on a disk of its own, where the system lets us mount one."""

    def __init__(self, folder: Path) -> None:
        """Name the folder."""
        self.folder = folder
        self._mounted = False

    def mount(self) -> None:
        """Make the disk; without the right to mount, the folder stays on the common one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            run = subprocess.run((*MOUNT, self.folder), capture_output=True, check=False)
            self._mounted = run.returncode == 0

    def unmount(self) -> None:
        """Give it back."""
        if self._mounted:
            subprocess.run(("umount", "-l", self.folder), capture_output=True, check=False)
            self._mounted = False

    def fill(self, pid: int) -> None:
        """From now on the process `pid` cannot write another byte."""
        if not self._mounted:
            limit_files(pid, full=True)
            return
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(PIECE)

    def free(self, pid: int) -> None:
        """There is room again."""
        if not self._mounted:
            limit_files(pid, full=False)
            return
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


def limit_files(pid: int, *, full: bool) -> None:
    """Let no file of a process grow any more (writing fails with EFBIG), or let it grow again."""
    with suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 if full else hard, hard))
