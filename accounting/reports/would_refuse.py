"""What enforcement would have refused, reason by reason, as lines of the readiness report."""

import json
import shlex
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from accounting.admin.policies import Subject, in_force, of_person
from accounting.reports import statements
from accounting.reports.lines import WHY, Line, Row, counted, person, some, words
from credit.refusal import Reason

SHORT: Final = (Reason.INSUFFICIENT_CREDIT, Reason.REQUEST_TOO_LARGE)
OTHERS: Final = (
    Reason.MODEL_NOT_ALLOWED,
    Reason.IDENTITY_MISSING,
    Reason.BAD_REQUEST,
    Reason.ACCOUNT_SUSPENDED,
    Reason.CREDIT_IN_FLIGHT,
    Reason.ENFORCEMENT_UNAVAILABLE,
)
Whose = Sequence[int] | None


async def credit_lines(pool: asyncpg.Pool, days: int, whose: Whose) -> list[Line]:
    """Credit, pools, caps. What people chose themselves is said only: they want it so."""
    short = await _list_short(pool, days, whose, SHORT)
    drained = await _list_short(pool, days, whose, (Reason.POOL_EXHAUSTED,))
    capped = await statements.rows(pool, "list_capped", days=days, cohort=whose)
    house, own = [r for r in capped if not r["own"]], [r for r in capped if r["own"]]
    return [
        _refused("people", short, "nobody would be refused for credit", _give),
        _refused("pools", drained, "no team would run out", _fill),
        _refused("caps", house, "no cap would stop anybody", _raise_cap),
        _refused("own limits", own, "no limit of their own would stop anybody", _raise_own, blocks=False),
    ]  # fmt: skip


async def other_lines(pool: asyncpg.Pool, days: int, whose: Whose) -> list[Line]:
    """Everything that is not about credit, or ends by itself."""
    found = await statements.rows(
        pool, "list_would_refuse", days=days, cohort=whose, reasons=list(OTHERS)
    )
    of = {reason: [row for row in found if row["reason"] == reason] for reason in OTHERS}
    return [
        await _policies(pool, of[Reason.MODEL_NOT_ALLOWED]),
        _identity(of[Reason.IDENTITY_MISSING]),
        _requests(of[Reason.BAD_REQUEST]),
        _accounts(of[Reason.ACCOUNT_SUSPENDED]),
        _busy(of[Reason.CREDIT_IN_FLIGHT]),
        _away(of[Reason.ENFORCEMENT_UNAVAILABLE]),
    ]


async def _list_short(
    pool: asyncpg.Pool, days: int, whose: Whose, reasons: Sequence[Reason]
) -> Sequence[Row]:
    return await statements.rows(pool, "list_short", days=days, cohort=whose, reasons=list(reasons))


def _refused(
    name: str, rows: Sequence[Row], ready: str, mend: Callable[[Row], str], *, blocks: bool = True
) -> Line:
    """`ready`: what is said where there is nobody; `mend`: the command for one of them."""
    if not rows:
        return Line(name, ready, ready=True, blocks=blocks)
    people = len({row["account_id"] for row in rows})
    finding = f"{counted(people, 'person', 'people')} would be refused: {some(map(person, rows))}"
    return Line(name, finding, f"{mend(rows[0])} {WHY}", blocks=blocks)


def _give(row: Row) -> str:
    return f"pedagio grant {words(row)} AMOUNT"


def _fill(row: Row) -> str:
    return f"pedagio grants give AMOUNT --pool {row['pool']}" if row["pool"] else _give(row)


def _raise_cap(row: Row) -> str:
    whose = "" if row["everybody"] else f" {words(row)}"
    pool = f" --pool {row['pool']}" if row["pool"] else ""
    return f"pedagio cap set {row['period']} LIMIT{whose}{pool}"


def _raise_own(row: Row) -> str:
    each = "daily" if row["period"] == "day" else "monthly"
    return f"pedagio settings set {words(row)} --{each}-limit LIMIT"


