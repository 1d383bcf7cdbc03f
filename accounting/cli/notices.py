"""`pedagio notices`: what people and administrators were told; what could not be delivered is tried anew."""

from typing import Annotated, Any

import typer

from accounting.cli.connection import call
from accounting.cli.output import Json, Reason, facts, moment, show, table
from protos.pedagio.v1 import notices_pb2 as pb
from protos.pedagio.v1.notices_pb2_grpc import NoticeServiceStub

app = typer.Typer(help="What people and administrators were told.", no_args_is_help=True)


@app.command("list")
def list_notices(
    state: Annotated[str, typer.Option(help="Only pending, sent, skipped or failed ones.")] = "",
    page_size: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: Json = False,
) -> None:
    """List notices with what became of each, newest first.

    Example: pedagio notices list --state failed
    """
    request = pb.ListNoticesRequest(page_size=page_size, state=state)
    answer = call("ListNotices", request, stub=NoticeServiceStub)
    show(answer, as_json, lambda: _notices(answer.notices, state))


@app.command()
def retry(
    number: Annotated[int, typer.Argument(metavar="ID", help="From the list.", min=1)],
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Try anew what was given up: an address was mended, a relay is back.

    Example: pedagio notices retry 12 --reason 'address corrected'
    """
    request = pb.RetryNoticeRequest(id=number, reason=reason)
    answer = call("RetryNotice", request, stub=NoticeServiceStub)
    done = f"{answer.deliveries} tried anew" if answer.deliveries else "nothing: none had failed"
    show(answer, as_json, lambda: facts((f"notice {number}", done)))


@app.command("at")
def set_thresholds(
    plan: Annotated[str, typer.Argument(metavar="PLAN")],
    reason: Reason,
    percents: Annotated[
        list[int] | None, typer.Argument(metavar="[PERCENT]...", help="Used; none: nobody is told.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say at how much used credit the people of a plan are told.

    Example: pedagio notices at team 50 80 100 --reason 'earlier warning'
    """
    request = pb.SetThresholdsRequest(plan=plan, percents=percents or [], reason=reason)
    answer = call("SetThresholds", request, stub=NoticeServiceStub)
    told = ", ".join(f"{each} %" for each in answer.percents) or "never"
    show(answer, as_json, lambda: facts((f"plan {answer.plan}", f"told at {told}")))


def _notices(found: Any, state: str) -> Any:
    columns = ("id", "when", "kind", "about", "by", "state", "tries", "problem")
    rows = (
        (
            str(each.id), moment(each.created_at_ms)[5:16], each.kind, each.subject, each.channel,
            each.state, str(each.attempts), each.problem,
        )
        for each in found
    )  # fmt: skip
    empty = f"no {state} notices" if state else "no notices yet"
    return table(columns, rows, empty, right=("id", "tries"), fold=("about", "problem"))
