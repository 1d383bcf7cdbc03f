"""Progress on the terminal: none where the answer goes to a program, or nobody looks."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

# Advance by so many.
Advance = Callable[[int], None]


@contextlib.contextmanager
def waiting(what: str, as_json: bool) -> Iterator[None]:
    """One call that may take long: a bar that moves, and for how long it has."""
    with _progress((TimeElapsedColumn(),), as_json) as progress:
        progress.add_task(what, total=None)
        yield


@contextlib.contextmanager
def counting(what: str, as_json: bool) -> Iterator[Advance]:
    """Pages of unknown number: how many rows have come."""
    with _progress((TextColumn("{task.completed:,.0f}"), TimeElapsedColumn()), as_json) as progress:
        task = progress.add_task(what, total=None)
        yield lambda count: progress.advance(task, count)


@contextlib.contextmanager
def reading(what: str, total_bytes: int, as_json: bool) -> Iterator[Advance]:
    """Files of known size: how much of them is read, and how long the rest will take."""
    with _progress((DownloadColumn(), TimeRemainingColumn()), as_json) as progress:
        task = progress.add_task(what, total=total_bytes)
        yield lambda count: progress.advance(task, count)


def _progress(columns: tuple[ProgressColumn, ...], as_json: bool) -> Progress:
    """On stderr, gone in the end: what remains is the answer."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=as_json or not console.is_terminal,
    )
