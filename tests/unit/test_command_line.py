"""The command lines of the long proofs: a number that makes no sense is said, with its name."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("tests.chaos", "--rounds", "0"), "ROUNDS must be a number from 1, not 0"),
        (("tests.chaos", "--rounds", "many"), "ROUNDS must be a number from 1, not many"),
        (
            ("tests.chaos", "--rounds", "9", "--only", "9"),
            "--only 9: the schedule has rounds 0 to 8",
        ),
        (("tests.model.histories", "--count", "0"), "HISTORIES must be a number from 1, not 0"),
    ],
)
def test_number_out_of_range_is_refused_with_its_name(
    root: Path, words: tuple[str, ...], sentence: str
) -> None:
    """As `make chaos ROUNDS=0` would: a proof of nothing must not look like a proof."""
    run = subprocess.run(
        (sys.executable, "-m", *words),
        cwd=root, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
