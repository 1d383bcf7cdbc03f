"""`pedagio explain`: one call, while open or afterwards."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from accounting.cli.connection import call, fail
from accounting.cli.output import Json, as_dict, facts, moment, person, show, usd
from accounting.cli.progress import waiting
from protos.pedagio.v1 import admin_pb2 as pb
from protos.pedagio.v1 import reports_pb2 as reports
from protos.pedagio.v1.reports_pb2_grpc import ReportServiceStub


def explain(
    ref: Annotated[str, typer.Argument(metavar="[REF]", help="Six characters, or a hold id.")] = "",
    who: Annotated[
        str, typer.Option("--person", help="E-mail, account number, or the client's name for them.")
    ] = "",
    last: Annotated[bool, typer.Option("--last", help="The person's newest refusal.")] = False,
    as_json: Json = False,
) -> None:
    """Say what happened to a request, from the reference in its refusal; decide it again.

    Example: pedagio explain 3f9a1c (or: pedagio explain --person maria@example.com --last)
    """
    if bool(ref) == bool(who) or bool(who) != last:
        fail("name a reference, or a person with --person WHO --last")
    with waiting("deciding again", as_json):
        asked = reports.RecomputeRequest(ref=ref, person=who)
        again = call("Recompute", asked, stub=ReportServiceStub)
    ref = ref or again.recomputations[0].hold_id
    answer = call("Explain", pb.ExplainRequest(ref=ref))
    body = as_dict(answer) | as_dict(again)
    verdicts = {(each.hold_id, each.kind): each.sentence for each in again.recomputations}
    show(body, as_json, lambda: _explanations(answer.explanations, verdicts))


def _explanations(found: Any, verdicts: Mapping[tuple[str, str], str]) -> Any:
    """One below the other, an empty line between."""
    parts = [
        part
        for each in found
        for part in ("", _explanation(each, verdicts.get((each.hold_id, each.kind), "")))
    ]
    return Group(*parts[1:])


def _explanation(each: pb.Explanation, verdict: str) -> Table:
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
        ("again", verdict),
    )


def _whose(each: pb.Explanation) -> str:
    """Whose call it was, as far as it was known when it was decided."""
    client = each.account.client
    if not client:
        return ""
    if each.person_unknown:
        return f"client {client}, person unknown"
    return person(client, each.account.external_id)
