"""Models as clients ask for them: prices, names without one, prices set here."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.entry import Entry, Signed, asked, gone
from accounting.web.session import Session
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import prices_pb2 as prices
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub

SEES_ALL: Final = ("viewer", "support", "treasurer", "operator")
PICO_PRICE: Final = 1000  # nano-USD per million tokens = a thousandth of pico-USD per token
FINE: Final = "Finer than US$0.000001 per million tokens."

router = APIRouter()


@router.get("/models")
async def models(session: Signed) -> Response:
    """What may be asked for, what has no price first."""
    return await _models(session, {})


@router.post("/models/sync")
async def sync(request: Request, session: Signed) -> Response:
    """Read LiteLLM's models again."""
    entry = await Entry.of(request)
    message = pb.SyncModelsRequest(reason=entry.text("reason"))
    if await entry.send(session, AdminServiceStub, "SyncModels", message):
        return gone("/models", "sync")
    return await _models(session, {"sync": entry})


@router.post("/models/price")
async def price(request: Request, session: Signed) -> Response:
    """A price set here, whatever LiteLLM says; once per page."""
    entry = await Entry.of(request)
    own = prices.OwnPrice(input_picos=_picos(entry, "input"), output_picos=_picos(entry, "output"))
    if entry.text("cached", optional=True):
        own.cached_picos = _picos(entry, "cached")
    return await _override(session, entry, own, "price")


@router.post("/models/price/end")
async def end(request: Request, session: Signed) -> Response:
    """LiteLLM's own price holds again."""
    return await _override(session, await Entry.of(request), None, "end")


def _picos(entry: Entry, name: str) -> int:
    nanos = entry.amount(name)
    if nanos % PICO_PRICE:
        entry.wrong(name, FINE)
    return nanos // PICO_PRICE


async def _override(
    session: Session, entry: Entry, own: prices.OwnPrice | None, form: str
) -> Response:
    message = prices.OverrideRequest(
        model=entry.text("model"), price=own, force=entry.flag("force"),
        reason=entry.text("reason"), request_id=entry.request_id,
    )  # fmt: skip
    if await entry.send(session, PriceServiceStub, "Override", message):
        return gone("/models", form)
    return await _models(session, {form: entry})


async def _models(session: Session, entries: dict[str, Entry]) -> Response:
    found = await session.ask(AdminServiceStub, "ListModels", pb.ListModelsRequest())
    overrides: Any = []
    if session.may(*SEES_ALL):
        listed = await session.ask(PriceServiceStub, "ListOverrides", prices.ListOverridesRequest())
        overrides = listed.overrides
    forms = {form: Entry() for form in ("sync", "price", "end")}
    if asked(session.request, "model"):
        forms["price"].values["model"] = asked(session.request, "model")
    ordered = sorted(found.models, key=lambda each: (each.priced, each.name))
    return session.page(
        "admin/models.html", max((each.status for each in entries.values()), default=200),
        models=ordered, unpriced=[each for each in ordered if not each.priced],
        overrides=overrides, entries=forms | entries, may=session.may("operator"),
        sees=session.may(*SEES_ALL), done=asked(session.request, "done"),
    )  # fmt: skip
