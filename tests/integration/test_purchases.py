"""Purchases back grants, never more than they are worth, whoever asks at once."""

import asyncio
from typing import Any

import grpc
import pytest

from protos.pedagio.v1 import plans_pb2
from protos.pedagio.v1 import purchases_pb2 as pb
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.purchases_pb2_grpc import PurchaseServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio, prepare
from tests.integration.test_admin_plans import MARIA, WHO, WHY

BOUGHT = {
    "bought_on": "2026-01-02", "supplier": "OpenAI", "reference": "INV-7", "buyer": "bia",
    "amount_cents": 100_00, "currency": "USD", "worth_nanos": 100 * USD,
}  # fmt: skip


def a_purchase(request_id: str = "p", **changes: Any) -> pb.RecordPurchaseRequest:
    """A hundred dollars, but for the changes."""
    bought = pb.Purchase(**{**BOUGHT, **changes})
    return pb.RecordPurchaseRequest(purchase=bought, request_id=request_id, reason="r")


def a_gift(nanos: int, request_id: str, **changes: Any) -> plans_pb2.GiveCreditRequest:
    """Credit for Maria that the first purchase backs."""
    wanted = {"holder": MARIA, "amount_nanos": nanos, "purchase": 1, **changes}
    return plans_pb2.GiveCreditRequest(**wanted, request_id=request_id, reason="r")


async def record(admin: Service, request: pb.RecordPurchaseRequest) -> pb.Purchase:
    """One call."""
    answer: pb.Purchase = await admin.ask("RecordPurchase", request, stub=PurchaseServiceStub)
    return answer


async def left(admin: Service) -> int:
    """What the first purchase may still back."""
    answer = await admin.ask("ListPurchases", pb.ListPurchasesRequest(), stub=PurchaseServiceStub)
    found = answer.purchases[-1]
    return int(found.worth_nanos - found.backed_nanos)


async def test_purchase_is_recorded_backs_grants_and_is_exported(admin: Service) -> None:
    """Finance's path: the invoice, the credit that it backs, the list for the books."""
    await prepare(admin)
    assert "no purchases yet" in (await pedagio(admin, "purchase", "list")).stdout
    bought = (
        "--supplier",
        "=Azure",
        "--reference",
        "NF 12",
        "--buyer",
        "Bia",
        "--on",
        "2026-01-02",
    )
    shown = await pedagio(
        admin, "purchase", "record", "R$ 550,00", "--worth", "US$100", *bought, *WHY
    )
    assert "R$550.00" in shown.stdout
    assert "--purchase 1" in shown.stdout
    credit = await in_json(admin, "grants", "give", "US$60", *WHO, "--purchase", "1", *WHY)
    assert credit["grants"][0]["source"] == "purchase"
    listed = (await pedagio(admin, "purchase", "list")).stdout
    assert "US$60.00" in listed
    assert "US$40.00" in listed
    head, line = (await pedagio(admin, "purchase", "list", "--csv")).stdout.splitlines()
    assert head.startswith("id,bought_on,supplier,reference,buyer,amount_cents,currency,")
    assert line.startswith("1,2026-01-02,'=Azure,NF 12,Bia,55000,BRL,100000000000,60000000000,")
    result = await pedagio(admin, "grants", "give", "US$50", *WHO, "--purchase", "1", *WHY, code=1)
    assert "backs US$100.00, of which US$40.00 is left; nothing was granted" in result.stderr


