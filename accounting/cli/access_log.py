"""`pedagio access-log`: Envoy's own file as the second source of how calls ended."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from accounting.cli.connection import call, fail
from accounting.cli.dry_run import attempt
from accounting.cli.log_lines import STDIN, Line, LogFile
from accounting.cli.output import Json, facts, show
from accounting.cli.progress import Advance, reading
from protos.pedagio.v1 import admin_pb2 as pb

BATCH_LINES: Final = 500  # what the service takes at once
PLACES_SHOWN: Final = 20

app = typer.Typer(help="How calls ended, by Envoy's access log.", no_args_is_help=True)


@app.callback()
def access_log() -> None:
    """How calls ended, by Envoy's access log."""


@dataclass(slots=True)
class Summary:
    """What became of the lines; `unreadable` as file:line, counted from 1."""

    lines: int = 0
    recorded: int = 0
    duplicates: int = 0
    skipped: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def readable(self) -> int:
        """Lines that said something, be it of somebody else; an empty file has none."""
        return self.recorded + self.duplicates + self.skipped

    def add(self, batch: list[Line], answer: pb.ReplayAccessLogResponse) -> None:
        """Count what the service said of one batch."""
        self.recorded += answer.recorded
        self.duplicates += answer.duplicates
        self.skipped += answer.skipped
        self.unreadable += [batch[position].place for position in answer.unreadable]


def _existing(files: list[Path]) -> list[Path]:
    """As typer would check it, if it knew `-` in a list of files."""
    for path in files:
        if path != STDIN and not path.exists():
            raise typer.BadParameter(f"file {str(path)!r} does not exist.")
    return files


@app.command()
def replay(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            callback=_existing,
            dir_okay=False,
            readable=True,
            help="Envoy's JSON lines, as they are or compressed by gzip; - reads stdin.",
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be booked; book nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Book from Envoy's log files what accounting missed; safe to repeat. Exit 1 if nothing was readable.

    Example: pedagio access-log replay envoy.log envoy.log.1.gz
    """  # fmt: skip
    summary, dark = Summary(), list[str]()
    total = sum(path.stat().st_size for path in files if path != STDIN)
    with reading("replaying", total, as_json) as advance:
        for path in files:
            if not _replay_file(LogFile(path), summary, advance, dry_run=dry_run):
                dark.append(str(path))
    show(_plain(summary), as_json, lambda: _table(summary, len(files), dry_run=dry_run))
    if dark:
        fail(f"nothing could be read in {', '.join(dark)}: is it Envoy's log?")


def _replay_file(file: LogFile, summary: Summary, advance: Advance, *, dry_run: bool) -> bool:
    """Whether a line of it could be read; in an empty file there is none to read."""
    done, before = 0, summary.readable
    for batch in _batches(file.lines()):
        summary.lines += len(batch)
        readable = [line for line in batch if line.readable]
        summary.unreadable += [line.place for line in batch if not line.readable]
        request = pb.ReplayAccessLogRequest(lines=[line.text for line in readable])
        summary.add(readable, _booked(request, dry_run=dry_run))
        advance(file.position - done)
        done = file.position
    return summary.readable > before


def _booked(request: pb.ReplayAccessLogRequest, *, dry_run: bool) -> Any:
    """What became of the lines, or would."""
    if dry_run:
        return attempt("ReplayAccessLog", request).answer
    return call("ReplayAccessLog", request)


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, BATCH_LINES)):
        yield batch


def _plain(summary: Summary) -> dict[str, Any]:
    return {
        "lines": summary.lines,
        "recorded": summary.recorded,
        "duplicates": summary.duplicates,
        "not_ours": summary.skipped,
        "unreadable": summary.unreadable,
    }


def _table(summary: Summary, files: int, *, dry_run: bool) -> Any:
    shown = ", ".join(summary.unreadable[:PLACES_SHOWN])
    if len(summary.unreadable) > PLACES_SHOWN:
        shown += f" and {len(summary.unreadable) - PLACES_SHOWN} more (--json has all)"
    where = f": {shown}" if shown else ""
    return facts(
        ("files", f"{files:,}"),
        ("lines", f"{summary.lines:,}"),
        ("would be recorded" if dry_run else "recorded", f"{summary.recorded:,}"),
        ("already there", f"{summary.duplicates:,}"),
        ("not about a held call", f"{summary.skipped:,}"),
        ("unreadable", f"{len(summary.unreadable):,}{where}"),
    )
