"""A short chaos run, as `make chaos` starts it: the zeros are zero."""

import re
import subprocess
import sys
from pathlib import Path

ROUNDS = 8
SEED = 22
BOUND_S = 240.0


def test_short_chaos_run_ends_with_nothing_astray(root: Path, tmp_path: Path) -> None:
    """Exit status 0: nothing overspent, lost, debited twice, refused wrongly or left open."""
    run = subprocess.run(
        (sys.executable, "-m", "tests.chaos", "--rounds", str(ROUNDS), "--seed", str(SEED),
         "--state", str(tmp_path / "state")),
        cwd=root,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    found = re.search(r"^all +(\d+) +(\d+) +([\d.]+) +([\d.]+) +0 .*$", run.stdout, re.MULTILINE)
    assert found is not None, run.stdout
    fired, calls, refused, spent = (float(figure) for figure in found.groups())
    assert fired >= ROUNDS
    assert calls > 100, "too little traffic to prove anything"
    assert refused > 0
    assert spent > 95
