"""What the commands print: tables for people, JSON with stable keys for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from credit.money import exact_usd

Json = Annotated[bool, typer.Option("--json", help="Print JSON: amounts are integers in nano-USD.")]
Reason = Annotated[str, typer.Option("--reason", help="Why: it stands in the audit.")]
ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.")]
UserArgument = Annotated[
    str,
    typer.Argument(
        metavar="USER",
        default_factory=str,
        show_default=False,
        help="What the client calls the person; none where an e-mail stands for both.",
    ),
]

# A pipe has no width; tables for it are not folded before this.
PIPE_COLUMNS: Final = 200
WIDEST_COLUMNS: Final = 10_000


def as_dict(message: Message) -> dict[str, Any]:
    """Every field by its name in admin.proto, absent ones too; integers stay integers."""
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def show(body: Message | dict[str, Any], as_json: bool, render: Callable[[], Any]) -> None:
    """Print the answer as JSON, or what `render` makes of it for people."""
    if as_json:
        plain = as_dict(body) if isinstance(body, Message) else body
        typer.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    shown = render()
    columns = Console().width if sys.stdout.isatty() else PIPE_COLUMNS
    Console(width=width_for(shown, columns), highlight=False).print(shown)


def width_for(shown: Any, columns: int) -> int:
    """So wide that no figure is cut (it would look like another one); the terminal wraps what is beyond it."""
    console = Console(width=WIDEST_COLUMNS)
    return max(columns, Measurement.get(console, console.options, shown).minimum)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    empty: str,
    *,
    right: Iterable[str] = (),
    fold: Iterable[str] = (),
) -> Table | str:
    """A table, or the sentence that says there is nothing.

    `right`: columns of figures; `fold`: columns that take a second line where it is narrow, so that
    the others stay whole.
    """
    cells = list(rows)
    if not cells:
        return empty
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for number, column in enumerate(columns):
        whole = max(len(part) for row in [columns, *cells] for part in row[number].split("\n"))
        made.add_column(
            column,
            min_width=None if column in fold else whole,
            justify="right" if column in right else "left",
            no_wrap=column not in fold,
            overflow="fold",
        )
    for row in cells:
        made.add_row(*(Text(cell) for cell in row))  # Text: a reason may contain [brackets]
    return made


def facts(*pairs: tuple[str, str]) -> Table:
    """One thing, a line per fact; facts without a value are left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    for name, value in pairs:
        if value:
            made.add_row(name, Text(value))
    return made


def usd(nanos: int) -> str:
    """An amount for administrators: exact to the nano, since these are the books.

    (`credit.money.format_usd` is for the persons who spend: it shows four significant digits.)
    """
    return exact_usd(nanos)


def price(picos_per_token: int) -> str:
    """A price for people, per million tokens; the JSON has it per token in pico-USD."""
    return usd(picos_per_token * 1000)


def moment(at_ms: int) -> str:
    """A time in the zone of the person."""
    return f"{datetime.fromtimestamp(at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"


def short(text: str, limit: int = 12) -> str:
    """A text that may be long (the JSON has it whole), in at most `limit` columns."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def person(client: str, external_id: str) -> str:
    """An account in words."""
    return f"{client} / {external_id}" if external_id else f"{client} (own account)"


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    return [as_dict(each) for each in value] if field.is_repeated else as_dict(value)
