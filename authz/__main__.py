"""Start authz: `python -m authz`, configured by PEDAGIO_* variables."""

import asyncio
import contextlib
import functools
import signal
import time
from collections.abc import Mapping, Sequence

import structlog
import uvloop

from authz.batcher import Batcher
from authz.check import Check
from authz.note import Notes
from authz.server import Authorization, Server
from authz.settings import AuthzSettings
from authz.snapshot import Snapshot
from credit import ledger
from credit.ledger import Place, Placed
from credit.news import News
from credit.settings import split_keys
from credit.wording import Wording

EVERYTHING = {"mode", "clients", "models", "outputs"}
OUTPUTS_EVERY_S = 60.0

log = structlog.get_logger()


async def serve(settings: AuthzSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    pool = await ledger.connect(settings.database_url, min_size=2, max_size=6, role="pedagio-authz")
    snapshot = Snapshot(pool)
    await snapshot.reload(EVERYTHING)

    async def place_batch(places: Sequence[Place]) -> Mapping[str, Placed]:
        return await asyncio.wait_for(
            ledger.place_batch(pool, places, settings.hold_deadline_s), settings.place_timeout_s
        )

    batcher = Batcher(place_batch)
    notes = Notes(functools.partial(ledger.write, pool, "record_decision"))
    wording = Wording(settings.language, settings.unit, settings.contact, settings.credit_url)
    check = Check(
        snapshot,
        batcher.place,
        notes.note,
        token_keys=split_keys(settings.token_keys),
        wording=wording,
        now_s=time.time,
    )
    server = Server(Authorization(check.decide), settings.authz_listen)
    await server.start()
    tasks = [
        asyncio.create_task(News(pool, settings.redis_url).watch(snapshot.reload)),
        asyncio.create_task(_refresh_outputs(snapshot)),
        asyncio.create_task(notes.run()),
    ]
    await server.serving()
    log.info(
        "serving", listen=settings.authz_listen, mode=snapshot.mode, clients=len(snapshot.clients)
    )
    await _until_stopped()
    await server.stop()
    await batcher.drain()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pool.close()


async def _refresh_outputs(snapshot: Snapshot) -> None:
    while True:
        await asyncio.sleep(OUTPUTS_EVERY_S)
        try:
            await snapshot.reload({"outputs"})
        except Exception as error:  # noqa: BLE001 (the last figures stay in force)
            log.warning("outputs_not_refreshed", error=type(error).__name__)


async def _until_stopped() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()


def main() -> None:
    """Read the settings, then run."""
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(AuthzSettings.load()))


if __name__ == "__main__":
    main()
