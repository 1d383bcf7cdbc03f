"""Accounting's own access log server in a thread, beside the real Envoy that talks to it."""

import asyncio
import shutil
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from accounting.access.record import Row
from accounting.access.server import AccessLogServer, access_log_server
from accounting.access.sink import Outlets
from local import envoy_config
from local.probe import HOST
from tests.integration.envoy_stage import ACCESS_LOG_KEY, Stage, stage

BOUND_S: Final = 10.0


class Witness:
    """The server with a ledger of its own: `rows` is what was written, `told` what may close."""

    def __init__(self, port: int, keys: Sequence[bytes] = (ACCESS_LOG_KEY.encode(),)) -> None:
        """Nothing listens until `start`."""
        self.port = port
        self.rows: list[Row] = []
        self.told: set[str] = set()
        self.counts: dict[str, int] = {}
        self._keys = keys
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server: AccessLogServer | None = None

    def start(self) -> None:
        """Listen."""
        self._run(self._start())

    def stop(self) -> None:
        """Stop listening; what arrived is written."""
        if self._server is not None:
            self._run(self._server.stop())
            self._server = None

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def of(self, hold_id: str) -> list[Row]:
        """The bodies of the rows about one request, in order."""
        return [row["body"] for row in list(self.rows) if row["hold_id"] == hold_id]

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(BOUND_S)

    async def _start(self) -> None:
        outlets = Outlets(self._write, self._tell, self._alarm, self._count)
        self._server = access_log_server(outlets, self._keys)
        await self._server.start(f"{HOST}:{self.port}")

    async def _write(self, rows: Sequence[Row]) -> Mapping[str, str]:
        self.rows.extend(rows)
        return {row["id"]: "recorded" for row in rows}

    async def _tell(self, holds: AbstractSet[str]) -> None:
        self.told |= holds

    async def _alarm(self, kind: str, subject: str, _detail: Row) -> None:
        raise AssertionError(f"{kind} {subject}")

    def _count(self, result: str, number: int) -> None:
        self.counts[result] = self.counts.get(result, 0) + number


@contextmanager
def witnessed(folder: Path) -> Iterator[tuple[Stage, Witness]]:
    """Envoy with its access log connected; entries come at once, progress each second."""
    source = folder / "source"
    shutil.copytree(envoy_config.SOURCE, source)
    path = source / "listener.yaml"
    listener: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    (http,) = listener["resources"][0]["filter_chains"][0]["filters"]
    http["typed_config"]["access_log_options"]["access_log_flush_interval"] = "1s"
    stream = http["typed_config"]["access_log"][1]["typed_config"]
    stream["common_config"]["buffer_flush_interval"] = "0.05s"
    path.write_text(yaml.safe_dump(listener, default_style='"'), encoding="utf-8")
    with stage(folder / "e", source) as opened:
        witness = Witness(opened.access_log_port)
        try:
            witness.start()
            yield opened, witness
        finally:
            witness.close()