async def test_purchase_backs_no_more_than_it_is_worth_under_concurrency(admin: Service) -> None:
    """Twenty at once ask for US$10 each of US$100: ten get it."""
    await prepare(admin)
    await record(admin, a_purchase())

    wanted = [a_gift(10 * USD, f"g{number}") for number in range(20)]
    answers = await asyncio.gather(
        *(admin.ask("GiveCredit", each, stub=PlanServiceStub) for each in wanted),
        return_exceptions=True,
    )
    refused = [str(each) for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert len(refused) == 10
    assert all("is left; nothing was granted" in each for each in refused)
    assert (await left(admin), (await admin.ask("GetBalance", MARIA.account)).posted_nanos) == (
        0, 100 * USD,
    )  # fmt: skip


async def test_answer_that_was_lost_is_asked_again_though_nothing_is_left(admin: Service) -> None:
    """The same grant again is no second one; without the purchase it is another one."""
    await prepare(admin)
    await record(admin, a_purchase())
    for replayed in (False, True):
        answer = await admin.ask("GiveCredit", a_gift(100 * USD, "g"), stub=PlanServiceStub)
        assert answer.replayed == replayed
    other = a_gift(100 * USD, "g", purchase=0, source="purchase")
    status, sentence = await admin.refused("GiveCredit", other, stub=PlanServiceStub)
    assert (status, "another grant" in sentence) == ("FAILED_PRECONDITION", True)


async def test_what_is_revoked_may_be_given_again(admin: Service) -> None:
    """A grant that has begun, and one that has not."""
    account = await prepare(admin)
    await record(admin, a_purchase())
    now = await admin.ask("GiveCredit", a_gift(40 * USD, "now"), stub=PlanServiceStub)
    later = a_gift(60 * USD, "later", valid_from_ms=4_000_000_000_000)
    await admin.ask("GiveCredit", later, stub=PlanServiceStub)
    assert await left(admin) == 0
    await admin.place(int(account["id"]), 10 * USD)  # an open hold keeps what it reserved
    grants = [now.grants[0].id, await admin.pool.fetchval("SELECT max(id) FROM credit_grant")]
    for expected, grant_id in zip((30 * USD, 90 * USD), grants, strict=True):
        request = plans_pb2.RevokeGrantRequest(grant_id=grant_id, reason="r")
        await admin.ask("RevokeGrant", request, stub=PlanServiceStub)
        assert await left(admin) == expected


async def test_purchase_is_recorded_once(admin: Service) -> None:
    """By its request id, and by its supplier's reference."""
    first = await record(admin, a_purchase())
    assert not first.replayed
    again = await record(admin, a_purchase())
    assert (again.id, again.replayed) == (first.id, True)
    for request, status, text in (
        (a_purchase(buyer="ana"), "FAILED_PRECONDITION", "was used for another purchase"),
        (a_purchase("q"), "ALREADY_EXISTS", "INV-7 of OpenAI is recorded already"),
        (
            a_purchase("q", supplier="openai", reference="inv-7"),
            "ALREADY_EXISTS",
            "inv-7 of openai is recorded already",
        ),
    ):
        found = await admin.refused("RecordPurchase", request, stub=PurchaseServiceStub)
        assert (found[0], text in found[1]) == (status, True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bought_on": "27/11/2026"}, "purchase.bought_on"),
        ({"bought_on": "2999-01-01"}, "purchase.bought_on"),
        ({"bought_on": "1999-12-31"}, "purchase.bought_on"),
        ({"supplier": ""}, "purchase.supplier"),
        ({"supplier": "a\r\nb"}, "purchase.supplier"),
        ({"reference": "x" * 121}, "purchase.reference"),
        ({"buyer": " "}, "purchase.buyer"),
        ({"amount_cents": 0}, "purchase.amount_cents"),
        ({"amount_cents": -1}, "purchase.amount_cents"),
        ({"currency": "EUR"}, "purchase.currency"),
        ({"worth_nanos": 0}, "purchase.worth_nanos"),
        ({"worth_nanos": 10**18}, "purchase.worth_nanos"),
    ],
)
async def test_bad_purchase_names_the_field(
    admin: Service, changes: dict[str, Any], field: str
) -> None:
    """And records nothing."""
    status, sentence = await admin.refused(
        "RecordPurchase", a_purchase(**changes), stub=PurchaseServiceStub
    )
    assert (status, sentence.partition(" ")[0]) == ("INVALID_ARGUMENT", field)
    assert await admin.pool.fetchval("SELECT count(*) FROM purchase") == 0


@pytest.mark.parametrize(
    ("gift", "text"),
    [
        (a_gift(USD, "g", purchase=9), "there is no purchase 9"),
        (a_gift(USD, "g", source="goodwill"), "source must be purchase"),
    ],
)
async def test_bad_backing_gives_nothing(
    admin: Service, gift: plans_pb2.GiveCreditRequest, text: str
) -> None:
    """A purchase that is not there, a source that is another."""
    await prepare(admin)
    await record(admin, a_purchase())
    _, sentence = await admin.refused("GiveCredit", gift, stub=PlanServiceStub)
    assert text in sentence
    assert await left(admin) == 100 * USD


@pytest.mark.parametrize("price", ["100", "500cr", "US$1.001234", "EUR 5", "US$0.005"])
async def test_price_without_currency_or_with_less_than_a_cent_is_refused(
    admin: Service, price: str
) -> None:
    """A sentence, and nothing is recorded."""
    bought = ("--supplier", "s", "--reference", "r", "--buyer", "b", "--on", "2026-01-02")
    result = await pedagio(admin, "purchase", "record", price, *bought, *WHY, code=1)
    assert price in result.stderr
    assert await admin.pool.fetchval("SELECT count(*) FROM purchase") == 0
