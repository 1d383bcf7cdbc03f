"""`make run` itself: the story ends well, and an interrupted start leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from local.state import State
from tests.e2e.redis_faults import condition

BOUND_S = 240.0
STOP_BOUND_S = 30.0
REDIS = ("--without-redis",) if condition() == "absent" else ()


def environment(state: Path) -> dict[str, str]:
    """Ours, with a state folder of the test's own, and no terminal tricks."""
    return {**os.environ, "PEDAGIO_STATE": str(state), "COLUMNS": "200"}


def test_make_run_once_ends_with_books_that_agree(tmp_path: Path, root: Path) -> None:
    """Exit status 0: ledger and provider agree to the nano, and every hold is closed."""
    run = subprocess.run(
        (sys.executable, "-m", "local", "--once", *REDIS),
        cwd=root,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    race = re.search(r"answered (\d+), refused (\d+), overspent (\d+) nano-USD", run.stdout)
    assert race is not None
    answered, refused, overspent = (int(figure) for figure in race.groups())
    assert (answered + refused, overspent) == (64, 0)
    assert 10 <= answered <= 12
    crash = re.search(
        r"answered (\d+), told to wait \(503\) \d+, lost (\d+), overspent (\d+) nano-USD",
        run.stdout,
    )
    assert crash is not None
    assert int(crash[1]) > 0
    assert (crash[2], crash[3]) == ("0", "0")
    books = re.search(
        r"ledger ([\d.]+) = provider ([\d.]+) USD, (\d+) of (\d+) matched, 0 holds open", run.stdout
    )
    assert books is not None
    assert books[1] == books[2]
    assert books[3] == books[4]
    assert "Seu crédito de IA acabou" in run.stdout


def test_make_run_of_a_folder_in_use_says_only_that(tmp_path: Path, root: Path) -> None:
    """Nothing is said to start when nothing does."""
    holder = State(tmp_path)
    holder.open(fresh=True)
    run = subprocess.run(
        (sys.executable, "-m", "local", "--once"),
        cwd=root,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=STOP_BOUND_S,
        check=False,
    )
    holder.close()
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.strip().startswith(f"Pedagio already runs from {tmp_path}")


def test_make_run_interrupted_while_it_starts_leaves_nothing(tmp_path: Path, root: Path) -> None:
    """Ctrl-C at the worst moment: a clean end, and no process that carries the folder's name."""
    with subprocess.Popen(
        (sys.executable, "-m", "local"),
        cwd=root,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        seen = next(line for line in run.stdout if "ready in" in line)
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read()
        assert run.wait(STOP_BOUND_S) == 0, seen + rest
        assert "stopped" in rest
    assert not list((tmp_path / "processes").iterdir())
