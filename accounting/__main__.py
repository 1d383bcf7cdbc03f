"""Start accounting: `python -m accounting`, configured by PEDAGIO_* variables."""

import asyncio
import functools
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from accounting.access.record import Row
from accounting.access.server import AccessLogServer, access_log_server
from accounting.access.sink import Outlets, Write
from accounting.admin import ports, statements, trial
from accounting.admin.people_follow import follow_for_ever
from accounting.admin.person_service import add_person_service
from accounting.admin.price_service import add_price_service
from accounting.admin.servicer import SyncModels, add_admin_service, admin_interceptors
from accounting.admin.visitors import visitors_of
from accounting.alarm import raise_once
from accounting.audit.loop import audit_each_minute
from accounting.http_server import DRAIN_S, Faces, HttpServer
from accounting.ingest.extend import Extender
from accounting.ingest.http import Face, create_app
from accounting.ingest.intake import Intake
from accounting.ingest.record import Recorder
from accounting.metrics import ACCESS_ENTRIES
from accounting.models_sync import OWN_ACTOR, OWN_REASON, SyncResult, sync_models
from accounting.notify.assembly import notice_workers
from accounting.notify.requests import tend_for_ever
from accounting.notify.service import add_notice_service
from accounting.pricing import CurrentModels
from accounting.relay import relay_of
from accounting.settings import AccountingSettings, read_four_eyes
from accounting.settling.due import settle_for_ever
from accounting.settling.match import Matcher
from accounting.settling.open_holds import count_for_ever
from accounting.settling.settle import Settler
from accounting.usage.service import add_usage_service
from accounting.web.assembly import pages_of
from credit import ledger, logs
from credit.address import Addresses
from credit.away import is_away
from credit.mirror import WRITE_WITHIN_S, Mirror
from credit.news import News, publish
from credit.pool import connect_when_there
from credit.settings import split_keys
from credit.spool import Spool
from credit.wording import Wording

SYNC_RETRY_S = 2.0
SYNC_EVERY_S = 24 * 3600.0
# An imported price book whose moment comes is in force this much later at most.
BOOK_LOOK_EVERY_S = 5.0
# LiteLLM's own price file has 3 MB; gRPC takes 4 unless told.
ADMIN_MESSAGE_BYTES = 17 * 1024 * 1024

log = structlog.get_logger()


