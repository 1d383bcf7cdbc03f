"""`pedagio models`: what may be asked for, at which prices."""

from typing import Annotated, Any, Final

import typer
from rich.console import Group

from accounting.cli.connection import call
from accounting.cli.output import Json, Reason, facts, price, short, show, table
from accounting.cli.progress import waiting
from protos.pedagio.v1 import admin_pb2 as pb

NAMES_SHOWN: Final = 10
SYNC_BOUND_S: Final = 45.0  # LiteLLM lists hundreds of models in seconds

app = typer.Typer(help="Models as LiteLLM names them, with their prices.", no_args_is_help=True)


@app.command()
def sync(reason: Reason = "asked for at the command line", as_json: Json = False) -> None:
    """Read LiteLLM's models and prices again.

    Example: pedagio models sync --reason 'new deployment'
    """
    with waiting("asking LiteLLM", as_json):
        answer = call("SyncModels", pb.SyncModelsRequest(reason=reason), SYNC_BOUND_S)
    news = "new" if answer.changed else "unchanged"
    lacking = ", ".join(answer.unpriced[:NAMES_SHOWN])
    if len(answer.unpriced) > NAMES_SHOWN:
        lacking += f" and {len(answer.unpriced) - NAMES_SHOWN} more (`pedagio models list`)"
    show(
        answer,
        as_json,
        lambda: facts(
            ("version", f"{answer.version} ({news})"),
            ("names", str(answer.names)),
            ("refused for want of a price", lacking),
        ),
    )


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the names that may be asked for; prices are per million tokens, dearest deployment.

    Example: pedagio models list
    """
    answer = call("ListModels", pb.ListModelsRequest())
    show(answer, as_json, lambda: _models(answer.models))


@app.command("price")
def show_price(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As clients ask for it.")],
    as_json: Json = False,
) -> None:
    """Show the prices of one name, deployment by deployment, per million tokens.

    Example: pedagio models price gpt-4o
    """
    answer = call("ListModels", pb.ListModelsRequest(name=name))
    show(answer, as_json, lambda: Group(*(_model(model) for model in answer.models)))


def _models(found: Any) -> Any:
    """A line for a name and for each it falls back to; deployments are what `models price` shows."""
    columns = ("name", "input", "output", "context", "limit", "falls back to")
    rows = (
        (
            model.name, *_prices(model.priced, model), _tokens(model.context_tokens),
            _tokens(model.max_output_tokens), "\n".join(model.fallbacks),
        )
        for model in found
    )  # fmt: skip
    empty = "no models yet: `pedagio models sync` reads them from LiteLLM"
    return table(columns, rows, empty, right=columns[1:5], fold=("name", "falls back to"))


def _model(model: pb.Model) -> Any:
    columns = ("deployment", "model", "input", "output", "price")
    rows = (
        (short(each.model_id), each.model, *_prices(each.priced, each), _source(each))
        for each in model.deployments
    )
    dearest, dearest_output = _prices(model.priced, model)
    summary = facts(
        ("name", model.name),
        ("dearest input", dearest),
        ("dearest output", dearest_output),
        ("context", _tokens(model.context_tokens)),
        ("output limit", _tokens(model.max_output_tokens)),
        ("minimum answer", _tokens(model.min_output_tokens)),
        ("falls back to", ", ".join(model.fallbacks)),
    )
    shown = table(
        columns, rows, "no deployments", right=("input", "output"), fold=("model", "price")
    )
    return Group(summary, shown)


def _prices(priced: bool, either: pb.Model | pb.ModelDeployment) -> tuple[str, str]:
    if not priced:
        return "no price", "no price"
    return price(either.input_picos), price(either.output_picos)


def _source(deployment: pb.ModelDeployment) -> str:
    if not deployment.priced:
        return "none: the name is refused"
    if deployment.house:
        return "set here (pedagio prices): debited whatever LiteLLM says"
    return "set in LiteLLM's configuration" if deployment.custom_price else "as LiteLLM bills it"


def _tokens(count: int) -> str:
    return f"{count:,}" if count else "unknown"
