"""`--dry-run`: what a write would change, before and after, on every command that changes something."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from accounting.cli import connection
from accounting.cli.output import as_dict, moment, price, show, table, usd
from protos.pedagio.v1 import trials_pb2 as pb
from protos.pedagio.v1.trials_pb2_grpc import TrialServiceStub

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
NAME: Final = "dry_run"
WAITS: Final = "it would wait for a second administrator (pedagio approvals)"
ENDINGS: Final = {"_nanos": usd, "_ms": moment, "_picos": price}


@dataclass(frozen=True, slots=True)
class Tried:
    """What a write would answer and change; `answer` None: it would wait for somebody else."""

    answer: Any
    differences: list[pb.Difference]

    @property
    def plain(self) -> dict[str, Any]:
        """For programs: amounts as the service writes them."""
        return {
            "dry_run": True,
            "proposed": self.answer is None,
            "differences": [as_dict(each) for each in self.differences],
            "answer": None if self.answer is None else as_dict(self.answer),
        }


def attempt(method: str, request: Any, bound_s: float = connection.CALL_BOUND_S) -> Tried:
    """Try a write; on any error, which is the write's, a sentence on stderr, exit code 1."""
    described = _described(method, request)
    name = f"{described.containing_service.name}/{method}"
    asked = pb.TryRequest(method=name, request=request.SerializeToString())
    found = connection.call("Try", asked, bound_s, stub=TrialServiceStub)
    answer = None
    if not found.proposed:
        answer = GetMessageClass(described.output_type).FromString(found.answer)
    return Tried(answer, list(found.differences))


def offer(app: typer.Typer) -> None:
    """Give each command that changes something the option, unless it has one that tells more."""
    for info in _commands(app):
        assert info.callback is not None
        parameters = inspect.signature(info.callback).parameters
        if "reason" in parameters and NAME not in parameters:
            info.callback = _with_option(info.callback)


def _commands(app: typer.Typer) -> Iterator[Any]:
    yield from app.registered_commands
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _commands(group.typer_instance)


class _EndedError(Exception):
    """The command has come to its write, which was tried."""

    def __init__(self, tried: Tried) -> None:
        super().__init__()
        self.tried = tried


def _stop(method: str, request: Any, bound_s: float) -> Any:
    raise _EndedError(attempt(method, request, bound_s))


def _with_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, with one option more; where it is given, its first write is tried, and it ends."""

    @functools.wraps(command)
    def wrapped(*, dry_run: bool = False, **arguments: Any) -> Any:
        if not dry_run:
            return command(**arguments)

        try:
            with connection.writes_become(_stop):
                return command(**arguments)
        except _EndedError as end:
            tried = end.tried
            show(tried.plain, bool(arguments.get("as_json")), lambda: told(tried))

    signature = inspect.signature(command)
    option = inspect.Parameter(
        NAME, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DryRun
    )
    wrapped.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), option]
    )
    wrapped.__annotations__ = {**command.__annotations__, NAME: DryRun}
    return wrapped


def told(tried: Tried) -> Any:
    """For people: each field that would be another one."""
    if tried.answer is None:
        return f"nothing was changed (--dry-run); {WAITS}"
    columns = ("nothing was changed (--dry-run); it would be", "before", "after")
    rows = (
        (_shown(each.path), _value(each.path, each.before), _value(each.path, each.after))
        for each in tried.differences
    )
    empty = "nothing was changed (--dry-run), nor would anything be"
    return table(columns, rows, empty, fold=columns)


def _shown(path: str) -> str:
    """A path in words: the unit stands with the value."""
    for ending in ENDINGS:
        path = path.removesuffix(ending)
    return path.replace("_", " ")


def _value(path: str, value: str) -> str:
    """With its unit; `-`: there is none."""
    for ending, render in ENDINGS.items():
        if path.endswith(ending) and value.lstrip("-").isdecimal():
            return "-" if ending == "_ms" and value == "0" else render(int(value))
    return value or "-"


def _described(method: str, request: Message) -> Any:
    """A method of the service that takes this request, as its proto says it."""
    for service in request.DESCRIPTOR.file.services_by_name.values():
        found = service.methods_by_name.get(method)
        if found is not None and found.input_type == request.DESCRIPTOR:
            return found
    raise LookupError(f"{method} takes no {request.DESCRIPTOR.name}")
