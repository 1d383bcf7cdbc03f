"""The PurchaseService: its protobufs become use cases, their results protobufs."""

from datetime import UTC, datetime

import asyncpg

from accounting.admin import purchases
from accounting.admin.messages import Context, epoch_ms, read_change
from protos.pedagio.v1 import purchases_pb2 as pb
from protos.pedagio.v1 import purchases_pb2_grpc


class PurchaseServicer(purchases_pb2_grpc.PurchaseServiceServicer):
    """Errors are mapped by the interceptors of the server."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Acts on the ledger behind `pool`."""
        self._pool = pool

    async def RecordPurchase(
        self, request: pb.RecordPurchaseRequest, context: Context
    ) -> pb.Purchase:
        """Record what was bought."""
        change = read_change(request.reason, context)
        given = request.purchase
        bought = purchases.Bought(
            given.bought_on, given.supplier, given.reference, given.buyer, given.amount_cents,
            given.currency, given.worth_nanos,
        )  # fmt: skip
        today = datetime.now(UTC).date()
        return _message(
            await purchases.record(self._pool, bought, request.request_id, change, today)
        )

    async def ListPurchases(
        self, request: pb.ListPurchasesRequest, _context: Context
    ) -> pb.ListPurchasesResponse:
        """One page, newest first."""
        found, token = await purchases.list_page(self._pool, request.page_size, request.page_token)
        return pb.ListPurchasesResponse(
            purchases=[_message(each) for each in found], next_page_token=token
        )


def _message(found: purchases.Purchase) -> pb.Purchase:
    bought = found.bought
    return pb.Purchase(
        id=found.id, bought_on=bought.bought_on, supplier=bought.supplier,
        reference=bought.reference, buyer=bought.buyer, amount_cents=bought.cents,
        currency=bought.currency, worth_nanos=bought.worth_nanos, backed_nanos=found.backed_nanos,
        actor=found.actor, reason=found.reason, recorded_at_ms=epoch_ms(found.recorded_at),
        replayed=found.replayed,
    )  # fmt: skip
