"""`pedagio prices`: the price books, what a file would change, and putting it in force."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group

from accounting.cli.connection import call, fail
from accounting.cli.output import Json, Reason, facts, moment, price, show, table
from accounting.cli.progress import waiting
from protos.pedagio.v1 import prices_pb2 as pb
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub

BOUND_S: Final = 60.0  # an import asks LiteLLM for its models too
LIMIT_BYTES: Final = 16 * 1024 * 1024
NAMES_SHOWN: Final = 10

app = typer.Typer(help="The price books, and files of prices.", no_args_is_help=True)
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="In the format of LiteLLM's price file.")
]
EffectiveAt = Annotated[
    str,
    typer.Option("--effective-at", help="From when on: 2026-12-01T00:00, your time zone or given."),
]
Force = Annotated[bool, typer.Option("--force", help="Changes of tenfold or more are meant.")]
RequestId = Annotated[str, typer.Option("--request-id", help="The same twice is one import.")]


@app.command("list")
def list_books(as_json: Json = False) -> None:
    """List the price books, newest first.

    Example: pedagio prices list
    """
    answer = call("List", pb.ListBooksRequest(), stub=PriceServiceStub)
    show(answer, as_json, lambda: _books(answer.books))


@app.command()
def diff(file: File, effective_at: EffectiveAt = "", as_json: Json = False) -> None:
    """Say what a file would change; nothing is written.

    Example: pedagio prices diff prices.json
    """
    request = pb.DiffRequest(file=_bytes(file), effective_at_ms=epoch_ms(effective_at))
    answer = call("Diff", request, BOUND_S, stub=PriceServiceStub)
    show(answer, as_json, lambda: _diff(answer))


@app.command("import")
def import_prices(
    file: File,
    reason: Reason,
    effective_at: EffectiveAt = "",
    force: Force = False,
    request_id: RequestId = "",
    as_json: Json = False,
) -> None:
    """Put the prices of a file in force, at once or from a moment on.

    Example: pedagio prices import prices.json --reason 'list of December'
    """
    request = pb.ImportRequest(
        file=_bytes(file),
        effective_at_ms=epoch_ms(effective_at),
        force=force,
        reason=reason,
        request_id=request_id or str(uuid.uuid4()),
    )
    with waiting("importing", as_json):
        answer = call("Import", request, BOUND_S, stub=PriceServiceStub)
    show(answer, as_json, lambda: Group(_diff(answer.diff), "", _imported(answer)))


def _imported(answer: pb.ImportResponse) -> Any:
    news = "new" if answer.imported else "was there already"
    return facts(
        ("price book", f"{answer.version} ({news})"),
        ("in force from", moment(answer.effective_at_ms)),
        ("model map", str(answer.map_version) if answer.map_version else ""),
        ("not used yet", answer.not_yet),
    )


def _books(found: Any) -> Any:
    columns = ("version", "state", "from", "written", "models", "source")
    rows = (
        (
            str(book.version), book.state.replace("_", " "), moment(book.effective_at_ms),
            moment(book.imported_at_ms), f"{book.models:,}",
            "imported" if book.imported else "LiteLLM's price file",
        )
        for book in found
    )  # fmt: skip
    empty = "no price book yet: `pedagio models sync` reads LiteLLM's"
    return table(columns, rows, empty, right=("version", "models"))


def _diff(found: pb.PriceDiff) -> Any:
    """Prices per million tokens; those that need --force are marked."""
    columns = ("model", "price", "old", "new", "change", "")
    rows = (
        (
            each.model, each.field,
            "-" if each.kind == "named" else price(each.old_picos),
            "-" if each.kind == "unnamed" else price(each.new_picos),
            f"{each.percent:+,} %" if each.percent else "",
            "needs --force" if each.needs_force else "",
        )
        for each in found.changed
    )  # fmt: skip
    empty = "the prices in force already" if found.same else "no price changes"
    summary = facts(
        ("against book", str(found.against_version) if found.against_version else "none yet"),
        ("models priced", f"{found.models:,}"),
        ("added", _names(found.added)),
        ("removed", _names(found.removed)),
        ("needs --force", f"no price any more: {_names(found.losing)}" if found.losing else ""),
    )
    right = ("old", "new", "change")
    return Group(summary, "", table(columns, rows, empty, right=right, fold=("model", "price")))


def _names(found: Any) -> str:
    more = len(found) - NAMES_SHOWN
    return ", ".join(found[:NAMES_SHOWN]) + (f" and {more} more (--json)" if more > 0 else "")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            fail(f"{path} is larger than {LIMIT_BYTES // 1024 // 1024} MB")
        return path.read_bytes()
    except OSError as error:
        fail(f"{path} cannot be read ({type(error).__name__})")


def epoch_ms(text: str) -> int:
    """A moment as it was typed, 0 for none; a sentence and exit code 1 where it is no time."""
    if not text:
        return 0
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp()) * 1000
    except (ValueError, OverflowError, OSError):
        fail(
            f"--effective-at {text!r} is no time: write 2026-12-01T00:00 or 2026-12-01T00:00-03:00"
        )
