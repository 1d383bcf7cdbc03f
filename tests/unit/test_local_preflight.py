"""The preflight: what cannot work is said before anything is installed, with the way that does."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.preflight import Machine, problems

GOOD = Machine(
    system="Linux",
    processor="x86_64",
    glibc=(2, 36),
    macos=None,
    python=(3, 11),
    memory_gib=4.0,
    disk_gib=10.0,
    installed=False,
    root=False,
    setpriv=False,
)


def test_preflight_on_a_good_machine_finds_nothing() -> None:
    """A common Linux needs no words."""
    assert problems(GOOD) == []
    assert problems(dataclasses.replace(GOOD, root=True, setpriv=True)) == []
    assert problems(dataclasses.replace(GOOD, installed=True, disk_gib=1.0)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"glibc": None}, "docker compose"),
        ({"glibc": (2, 28)}, "glibc 2.28 is too old"),
        ({"processor": "riscv64"}, "no Envoy for Linux on riscv64"),
        ({"system": "Windows"}, "WSL 2"),
        ({"system": "FreeBSD"}, "docker compose"),
        ({"system": "Darwin", "processor": "x86_64", "macos": (15, 1)}, "Apple silicon"),
        ({"system": "Darwin", "processor": "arm64", "macos": (14, 7)}, "macOS 15"),
        ({"python": (3, 9)}, "Python 3.9 is too old"),
        ({"disk_gib": 1.0}, "1.0 GB are free"),
        ({"memory_gib": 0.9}, "0.9 GB of memory"),
        ({"root": True}, "setpriv"),
        ({"unwritable": Path("/absent")}, "cannot write in PEDAGIO_STATE=/absent"),
    ],
)
def test_preflight_of_an_unfit_machine_names_the_way_that_works(
    changes: dict[str, object], sentence: str
) -> None:
    """Each obstacle is one sentence."""
    (found,) = problems(dataclasses.replace(GOOD, **changes))  # type: ignore[arg-type]
    assert sentence in found


def test_preflight_of_an_apple_silicon_mac_finds_nothing() -> None:
    """Envoy's wheel covers macOS 15 on Apple silicon."""
    mac = dataclasses.replace(
        GOOD, system="Darwin", processor="arm64", glibc=None, macos=(15, 2), memory_gib=None
    )
    assert problems(mac) == []


def test_preflight_of_a_state_folder_that_cannot_be_made_is_one_sentence(
    root: Path, tmp_path: Path
) -> None:
    """Said before anything is installed: a file stands where the folder should be."""
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    run = subprocess.run(
        (sys.executable, "-S", "-m", "local.preflight"),
        cwd=root,
        env={**os.environ, "PEDAGIO_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == (
        f"cannot run here: cannot write in PEDAGIO_STATE={state}: choose a folder of yours.\n"
    )


def test_preflight_runs_within_a_second_with_a_bare_python(root: Path) -> None:
    """It runs before anything is installed: standard library only (-S hides site-packages)."""
    began = time.monotonic()
    command = (sys.executable, "-S", "-m", "local.preflight")
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert time.monotonic() - began < 1.0
    assert run.returncode == 0, run.stderr
