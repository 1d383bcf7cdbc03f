"""The PriceService: the one place where its protobufs become use cases, their results protobufs."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import asyncpg
import grpc

from accounting.admin import fields, overrides, prices, trial
from accounting.admin.errors import ConflictError, InvalidFieldError, UpstreamError
from accounting.admin.messages import Context, epoch_ms, read_change
from accounting.models_sync import SyncResult
from credit.override import Override
from credit.price_diff import PriceChange
from protos.pedagio.v1 import prices_pb2 as pb
from protos.pedagio.v1 import prices_pb2_grpc

Publish = Callable[[str], Awaitable[None]]
LATEST_MS = 253_402_300_799_000  # the end of the year 9999: no datetime lies beyond


class SyncModels(Protocol):
    """Makes the model map anew with the book in force."""

    def __call__(self, actor: str = ..., reason: str = ...) -> Awaitable[SyncResult]:
        """Raises UpstreamError when LiteLLM does not answer as it should."""


class PriceServicer(prices_pb2_grpc.PriceServiceServicer):
    """Translates in, asks the use case, translates out; errors are mapped by the interceptors."""

    def __init__(self, pool: asyncpg.Pool, sync_models: SyncModels, publish: Publish) -> None:
        """`publish` names a topic that changed, so that replicas look at once; best effort."""
        self._pool = pool
        self._sync_models = sync_models
        self._publish = publish

    async def List(self, request: pb.ListBooksRequest, _context: Context) -> pb.ListBooksResponse:
        """The newest books."""
        rows, in_force = await prices.list_books(self._pool, request.page_size)
        return pb.ListBooksResponse(books=[_book(row, in_force) for row in rows])

    async def Diff(self, request: pb.DiffRequest, _context: Context) -> pb.PriceDiff:
        """What a file changes."""
        at = _moment(request.effective_at_ms)
        return _diff(await prices.compare(self._pool, request.file, at))

    async def Import(self, request: pb.ImportRequest, context: Context) -> pb.ImportResponse:
        """Add a book; where it is in force at once, the model map is made anew with it."""
        change = read_change(request.reason, context)
        at = _moment(request.effective_at_ms)
        wanted = prices.Wanted(request.file, at, request.force, request.request_id)
        now = datetime.now(UTC)
        found = await prices.import_prices(self._pool, wanted, change, now)
        answer = pb.ImportResponse(
            version=found.version,
            imported=found.made,
            effective_at_ms=epoch_ms(found.effective_at),
            diff=_diff(found.compared),
        )
        await self._take(answer, found.effective_at, change)
        return answer

    async def Override(self, request: pb.OverrideRequest, context: Context) -> pb.OverrideResponse:
        """Set or end the price of one name; where it is in force at once, the map is made anew with it."""
        change = read_change(request.reason, context)
        wanted = overrides.Wanted(
            request.model,
            _read_price(request.price) if request.HasField("price") else None,
            _moment(request.effective_at_ms),
            request.force,
            request.request_id,
            request.dry_run,
        )
        found = await overrides.set_override(self._pool, wanted, change, datetime.now(UTC))
        answer = pb.OverrideResponse(version=found.version, changed=found.made)
        if found.before is not None:
            answer.before.CopyFrom(_own_price(found.before))
        if found.effective_at is not None:
            answer.effective_at_ms = epoch_ms(found.effective_at)
        if found.version and found.effective_at is not None:
            await self._take(answer, found.effective_at, change)
        return answer

    async def ListOverrides(
        self, request: pb.ListOverridesRequest, _context: Context
    ) -> pb.ListOverridesResponse:
        """The newest changes."""
        rows = await overrides.list_overrides(self._pool, request.page_size)
        return pb.ListOverridesResponse(overrides=[_override(row) for row in rows])

    async def _take(
        self,
        answer: pb.ImportResponse | pb.OverrideResponse,
        effective_at: datetime,
        change: fields.Change,
    ) -> None:
        """Make the map with what is in force now, and say so, or why not yet."""
        if effective_at > datetime.now(UTC):
            answer.not_yet = "its moment has not come"
            return
        try:
            answer.map_version = (await self._sync_models(change.actor, change.reason)).version
        except (UpstreamError, ConflictError) as error:
            # It is written; accounting tries again by itself until the map is made with it.
            answer.not_yet = str(error)
            return
        await self._publish("models")


def add_price_service(
    server: grpc.aio.Server, pool: asyncpg.Pool, *, sync_models: SyncModels, publish: Publish
) -> None:
    """Serve the PriceService on a server that was made with `admin_interceptors(tokens)`."""
    servicer = PriceServicer(trial.over(pool), sync_models, trial.quiet(publish))
    prices_pb2_grpc.add_PriceServiceServicer_to_server(servicer, server)


def _moment(at_ms: int) -> datetime | None:
    if not 0 <= at_ms <= LATEST_MS:
        raise InvalidFieldError("effective_at_ms", "must be milliseconds since 1970")
    return datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else None


def _book(row: asyncpg.Record, in_force: int) -> pb.PriceBook:
    past = "coming" if row["coming"] else "past"
    return pb.PriceBook(
        version=row["version"],
        source=row["source"],
        digest=row["digest"],
        imported=row["imported"],
        imported_at_ms=epoch_ms(row["imported_at"]),
        effective_at_ms=epoch_ms(row["effective_at"]),
        state="in_force" if row["version"] == in_force else past,
        models=row["models"],
    )


def _diff(found: prices.Compared) -> pb.PriceDiff:
    return pb.PriceDiff(
        against_version=found.against,
        same=found.same,
        added=found.difference.added,
        removed=found.difference.removed,
        changed=[_change(each) for each in found.difference.changed],
        needing_force=len(found.difference.sharp),
        models=found.models,
        losing=found.losing,
    )


def _change(each: PriceChange) -> pb.PriceChange:
    kind = "named" if each.old is None else "unnamed" if each.new is None else "changed"
    return pb.PriceChange(
        model=each.model,
        field=each.field,
        kind=kind,
        old_picos=each.old or 0,
        new_picos=each.new or 0,
        percent=each.percent or 0,
        needs_force=each.sharp,
    )


def _read_price(given: pb.OwnPrice) -> Override:
    return Override(
        given.input_picos,
        given.output_picos,
        given.cached_picos if given.HasField("cached_picos") else None,
        given.context_tokens,
        given.max_output_tokens,
    )


def _own_price(price: Override) -> pb.OwnPrice:
    return pb.OwnPrice(
        input_picos=price.input,
        output_picos=price.output,
        cached_picos=price.cached,
        context_tokens=price.context,
        max_output_tokens=price.max_output,
    )


def _override(row: asyncpg.Record) -> pb.PriceOverride:
    past = "coming" if row["coming"] else "past"
    found = pb.PriceOverride(
        version=row["version"],
        model=row["model"],
        effective_at_ms=epoch_ms(row["effective_at"]),
        state="in_force" if row["newest"] and row["price"] is not None else past,
        changed_by=row["changed_by"],
        reason=row["reason"],
    )
    if row["price"] is not None:
        found.price.CopyFrom(_own_price(Override.from_json(row["price"])))
    return found
