"""`pedagio purchase`: what was bought, and how much credit it backs."""

import uuid
from functools import partial
from typing import Annotated, Any, Final

import typer

from accounting.cli import connection
from accounting.cli.amount import BrlPerUsd, read_amount, read_price
from accounting.cli.output import Json, Reason, as_dict, facts, show, table, usd
from accounting.cli.progress import counting
from accounting.cli.spreadsheet import write_csv
from protos.pedagio.v1 import purchases_pb2 as pb
from protos.pedagio.v1.purchases_pb2_grpc import PurchaseServiceStub

app = typer.Typer(help="Purchases, which back grants.", no_args_is_help=True)
call: Final = partial(connection.call, stub=PurchaseServiceStub)
PAGE: Final = 500
COLUMNS: Final = (
    "id", "bought_on", "supplier", "reference", "buyer", "amount_cents", "currency", "worth_nanos",
    "backed_nanos", "actor", "reason",
)  # fmt: skip


@app.command()
def record(
    price: Annotated[
        str, typer.Argument(metavar="PRICE", help="What was paid: 'US$500', 'R$ 2.750,00'.")
    ],
    reason: Reason,
    supplier: Annotated[str, typer.Option(help="Who sold it.")],
    reference: Annotated[str, typer.Option(help="Of the invoice; once per supplier.")],
    buyer: Annotated[str, typer.Option(help="Who bought it.")],
    on: Annotated[str, typer.Option(help="The day, as 2026-11-27.")],
    worth: Annotated[
        str, typer.Option(help="The most credit that it backs, as 'US$500'; else what was paid.")
    ] = "",
    request_id: Annotated[str, typer.Option(help="The same twice is one purchase.")] = "",
    brl_per_usd: BrlPerUsd = "",
    as_json: Json = False,
) -> None:
    """Record what was bought.

    Example: pedagio purchase record 'US$500' --supplier OpenAI --reference A7 --buyer bia --on 2026-11-27 --reason x
    """  # fmt: skip
    cents, currency = read_price(price)
    bought = pb.Purchase(
        bought_on=on, supplier=supplier, reference=reference, buyer=buyer, amount_cents=cents,
        currency=currency, worth_nanos=read_amount(worth or price, brl_per_usd),
    )  # fmt: skip
    request = pb.RecordPurchaseRequest(
        purchase=bought, request_id=request_id or str(uuid.uuid4()), reason=reason
    )
    answer = call("RecordPurchase", request)
    show(answer, as_json, lambda: _facts(answer))


@app.command("list")
def list_purchases(
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    as_json: Json = False,
) -> None:
    """List what was bought, newest first, with what it backs.

    Example: pedagio purchase list
    """
    found: list[pb.Purchase] = []
    request = pb.ListPurchasesRequest(page_size=PAGE)
    with counting("purchases", as_json) as advance:
        while True:
            answer: pb.ListPurchasesResponse = call("ListPurchases", request)
            found += answer.purchases
            advance(len(answer.purchases))
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
    if as_csv:
        write_csv(COLUMNS, ([getattr(each, name) for name in COLUMNS] for each in found))
        return
    shown = {"purchases": [as_dict(each) for each in found]}
    show(shown, as_json, lambda: _table(found))


def _table(found: list[pb.Purchase]) -> Any:
    columns = ("purchase", "on", "supplier", "reference", "buyer", "paid", "worth", "backs", "left")
    rows = (
        (
            str(p.id), p.bought_on, p.supplier, p.reference, p.buyer, _paid(p),
            usd(p.worth_nanos), usd(p.backed_nanos), usd(p.worth_nanos - p.backed_nanos),
        )
        for p in found
    )  # fmt: skip
    return table(
        columns, rows, "no purchases yet: `pedagio purchase record`",
        right=("paid", "worth", "backs", "left"), fold=("supplier", "reference", "buyer"),
    )  # fmt: skip


def _facts(found: pb.Purchase) -> Any:
    give = f"pedagio grants give AMOUNT CLIENT USER --purchase {found.id} --reason ..."
    return facts(
        ("purchase", str(found.id)), ("on", found.bought_on), ("supplier", found.supplier),
        ("reference", found.reference), ("buyer", found.buyer), ("paid", _paid(found)),
        ("worth", usd(found.worth_nanos)), ("backs", usd(found.backed_nanos)),
        ("next", give),
        ("", "was recorded already with this request id" if found.replayed else ""),
    )  # fmt: skip


def _paid(found: pb.Purchase) -> str:
    whole, cents = divmod(found.amount_cents, 100)
    return f"{'R$' if found.currency == 'BRL' else 'US$'}{whole:,}.{cents:02d}"