def _accounts(rows: Sequence[Row]) -> Line:
    """Said only: whoever suspended them wants it so. Who was resumed since is refused no more."""
    stopped = [row for row in rows if row["status"] != "active"]
    if any(row["status"] == "frozen" for row in stopped):
        finding = f"frozen by the auditor: {some(map(person, stopped))}"
        return Line("accounts", finding, "pedagio audit")
    return _refused(
        "accounts", stopped, "nobody is suspended who asks for anything",
        lambda row: f"pedagio account resume {words(row)}", blocks=False,
    )  # fmt: skip


async def _policies(pool: asyncpg.Pool, rows: Sequence[Row]) -> Line:
    """A model that the policies of now allow is mended."""
    still = [
        row
        for row in rows
        if not (await of_person(pool, row["client_id"], row["plan_id"])).allows(row["about"])
    ]
    if not still:
        return Line("policies", "every model asked for is allowed", ready=True)
    named = some(f"{row['about']} to {person(row)}" for row in still)
    return Line("policies", f"not allowed, so refused then: {named}", await _allow(pool, still[0]))


async def _allow(pool: asyncpg.Pool, row: Row) -> str:
    """In the policy that decides: that of the plan where it speaks of models, else the client's."""
    subject = Subject("client", row["client_id"])
    if row["plan_id"]:
        plan = Subject("plan", row["plan_id"])
        subject = plan if (await in_force(pool, plan)).models is not None else subject
    models = json.dumps([*((await in_force(pool, subject)).models or ()), row["about"]])
    assignment = shlex.quote(f"models={models}")
    return f"pedagio policy set {subject.kind}:{subject.id} --set {assignment} {WHY}"


def _identity(rows: Sequence[Row]) -> Line:
    """Whom a client that refuses strangers does not know is opened an account; else its header is to blame."""
    if not rows:
        return Line("identity", "every request says whose it is", ready=True)
    requests = sum(row["requests"] for row in rows)
    clients = some(row["client_id"] for row in rows)
    finding = f"{counted(requests, 'request', 'requests')} of nobody known, from {clients}"
    if rows[0]["unknown_users"] == "refuse":
        return Line(
            "identity", finding, f"pedagio account open {rows[0]['client_id']} PERSON {WHY}"
        )
    finding += ": the client sends no usable x-user-id"
    return Line("identity", finding, f"pedagio explain {rows[0]['ref']}")


def _requests(rows: Sequence[Row]) -> Line:
    if not rows:
        return Line("requests", "no request has a field that is refused", ready=True)
    fields = some(f"{row['about']} ({row['client_id']})" for row in rows)
    finding = f"fields that would be refused, to be changed in the client: {fields}"
    return Line("requests", finding, f"pedagio explain {rows[0]['ref']}")


def _busy(rows: Sequence[Row]) -> Line:
    """Said only: it ends with the answer that is being written."""
    if not rows:
        return Line("in flight", "no request would wait for another", ready=True, blocks=False)
    requests = sum(row["requests"] for row in rows)
    finding = f"{counted(requests, 'request', 'requests')} while other answers were being written"
    limited = [row for row in rows if row["about"] == "open_holds"]
    command = (
        f"pedagio policy set client:{limited[0]['client_id']} --set max_open_holds=N {WHY}"
        if limited
        else f"pedagio grant {words(rows[0])} AMOUNT {WHY}"
    )
    return Line("in flight", finding, command, blocks=False)


def _away(rows: Sequence[Row]) -> Line:
    """Said only: an outage that is over."""
    if not rows:
        return Line("ledger", "it could be asked every time", ready=True, blocks=False)
    requests = sum(row["requests"] for row in rows)
    finding = f"for {counted(requests, 'request', 'requests')} the ledger could not be asked"
    return Line("ledger", finding, "pedagio alarms --kind store_away", blocks=False)
