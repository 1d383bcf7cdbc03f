"""Ties a program to the life of the process that starts it, then becomes that program.

Run by `local.process` as a script: `leash.py <signal> <parent pid> <program> <arguments…>`. On
Linux the kernel sends the signal when the parent dies, so not even `kill -9` of `make run` leaves
anything behind. Other systems have no such call: there the next start cleans up (`local.state`).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def bind_to_parent(death_signal: int, parent: int) -> None:
    """Ask the kernel for `death_signal` when the parent dies; end at once if it is dead already."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    # Between the fork and that call the parent may have died: no signal would ever come.
    if os.getppid() != parent:
        sys.exit(f"the process that started this ({parent}) is gone")


def main() -> None:
    """Become the program given on the command line."""
    bind_to_parent(int(sys.argv[1]), int(sys.argv[2]))
    program = sys.argv[3:]
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.exit(f"cannot run {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
