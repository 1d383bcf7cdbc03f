"""`pedagio audit`: whether the books keep every promise, now."""

from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.text import Text

from accounting.cli.connection import call
from accounting.cli.output import Json, facts, person, show, table
from accounting.cli.progress import waiting
from protos.pedagio.v1 import admin_pb2 as pb

RECENT_BOUND_S: Final = 120.0
WHOLE_BOUND_S: Final = 3600.0
SHOWN: Final = 10


def audit(
    recent: Annotated[
        bool, typer.Option("--recent", help="Only what changed lately, as each minute does.")
    ] = False,
    known: Annotated[
        str, typer.Option("--known", help="A head digest written down earlier: it must be there.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Recompute the books; exit 1 where a promise is broken. What is broken is frozen.

    Example: pedagio audit
    """
    request = pb.RunAuditRequest(recent=recent, known_digest=known)
    bound_s = RECENT_BOUND_S if recent else WHOLE_BOUND_S
    with waiting("looking at the books", as_json):
        answer = call("RunAudit", request, bound_s)
    show(answer, as_json, lambda: _report(answer))
    if any(invariant.violated for invariant in answer.invariants):
        raise typer.Exit(1)


def _report(answer: pb.RunAuditResponse) -> Group:
    """A line for an invariant; below, the first things that are wrong with each."""
    columns = ("promise", "what must hold", "checked", "violated")
    rows = (
        (each.name, each.promise, f"{each.checked:,}", str(each.violated) if each.violated else "")
        for each in answer.invariants
    )
    shown = table(columns, rows, "no invariants", right=columns[2:], fold=("what must hold",))
    summary = facts(
        ("took", f"{answer.took_ms / 1000:.1f} s"),
        ("verified", f"{answer.seals:,} of {answer.head_number + 1:,} links of the seal, from 0"),
        ("head", f"{answer.head_number} {answer.head_digest}"),
    )
    return Group(shown, *_violations(answer), "", summary)


def _violations(answer: pb.RunAuditResponse) -> list[Any]:
    lines: list[str] = []
    for invariant in answer.invariants:
        lines += [
            f"{invariant.name}: {each.subject}: {each.detail}{_whose(each)}"
            for each in invariant.violations[:SHOWN]
        ]
        if invariant.violated > SHOWN:
            lines.append(
                f"{invariant.name}: and {invariant.violated - SHOWN} more (--json has them)"
            )
    return ["", *map(Text, lines)] if lines else []


def _whose(violation: pb.Violation) -> str:
    """By the name that the other commands take; what is about no account has none."""
    if not violation.account_id:
        return ""
    name = violation.account
    named = person(name.client, name.external_id) if name.client else str(violation.account_id)
    return f" ({named} is frozen)" if violation.frozen else f" ({named})"