async def serve(settings: AccountingSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    pool = await connect_when_there(
        settings.database_url, min_size=2, max_size=10, role="pedagio-accounting"
    )
    models = CurrentModels(pool)
    await models.reload({"models"})
    recorder = Recorder(pool, models, split_keys(settings.token_keys), settings.hold_deadline_s)
    settler = Settler(pool, models, settings.cost_wait_s)
    await settler.warm()
    extender = _make_extender(pool, settings, models)
    matcher = Matcher(pool, settler, expects_access=bool(settings.access_log_key))
    intake = Intake(
        _open_spool(settings.spool_dir),
        probe=functools.partial(ledger.ask_pulse, pool),
        tell=functools.partial(ledger.record_outage, pool),
    )
    face = Face(
        recorder,
        settler,
        extender,
        split_keys(settings.report_keys),
        intake,
        webhook_keys=split_keys(settings.webhook_keys),
        alarm=functools.partial(raise_once, pool),
    )
    tell = trial.quiet(functools.partial(publish, settings.redis_url))
    sync = functools.partial(_sync, trial.over(pool), settings, tell)
    admin = await _start_admin(pool, settings, sync, tell)
    access_log = await _start_access_log(pool, settings, settler, intake)
    faces = Faces(HttpServer(create_app(face), settings.ingest_listen), *_pages(settings))
    faces.run()
    tasks = [
        asyncio.create_task(News(pool, settings.redis_url).watch(models.reload)),
        asyncio.create_task(settler.sweep(lambda: intake.settled)),
        asyncio.create_task(matcher.run()),
        asyncio.create_task(audit_each_minute(pool)),
        asyncio.create_task(intake.run()),
        asyncio.create_task(count_for_ever(pool)),
        *(
            asyncio.create_task(each(pool))
            for each in (settle_for_ever, follow_for_ever, tend_for_ever)
        ),
        *([asyncio.create_task(_mirror(pool, settings.redis_url))] if settings.redis_url else []),
        asyncio.create_task(_keep_models_fresh(pool, sync)),
        *[asyncio.create_task(worker.run()) for worker in notice_workers(pool, settings)],
    ]
    log.info(
        "serving", **settings.model_dump(include={"ingest_listen", "admin_listen", "web_listen"})
    )
    await _until_stopped()
    await faces.stop()
    await admin.stop(DRAIN_S)
    if access_log is not None:
        await access_log.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pool.close()


def _make_extender(pool: Any, settings: AccountingSettings, models: CurrentModels) -> Extender:
    addresses = Addresses(settings.public_url.rstrip("/"), split_keys(settings.token_keys))
    page = settings.credit_url or (addresses.public_url and f"{addresses.public_url}/my")
    wording = Wording(settings.language, settings.unit, settings.contact, page)
    return Extender(pool, wording, models, addresses)


def _pages(settings: AccountingSettings) -> list[HttpServer]:
    if not settings.web_listen:
        return []
    return [HttpServer(pages_of(settings), settings.web_listen, settings.trusted_proxies)]


def _open_spool(folder: str) -> Spool | None:
    """A folder that cannot be used is said once; reports are then answered with 503, as without one."""
    if not folder:
        return None
    spool = Spool(Path(folder))
    try:
        spool.open()
    except OSError as error:
        log.error("spool_unusable", folder=folder, error=str(error))  # noqa: TRY400 (its trace says no more)
        return None
    return spool


async def _mirror(pool: Any, redis_url: str) -> None:
    async with Mirror(redis_url, within_s=WRITE_WITHIN_S) as mirror:
        await relay_of(pool, mirror).run()


async def _sync(
    pool: Any,
    settings: AccountingSettings,
    tell: Callable[[str], Awaitable[None]],
    actor: str = OWN_ACTOR,
    reason: str = OWN_REASON,
) -> SyncResult:
    """`actor` and `reason` are given when an administrator asked for it: the audit line names them."""
    price_file = Path(settings.price_file) if settings.price_file else None
    result = await sync_models(
        pool, settings.litellm_url, settings.litellm_key, price_file, actor=actor, reason=reason
    )
    if result.changed:
        await tell("models")
    return result


async def _keep_models_fresh(pool: Any, sync: Callable[[], Awaitable[SyncResult]]) -> None:
    """At start (LiteLLM is slower to start than we are: try again), daily, and with a book that comes."""
    while True:
        try:
            result = await sync()
        except Exception as error:  # noqa: BLE001 (the old map stays in force; said in the log, tried again)
            log.info("models_not_synced", error=str(error)[:200])
            await asyncio.sleep(SYNC_RETRY_S)
            continue
        log.info(
            "models_synced", version=result.version, names=result.names, unpriced=result.unpriced
        )
        await _until_stale(pool)


async def _until_stale(pool: Any) -> None:
    """A day, or until an imported price book waits for its map; a ledger that is away is asked again."""
    for _ in range(int(SYNC_EVERY_S / BOOK_LOOK_EVERY_S)):
        await asyncio.sleep(BOOK_LOOK_EVERY_S)
        try:
            found = await statements.row(pool, "is_book_waiting")
        except Exception as error:
            if not is_away(error):
                raise
            continue
        if found is not None and found["waiting"]:
            return


async def _start_admin(
    pool: Any,
    settings: AccountingSettings,
    sync: SyncModels,
    tell: Callable[[str], Awaitable[None]],
) -> grpc.aio.Server:
    tokens = [key.decode() for key in split_keys(settings.admin_token)]
    server = grpc.aio.server(
        interceptors=admin_interceptors(
            tokens,
            functools.partial(ledger.ask_pulse, pool),
            pool,
            read_four_eyes(settings.four_eyes_above),
            ports.certificates(pool, settings),
        ),
        options=[*ports.options(), ("grpc.max_receive_message_length", ADMIN_MESSAGE_BYTES)],
    )
    public_url = settings.public_url.rstrip("/")
    add_admin_service(server, pool, sync_models=sync, publish=tell, public_url=public_url)
    add_price_service(server, pool, sync_models=sync, publish=tell)
    add_notice_service(server, pool)
    add_usage_service(server, pool)
    visitors = visitors_of(pool, split_keys(settings.token_keys))
    add_person_service(server, pool, visitors, publish=tell)
    checker = health.aio.HealthServicer()  # type: ignore[attr-defined]  # missing in the stubs
    health_pb2_grpc.add_HealthServicer_to_server(checker, server)
    await checker.set("", health_pb2.HealthCheckResponse.SERVING)
    ports.listen(server, settings)
    await server.start()
    return server


async def _start_access_log(
    pool: Any, settings: AccountingSettings, settler: Settler, intake: Intake
) -> AccessLogServer | None:
    """None where no key is set: whoever reaches the port could say that calls ended."""
    keys = split_keys(settings.access_log_key)
    if not keys:
        log.warning("access_log_not_served", reason="PEDAGIO_ACCESS_LOG_KEY is not set")
        return None
    write = functools.partial(ledger.access_batch, pool)

    async def replay(rows: list[Row]) -> None:
        await write(rows)  # what may close by them the sweep finds

    intake.on("access", replay)
    outlets = Outlets(
        write=functools.partial(_write_unless_away, write, intake),
        tell=functools.partial(settler.settle, by_deadline=False),
        alarm=functools.partial(raise_once, pool),
        count=lambda result, number: ACCESS_ENTRIES.labels(result).inc(number),
        keep=intake.keep,
    )
    server = access_log_server(outlets, keys)
    await server.start(settings.access_log_listen)
    return server


async def _write_unless_away(
    write: Write, intake: Intake, rows: Sequence[Row]
) -> Mapping[str, str]:
    """Ask nobody who is known to be away: the entries would wait for each other."""
    if intake.away:
        raise ConnectionError("the ledger is away")
    try:
        return await write(rows)
    except Exception as error:
        if is_away(error):
            intake.lost(error)
        raise


async def _until_stopped() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()


def main() -> None:
    """Read the settings, then run."""
    logs.configure()
    uvloop.run(serve(AccountingSettings.load()))


if __name__ == "__main__":
    main()
