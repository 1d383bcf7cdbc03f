"""`make bench` as a command: it runs to its end and prints what was asked of it."""

import subprocess
import sys
from pathlib import Path

BOUND_S = 280
TITLES = (
    "### Check",
    "### End to end, open loop",
    "### Beside LiteLLM's own overhead",
    "### While a body of",
    "### Ingest",
    "### Memory after the run",
    "### Where it stands",
)


def test_bench_with_tiny_durations_prints_its_tables(root: Path) -> None:
    """All parts in one run, each answered well; how fast is not a test's business."""
    run = subprocess.run(
        (sys.executable, "-m", "bench", "--smoke"),
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND_S,
    )
    assert run.returncode == 0, run.stderr
    assert [title for title in TITLES if title not in run.stdout] == []
