"""`pedagio prices override`: the price of one name, set here in place of what LiteLLM says."""

import uuid
from typing import Annotated, Any, Final

import typer
from rich.console import Group

from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.connection import call, fail
from accounting.cli.output import Json, Reason, facts, moment, price, show, table
from accounting.cli.prices import BOUND_S, EffectiveAt, RequestId, epoch_ms
from protos.pedagio.v1 import prices_pb2 as pb
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub

NANOS_PER_PICO_PRICE: Final = (
    1000  # nano-USD per million tokens = a thousandth of pico-USD per token
)

Model = Annotated[
    str,
    typer.Argument(help="As clients ask for it; '*': each name without a price of its own."),
]
PerMillion = Annotated[str, typer.Option(help="Per million tokens, as US$3.")]
Force = Annotated[bool, typer.Option("--force", help="Tenfold, free, or unknown is meant.")]
Tokens = Annotated[int, typer.Option(min=0, help="In tokens; 0: what LiteLLM says of the model.")]


def override(
    model: Model,
    reason: Reason,
    input_: Annotated[str, typer.Option("--input", help="Per million tokens, as US$3.")] = "",
    output: PerMillion = "",
    cached: Annotated[str, typer.Option(help="Per million cached tokens; else as input.")] = "",
    context: Tokens = 0,
    max_output: Tokens = 0,
    end: Annotated[bool, typer.Option("--end", help="LiteLLM's own price holds again.")] = False,
    effective_at: EffectiveAt = "",
    force: Force = False,
    brl_per_usd: BrlPerUsd = "",
    request_id: RequestId = "",
    as_json: Json = False,
) -> None:
    """Set the price of one name: it is held and debited, whatever LiteLLM says.

    Example: pedagio prices override our-llama --input 'US$0.20' --output 'US$0.60' --reason 'own GPU'
    """
    if end == bool(input_ or output):
        fail("give --input and --output, or --end")
    own = None
    if not end:
        if not (input_ and output):
            fail("give both --input and --output (US$0 where it costs nothing)")
        own = pb.OwnPrice(
            input_picos=_picos("--input", input_, brl_per_usd),
            output_picos=_picos("--output", output, brl_per_usd),
            cached_picos=_picos("--cached", cached, brl_per_usd) if cached else None,
            context_tokens=context,
            max_output_tokens=max_output,
        )
    request = pb.OverrideRequest(
        model=model,
        price=own,
        effective_at_ms=epoch_ms(effective_at),
        force=force,
        reason=reason,
        request_id=request_id or str(uuid.uuid4()),
    )
    answer = call("Override", request, BOUND_S, stub=PriceServiceStub)
    show(answer, as_json, lambda: _changed(request, answer))


def list_overrides(as_json: Json = False) -> None:
    """List the prices set here, newest first.

    Example: pedagio prices overrides
    """
    answer = call("ListOverrides", pb.ListOverridesRequest(), stub=PriceServiceStub)
    show(answer, as_json, lambda: _overrides(answer.overrides))


def _picos(option: str, amount: str, brl_per_usd: str) -> int:
    nanos = read_amount(amount, brl_per_usd)
    if nanos % NANOS_PER_PICO_PRICE:
        fail(f"{option} {amount}: finer than US$0.000001 per million tokens")
    return nanos // NANOS_PER_PICO_PRICE


def _changed(request: pb.OverrideRequest, answer: pb.OverrideResponse) -> Any:
    before = _price(answer.before) if answer.HasField("before") else "LiteLLM's"
    after = _price(request.price) if request.HasField("price") else "LiteLLM's"
    if not answer.changed:
        return facts((request.model, after), ("change", "none: so it is already"))
    return Group(
        facts(
            (request.model, f"{before} -> {after}"),
            ("change", str(answer.version)),
            ("in force from", moment(answer.effective_at_ms) if answer.effective_at_ms else "at once"),
            ("model map", str(answer.map_version) if answer.map_version else ""),
            ("not used yet", answer.not_yet),
        )
    )  # fmt: skip


def _price(own: pb.OwnPrice) -> str:
    cached = f", cached {price(own.cached_picos)}" if own.HasField("cached_picos") else ""
    return f"{price(own.input_picos)} in{cached}, {price(own.output_picos)} out"


def _overrides(found: Any) -> Any:
    columns = ("version", "state", "model", "price per million", "from", "by", "reason")
    rows = (
        (
            str(each.version), each.state.replace("_", " "), each.model,
            _price(each.price) if each.HasField("price") else "LiteLLM's again",
            moment(each.effective_at_ms), each.changed_by, each.reason,
        )
        for each in found
    )  # fmt: skip
    empty = "no prices are set here: `pedagio prices override`"
    fold = ("model", "price per million", "by", "reason")
    return table(columns, rows, empty, right=("version",), fold=fold)
