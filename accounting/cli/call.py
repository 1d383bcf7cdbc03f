"""`pedagio explain`: one call, while open or afterwards."""

from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from accounting.cli.connection import call
from accounting.cli.output import Json, facts, moment, person, show, usd
from protos.pedagio.v1 import admin_pb2 as pb


def explain(
    ref: Annotated[str, typer.Argument(metavar="REF", help="Six characters, or a hold id.")],
    as_json: Json = False,
) -> None:
    """Say what happened to a request, from the reference in its refusal.

    Example: pedagio explain 3f9a1c
    """
    answer = call("Explain", pb.ExplainRequest(ref=ref))
    show(answer, as_json, lambda: _explanations(answer.explanations))


def _explanations(found: Any) -> Any:
    """One below the other, an empty line between."""
    parts = [part for each in found for part in ("", _explanation(each))]
    return Group(*parts[1:])


def _explanation(each: pb.Explanation) -> Table:
    """Figures only where they mean something: a refusal captured nothing, a hold kept no balance."""
    decided = each.kind in {"refuse", "would_refuse"}
    available = each.posted_nanos + each.overdraft_nanos - each.held_nanos
    return facts(
        ("hold", each.hold_id),
        ("when", moment(each.at_ms)),
        ("account", _whose(each)),
        ("what", f"{each.kind}: {each.reason}"),
        ("detail", each.detail),
        ("model", each.model),
        ("wanted", usd(each.want_nanos) if each.want_nanos else ""),
        ("at least", usd(each.minimum_nanos) if each.minimum_nanos else ""),
        ("available", usd(available) if decided and each.want_nanos else ""),
        ("granted", "" if decided else usd(each.granted_nanos)),
        ("captured", "" if decided else usd(each.captured_nanos)),
        ("since closed", usd(each.late_nanos) if each.late_nanos else ""),
        ("overage", usd(each.overage_nanos) if each.overage_nanos else ""),
    )


def _whose(each: pb.Explanation) -> str:
    """Whose call it was, as far as it was known when it was decided."""
    client = each.account.client
    if not client:
        return ""
    if each.person_unknown:
        return f"client {client}, person unknown"
    return person(client, each.account.external_id)
