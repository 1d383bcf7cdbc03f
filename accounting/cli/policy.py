"""`pedagio policy`: what the people of a client or of a plan may use, what they are told."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from accounting.cli.assignments import assign
from accounting.cli.connection import call, fail
from accounting.cli.output import Json, Reason, facts, moment, show, table
from protos.pedagio.v1 import policies_pb2 as pb
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub

app = typer.Typer(help="What people may use, by client and plan.", no_args_is_help=True)

SUBJECT_HELP = "client:ID or plan:ID."
SubjectArgument = Annotated[str, typer.Argument(metavar="SUBJECT", help=SUBJECT_HELP)]


@app.command("show")
def show_policy(
    subject: Annotated[str, typer.Argument(metavar="[SUBJECT]", help=SUBJECT_HELP)] = "",
    as_json: Json = False,
) -> None:
    """Show the policy of a subject; without one, all that say something.

    Example: pedagio policy show client:librechat
    """
    if subject:
        _show(_ask("GetPolicy", _subject(subject)), as_json)
        return
    found = _ask("ListPolicies", pb.ListPoliciesRequest()).policies
    rows = (
        (_name(each), str(each.version), ", ".join(json.loads(each.body_json)), each.changed_by)
        for each in found
    )
    columns = ("subject", "version", "says", "changed by")
    body = {"policies": [_plain(each) for each in found]}
    empty = "no policies: `pedagio policy set`"
    show(body, as_json, lambda: table(columns, rows, empty, fold=("says",)))


@app.command("set")
def set_policy(
    subject: SubjectArgument,
    reason: Reason,
    file: Annotated[
        Path | None, typer.Option(help="JSON with the whole policy; - reads stdin.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change one field: cheaper.gpt-4o=gpt-4o-mini, models='[\"gpt-4o*\"]'; null removes.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a policy, on every replica within a second: the whole of it (--file), or single fields (--set).

    Example: pedagio policy set client:librechat --set max_output_tokens=4000 --reason 'long answers'
    """  # fmt: skip
    if file is None and not assignments:
        fail("say what to change: --file policy.json, or --set key=value")
    if not assignments:
        assert file is not None
        _set(subject, _read(file), reason, as_json, replaces=None)
        return
    present = _ask("GetPolicy", _subject(subject))
    body = _parsed(present.body_json if file is None else _read(file))
    for assignment in assignments:
        problem = assign(body, assignment)
        if problem:
            fail(problem)
    # With a file the whole is meant, whatever was before; single fields belong to what was seen.
    replaces = present.version if file is None else None
    _set(subject, json.dumps(body), reason, as_json, replaces=replaces)


@app.command("unset")
def unset_policy(subject: SubjectArgument, reason: Reason, as_json: Json = False) -> None:
    """Let a subject have no policy of its own any more.

    Example: pedagio policy unset plan:gold --reason 'trial is over'
    """
    _set(subject, "{}", reason, as_json, replaces=None)


def _set(subject: str, body_json: str, reason: str, as_json: bool, *, replaces: int | None) -> None:
    request = pb.SetPolicyRequest(
        subject=_subject(subject),
        body_json=body_json,
        reason=reason,
        replaces=replaces,
    )
    answer = _ask("SetPolicy", request)
    _show(answer, as_json)


def _ask(method: str, request: Any) -> Any:
    return call(method, request, stub=PolicyServiceStub)


def _subject(text: str) -> pb.PolicySubject:
    kind, colon, name = text.partition(":")
    if not colon:
        fail(f"SUBJECT must be client:ID or plan:ID, not {text!r}")
    return pb.PolicySubject(kind=kind, id=name)


def _read(path: Path) -> str:
    """As it is: what is wrong with it the service says, by field."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the policy file {path} cannot be read ({type(error).__name__})")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        fail(f"the policy file is no JSON ({error})")


def _name(policy: pb.Policy) -> str:
    return f"{policy.subject.kind}:{policy.subject.id}"


def _plain(policy: pb.Policy) -> dict[str, Any]:
    return {
        "subject": _name(policy),
        "version": policy.version,
        "body": json.loads(policy.body_json),
        "changed_at_ms": policy.changed_at_ms,
        "changed_by": policy.changed_by,
    }


def _show(policy: pb.Policy, as_json: bool) -> None:
    body = json.dumps(json.loads(policy.body_json), ensure_ascii=False, indent=2)
    changed = f"{moment(policy.changed_at_ms)} by {policy.changed_by}" if policy.version else ""
    about = facts(
        ("policy", _name(policy)),
        ("version", str(policy.version) if policy.version else "none yet"),
        ("changed", changed),
    )
    show(_plain(policy), as_json, lambda: Group(about, body))
