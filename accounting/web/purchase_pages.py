"""Purchases: what was bought from a provider, how much credit it backs."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response

from accounting.web.entry import Entry, Signed, asked, gone
from accounting.web.export import csv_file
from accounting.web.session import Session
from credit.money import NANOS_PER_USD, parse_amount
from protos.pedagio.v1 import purchases_pb2 as pb
from protos.pedagio.v1.purchases_pb2_grpc import PurchaseServiceStub

SHOWN: Final = 50
PAGE: Final = 500
PAGES_BOUND: Final = 100
NO_PRICE: Final = "Write what was paid, with cents at most: US$100 or R$ 550,00."
WORTH: Final = "Say what credit it backs in US$ or credits: what was paid is in reais."
COLUMNS: Final = (
    "id", "bought_on", "supplier", "reference", "buyer", "amount_cents", "currency", "worth_nanos",
    "backed_nanos", "actor", "reason",
)  # fmt: skip

router = APIRouter()


@router.get("/purchases")
async def purchases(session: Signed) -> Response:
    """What was bought, newest first."""
    return await _purchases(session, Entry())


@router.post("/purchases")
async def record(request: Request, session: Signed) -> Response:
    """Record one, once per page."""
    entry = await Entry.of(request)
    cents, currency = _price(entry)
    worth = entry.amount("worth", optional=True)
    if not worth and currency == "BRL":
        entry.wrong("worth", WORTH)
    bought = pb.Purchase(
        bought_on=entry.text("bought"), supplier=entry.text("supplier"),
        reference=entry.text("reference"), buyer=entry.text("buyer"), amount_cents=cents,
        currency=currency, worth_nanos=worth or cents * (NANOS_PER_USD // 100),
    )  # fmt: skip
    message = pb.RecordPurchaseRequest(
        purchase=bought, request_id=entry.request_id, reason=entry.text("reason")
    )
    if await entry.send(session, PurchaseServiceStub, "RecordPurchase", message, amount="price"):
        return gone("/purchases", "recorded")
    return await _purchases(session, entry)


@router.get("/purchases.csv")
async def export(session: Signed) -> Response:
    """All purchases."""
    found: list[pb.Purchase] = []
    message = pb.ListPurchasesRequest(page_size=PAGE)
    for _ in range(PAGES_BOUND):
        page = await session.ask(PurchaseServiceStub, "ListPurchases", message)
        found += page.purchases
        message.page_token = page.next_page_token
        if not message.page_token:
            break
    return csv_file(
        "purchases", COLUMNS, ([getattr(each, name) for name in COLUMNS] for each in found)
    )


def _price(entry: Entry) -> tuple[int, str]:
    """Cents, and their currency."""
    text = entry.text("price")
    if not text:
        return 0, "USD"
    try:
        cents, rest = divmod(parse_amount(text, Decimal(1)), NANOS_PER_USD // 100)
    except ValueError:
        entry.wrong("price", NO_PRICE)
        return 0, "USD"
    if rest or not cents or not text[-1].isdigit():
        entry.wrong("price", NO_PRICE)
    return cents, "BRL" if text.upper().startswith(("R$", "BRL")) else "USD"


async def _purchases(session: Session, entry: Entry) -> Response:
    token = asked(session.request, "page")
    found = await session.ask(
        PurchaseServiceStub,
        "ListPurchases",
        pb.ListPurchasesRequest(page_size=SHOWN, page_token=token),
    )
    return session.page(
        "admin/purchases.html", entry.status, purchases=found.purchases, entry=entry,
        next_page=found.next_page_token, later=bool(token), done=asked(session.request, "done"),
        may=session.may("treasurer", "operator"),
        today=f"{datetime.now(ZoneInfo(session.web.look.zone)):%Y-%m-%d}",
    )  # fmt: skip
