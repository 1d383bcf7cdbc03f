"""LiteLLM as a child process, in an environment of its own: our `litellm/` folder, its proxy.

Importing it takes seconds and 200 MB, so nothing here does: even its price file is found by path.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.probe import HOST, http_ok
from local.process import ChildError, Command

ROOT: Final = Path(__file__).resolve().parents[1]
PRICE_FILE: Final = "model_prices_and_context_window_backup.json"
# 9 s with compiled bytecode on two cores; four times that without.
READY_WITHIN_S: Final = 90.0


def find_python() -> Path:
    """LiteLLM's Python: PEDAGIO_LITELLM_PYTHON, else that of the checkout's `.venv-litellm`."""
    chosen = os.environ.get("PEDAGIO_LITELLM_PYTHON")
    python = Path(chosen) if chosen else ROOT / ".venv-litellm" / "bin" / "python"
    if not python.exists():
        raise ChildError(f"LiteLLM is not installed ({python} is missing): run `make install`")
    return python


def find_price_file(python: Path) -> Path:
    """LiteLLM's own price file in that environment, found without importing LiteLLM."""
    packages = sorted((python.parent.parent / "lib").glob("python3*/site-packages/litellm"))
    files = [folder / PRICE_FILE for folder in packages if (folder / PRICE_FILE).exists()]
    if not files:
        raise ChildError(
            f"LiteLLM's price file is not where its environment should have it: {python}"
        )
    return files[0]


@dataclass(frozen=True)
class Litellm:
    """Where one LiteLLM listens and what it is told."""

    python: Path
    config: Path
    port: int
    workers: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """Base address, without a path."""
        return f"http://{HOST}:{self.port}"

    def command(self) -> Command:
        """How to run the proxy; no database, no telemetry, no change of prices at start."""
        program = str(self.python.parent / "litellm")
        where = ("--config", str(self.config), "--host", HOST, "--port", str(self.port))
        return Command(
            name="litellm",
            argv=(program, *where, *self._workers(), "--telemetry", "False"),
            environment={
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "NO_DOCS": "True",
                **self.environment,
            },
            ready=self._alive,
            ready_within_s=READY_WITHIN_S,
            folder=self.config.parent,
            stop_within_s=15.0,
        )

    def _workers(self) -> tuple[str, ...]:
        """With several workers the parent kills those that import LiteLLM for over 5 s, unless told."""
        one = ("--num_workers", str(self.workers))
        return one if self.workers == 1 else (*one, "--timeout_worker_healthcheck", "60")

    async def _alive(self) -> bool:
        return await http_ok(f"{self.url}/health/liveliness")
