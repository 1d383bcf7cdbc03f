"""`pedagio people import`: a file of people as one batch, and its undoing."""

import uuid
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group

from accounting.cli import connection
from accounting.cli.amount import BrlPerUsd
from accounting.cli.dry_run import WAITS, attempt
from accounting.cli.output import Json, Reason, as_dict, facts, moment, show, table, usd
from accounting.cli.progress import waiting
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub

call: Final = partial(connection.call, stub=PeopleServiceStub)
BOUND_S: Final = 120.0  # thousands of people
Batch = Annotated[int, typer.Argument(metavar="BATCH", help="The import's number.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")]


def import_people(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV: email, name, plan, team, credit, ...")
    ],
    reason: Reason,
    partial_list: Annotated[
        bool, typer.Option("--partial", help="Who is not in the file stays.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="What looks like a slip is meant.")
    ] = False,
    dry_run: DryRun = False,
    request_id: Annotated[str, typer.Option(help="The same twice is one import.")] = "",
    brl_per_usd: BrlPerUsd = "",
    as_json: Json = False,
) -> None:
    """Bring the people to what a file says, as one batch that can be undone.

    Example: pedagio people import people.csv --dry-run --reason 'December'
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        connection.fail(f"{file} cannot be read ({type(error).__name__})")
    request = pb.ImportPeopleRequest(
        file=content, partial=partial_list, force=force, dry_run=dry_run, reason=reason,
        brl_per_usd=brl_per_usd, request_id=request_id or str(uuid.uuid4()),
    )  # fmt: skip
    with waiting("importing", as_json):
        answer = call("ImportPeople", request, BOUND_S)
        body = as_dict(answer)
        if dry_run:
            body["proposed"] = _would_wait(request, answer)
    show(body, as_json, lambda: _diff(answer, dry_run=dry_run))
    if body.get("proposed") and not as_json:
        typer.echo(WAITS)


def undo(batch: Batch, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Take back what is left of an import: credit, plans, teams, people.

    Example: pedagio people undo 3 --reason 'the wrong file'
    """
    request = pb.UndoImportRequest(batch=batch, dry_run=dry_run, reason=reason)
    with waiting("undoing", as_json):
        answer = call("UndoImport", request, BOUND_S)
    show(
        answer,
        as_json,
        lambda: facts(
            ("import", f"{answer.batch} {'would be' if dry_run else 'is'} undone"),
            ("removed", str(answer.removed)),
            ("suspended", str(answer.suspended)),
            ("restored", str(answer.restored)),
            ("credit taken back", usd(answer.revoked_nanos)),
            ("kept as they are", "\n".join(answer.kept)),
        ),
    )


def list_imports(as_json: Json = False) -> None:
    """List the imports, newest first.

    Example: pedagio people imports
    """
    answer = call("ListImports", pb.ListImportsRequest())
    columns = ("import", "at", "by", "people", "undone", "reason")
    rows = (
        (
            str(b.id), moment(b.imported_at_ms), b.actor, str(b.people),
            moment(b.undone_at_ms) if b.undone_at_ms else "", b.reason,
        )
        for b in answer.imports
    )  # fmt: skip
    show(answer, as_json, lambda: table(columns, rows, "no imports yet", fold=("reason",)))


def _would_wait(request: pb.ImportPeopleRequest, answer: pb.ImportPeopleResponse) -> bool:
    """Whether so much credit takes a second administrator; a file that is refused takes none."""
    if not answer.changes or (answer.doubts and not request.force):
        return False
    return attempt("ImportPeople", request, BOUND_S).answer is None


def _diff(answer: pb.ImportPeopleResponse, *, dry_run: bool) -> Any:
    kinds = [each.change for each in answer.changes]
    counts = ", ".join(
        f"{kinds.count(kind)} {kind}" for kind in ("new", "moved", "back", "left") if kind in kinds
    )
    rows = (
        (
            each.change, each.email, "; ".join(each.fields),
            usd(each.credit_nanos) if each.credit_nanos else "",
        )
        for each in answer.changes
    )  # fmt: skip
    done = f"{answer.batch}: `pedagio people undo {answer.batch}` takes it back"
    return Group(
        table(
            ("", "email", "changes", "credit"), rows, "nothing to change", right=("credit",),
            fold=("email", "changes"),
        ),
        "",
        facts(
            ("people", ", ".join(filter(None, (counts, f"{answer.unchanged} unchanged")))),
            ("credit given", usd(answer.credit_nanos) if answer.credit_nanos else ""),
            ("new teams", ", ".join(answer.new_pools)),
            ("needs --force", "\n".join(answer.doubts)),
            ("import", "nothing was written (--dry-run)" if dry_run else done if answer.batch else ""),
            ("", "was done already with this request id" if answer.replayed else ""),
        ),
    )  # fmt: skip
