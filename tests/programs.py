"""Programs of the system that tests run: found, or installed where this machine lets us."""

import os
import shutil
import subprocess
from functools import cache
from typing import Final

import pytest

INSTALL_BOUND_S: Final = 280
# Also where Debian keeps servers.
PLACES: Final = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


@cache
def find_program(package: str, *other_names: str) -> str:
    """Where a program is; installs Debian's package of its name, else the test fails and says so."""
    names = (package, *other_names)
    found = _which(names)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (("update",), ("install", "-y", "--no-install-recommends", package)):
            subprocess.run(
                ("apt-get", "-qq", *words),
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                check=False,
                capture_output=True,
                timeout=INSTALL_BOUND_S,
            )
        found = _which(names)
    if found is None:
        pytest.fail(
            f"{package} is missing: install it (Debian, Ubuntu: apt-get install {package})",
            pytrace=False,
        )
    return found


def find_chromium() -> str:
    """A browser for the pages, as Debian or others name it."""
    return find_program("chromium", "chromium-browser", "google-chrome")


def _which(names: tuple[str, ...]) -> str | None:
    places = (shutil.which(name, path=PLACES) for name in names)
    return next((place for place in places if place), None)
