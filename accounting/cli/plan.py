"""`pedagio plan`: what renews credit each day, week or month."""

from typing import Annotated, Any

import typer

from accounting.cli.amount import BrlPerUsd, read_amount
from accounting.cli.grants import credit_facts
from accounting.cli.holder import HolderClient, HolderUser, PoolOption, read_holder
from accounting.cli.output import Json, Reason, as_dict, facts, show, table, usd
from accounting.cli.plan_service import call
from protos.pedagio.v1 import plans_pb2 as pb

app = typer.Typer(help="Plans: allowances that come each period.", no_args_is_help=True)
PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id.")]


@app.command("put")
def put_plan(
    plan: PlanArgument,
    reason: Reason,
    allowance: Annotated[str, typer.Option(help="Each period: 'US$20', 'R$ 50' or 500cr.")] = "",
    period: Annotated[str, typer.Option(help="day, week or month (month).")] = "",
    zone: Annotated[str, typer.Option(help="Whose midnight counts (America/Sao_Paulo).")] = "",
    rollover: Annotated[str, typer.Option(help="none, capped or all of what is left (none).")] = "",
    rollover_cap: Annotated[str, typer.Option(help="The most that rolls over, if capped.")] = "",
    whole_first_period: Annotated[
        bool | None,
        typer.Option(
            "--whole-first-period/--part-of-first-period",
            help="Who joins in mid-period gets all of it, or the part left (the part).",
        ),
    ] = None,
    priority: Annotated[int | None, typer.Option(help="Smaller burns first (100).")] = None,
    shadow: Annotated[
        bool | None,
        typer.Option("--shadow/--no-shadow", help="Watch its people only, refuse nothing."),
    ] = None,
    brl_per_usd: BrlPerUsd = "",
    as_json: Json = False,
) -> None:
    """Make a plan, or give it other terms: these count from each account's next period on.

    What is not named stays as the plan has it; a new plan has what stands in brackets.

    Example: pedagio plan put team --allowance 'US$20' --reason 'budget 2027'
    """
    wanted = _terms(plan)
    named = {
        "allowance_nanos": read_amount(allowance, brl_per_usd) if allowance else None,
        "period": period or None,
        "time_zone": zone or None,
        "rollover": rollover or None,
        "rollover_cap_nanos": read_amount(rollover_cap, brl_per_usd) if rollover_cap else None,
        "whole_first_period": whole_first_period,
        "priority": priority,
        "shadow": shadow,
    }
    if rollover and rollover != "capped":
        wanted.rollover_cap_nanos = 0
    for term, value in named.items():
        if value is not None:
            setattr(wanted, term, value)
    answer = call("PutPlan", pb.PutPlanRequest(plan=wanted, reason=reason))
    show(answer, as_json, lambda: _plan(answer))


@app.command("list")
def list_plans(as_json: Json = False) -> None:
    """Show all plans.

    Example: pedagio plan list
    """
    answer = call("ListPlans", pb.ListPlansRequest())
    show({"plans": [as_dict(each) for each in answer.plans]}, as_json, lambda: _plans(answer.plans))


@app.command("show")
def show_plan(plan: PlanArgument, as_json: Json = False) -> None:
    """Show the terms of a plan.

    Example: pedagio plan show team
    """
    answer = call("GetPlan", pb.GetPlanRequest(id=plan))
    show(answer, as_json, lambda: _plan(answer))


@app.command("assign")
def assign_plan(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id; -: no plan.")],
    reason: Reason,
    client: HolderClient = "",
    user: HolderUser = "",
    pool: PoolOption = "",
    now: Annotated[
        bool, typer.Option(help="An upgrade counts at once, by its part of this period.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put somebody on a plan: who had none begins at once, others' credit with the next period, its policy at once.

    Example: pedagio plan assign team librechat maria --reason 'joined sales'
    """
    request = pb.AssignPlanRequest(
        holder=read_holder(client, user, pool), plan="" if plan == "-" else plan, now=now,
        reason=reason,
    )  # fmt: skip
    answer = call("AssignPlan", request)
    show(answer, as_json, lambda: credit_facts(answer))


def _terms(plan: str) -> pb.Plan:
    """As they are; of a plan that is not there yet, those of a new one."""
    answer: pb.ListPlansResponse = call("ListPlans", pb.ListPlansRequest())
    for present in answer.plans:
        if present.id == plan:
            return present
    return pb.Plan(
        id=plan, period="month", time_zone="America/Sao_Paulo", rollover="none", priority=100
    )


def _plans(plans: Any) -> Any:
    columns = ("plan", "each", "allowance", "rollover", "zone", "accounts")
    rows = (
        (p.id, p.period, usd(p.allowance_nanos), _rollover(p), p.time_zone, str(p.accounts))
        for p in plans
    )
    return table(columns, rows, "no plans yet", right=("allowance", "accounts"))


def _plan(plan: pb.Plan) -> Any:
    first = "all of it" if plan.whole_first_period else "the part that is left"
    return facts(
        ("plan", plan.id),
        ("allowance", f"{usd(plan.allowance_nanos)} each {plan.period}"),
        ("zone", plan.time_zone),
        ("rollover", _rollover(plan)),
        ("joining in mid-period", first),
        ("priority", str(plan.priority)),
        ("mode", "shadow: its people are watched only" if plan.shadow else ""),
        ("accounts", str(plan.accounts)),
        ("policy", f"pedagio policy show plan:{plan.id}"),
    )


def _rollover(plan: pb.Plan) -> str:
    capped = plan.rollover == "capped"
    return f"up to {usd(plan.rollover_cap_nanos)}" if capped else plan.rollover
