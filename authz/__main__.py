"""Start authz: `python -m authz`, configured by PEDAGIO_* variables."""

import asyncio
import contextlib
import functools
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
import uvloop

from authz import metrics
from authz.balance import Balance
from authz.batcher import Batcher
from authz.bounded import SPOOL_LIMIT_BYTES, Bounded
from authz.check import Check
from authz.knowledge import Knowledge
from authz.lookup import Lookup
from authz.note import Notes
from authz.server import Authorization, Server
from authz.settings import AuthzSettings
from authz.snapshot import Snapshot
from authz.standing import CALLS_LIMIT, Standings
from authz.store import Store, StoreAwayError, Ways
from credit import ledger, logs
from credit.ledger import Place, Placed
from credit.mirror import TTL_S, Mirror
from credit.news import News
from credit.pool import Pool, connect_when_there
from credit.settings import split_keys
from credit.spool import Spool
from credit.wording import Wording

EVERYTHING = {"mode", "clients", "models", "policies", "languages", "people", "outputs"}
OUTPUTS_EVERY_S = 60.0
CLOSE_WITHIN_S = 3.0

log = structlog.get_logger()


async def serve(settings: AuthzSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    async with contextlib.AsyncExitStack() as opened:
        pool = await _connect(settings, opened, "pedagio-authz", 6)
        pulse = await _connect(settings, opened, "pedagio-authz-pulse", 1)
        mirror = Mirror(settings.redis_url) if settings.redis_url else None
        if mirror is not None:
            opened.push_async_callback(mirror.close)
        if settings.authz_metrics_listen:
            opened.callback(metrics.serve(settings.authz_metrics_listen))

        async def place_batch(places: Sequence[Place]) -> Mapping[str, Placed]:
            return await asyncio.wait_for(
                ledger.place_batch(pool, places, settings.hold_deadline_s), settings.place_timeout_s
            )

        batcher = Batcher(place_batch)
        knowledge = Knowledge(mirror)
        store = _open_store(settings, pool, pulse, batcher, knowledge)
        snapshot = Snapshot(pool, Lookup(pool, knowledge, lambda: store.connected))
        await snapshot.reload(EVERYTHING)
        notes = Notes(functools.partial(ledger.write, pool, "record_decision"))
        public_url = settings.public_url.rstrip("/")
        page = settings.credit_url or (public_url and f"{public_url}/my")
        wording = Wording(settings.language, settings.unit, settings.contact, page, public_url)
        check = Check(
            snapshot,
            store.place,
            notes.note,
            balance=Balance(_standings(pool, store).of, wording, time.time),
            token_keys=split_keys(settings.token_keys),
            wording=wording,
            now_s=time.time,
        )
        servicer = Authorization(metrics.watched(check.decide), check.recognise)
        server = Server(servicer, settings.authz_listen)
        await server.start()
        await store.beat()  # what an earlier process granted is placed before anybody is served
        tasks = [
            asyncio.create_task(News(pool, settings.redis_url).watch(snapshot.reload)),
            asyncio.create_task(_refresh_outputs(snapshot)),
            asyncio.create_task(notes.run()),
            asyncio.create_task(store.run()),
        ]
        await server.serving()
        clients = len(snapshot.clients)
        log.info("serving", listen=settings.authz_listen, mode=snapshot.mode, clients=clients)
        await _until_stopped()
        await server.stop()
        await batcher.drain()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _connect(
    settings: AuthzSettings, opened: contextlib.AsyncExitStack, role: str, size: int
) -> Pool:
    """A pool that is closed with the rest."""
    pool = await connect_when_there(
        settings.database_url, min_size=min(size, 2), max_size=size, role=role
    )
    opened.push_async_callback(_close, pool)
    return pool


async def _close(pool: Pool) -> None:
    """In order where Postgres answers; else at once."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_WITHIN_S)
    except TimeoutError:
        pool.terminate()


def _open_store(
    settings: AuthzSettings, pool: Pool, pulse: Pool, batcher: Batcher, knowledge: Knowledge
) -> Store:
    """Who decides, with what an earlier process left on the disk."""
    ways = Ways(
        batcher.place,
        functools.partial(ledger.ask_pulse, pulse),
        functools.partial(ledger.place_bounded, pool, deadline_s=settings.hold_deadline_s),
        functools.partial(ledger.list_figures, pool),
        functools.partial(ledger.list_recently_bounded, pool, TTL_S),
        functools.partial(ledger.list_payers, pool),
        functools.partial(ledger.record_outage, pool),
    )
    name = f"{socket.gethostname()} {settings.authz_listen}"
    store = Store(ways, knowledge, name=name, bounded_for_s=settings.bounded_for_s)
    bounded: Bounded | None = None
    if settings.bounded_dir:
        spool = Spool(Path(settings.bounded_dir), limit_bytes=SPOOL_LIMIT_BYTES)
        try:
            spool.open()
            bounded = Bounded(spool, knowledge.funds, settings.bounded_cap_nanos, store.alarm)
        except OSError as error:
            log.warning("bounded_dir_unusable", folder=settings.bounded_dir, error=str(error))
    store.begin(bounded, may_grant=settings.when_postgres_away == "bounded")
    return store


def _standings(pool: Pool, store: Store) -> Standings:
    """What people have; nobody waits for a ledger that is known to be away."""

    async def ask(account_id: int) -> Sequence[Mapping[str, Any]]:
        if not store.connected:
            raise StoreAwayError
        rows = await ledger.query(pool, "read_balance", account_id=account_id, calls=CALLS_LIMIT)
        return [dict(row) for row in rows]

    return Standings(ask)


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
    logs.configure()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(AuthzSettings.load()))


if __name__ == "__main__":
    main()
