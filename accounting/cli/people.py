"""`pedagio people`: who may chat, known by e-mail before any client names them."""

from typing import Annotated, Any, Final

import typer

from accounting.cli.output import (
    ClientArgument,
    Json,
    Reason,
    as_dict,
    facts,
    moment,
    person,
    show,
    table,
    usd,
)
from accounting.cli.people_import import call
from accounting.cli.progress import counting
from accounting.cli.spreadsheet import write_csv
from protos.pedagio.v1 import people_pb2 as pb
from protos.pedagio.v1.admin_pb2 import AccountName

app = typer.Typer(help="People, by e-mail; imports of them.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail.")]
User = Annotated[str, typer.Argument(metavar="USER", help="What the client calls the person.")]
PAGE: Final = 500


@app.command("list")
def list_people(
    team: Annotated[str, typer.Option(help="Only those of a team.")] = "",
    state: Annotated[str, typer.Option(help="active or left; all unless given.")] = "",
    search: Annotated[str, typer.Option(help="Part of a name or e-mail.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """List the people.

    Example: pedagio people list --team TI
    """
    found: list[pb.Person] = []
    request = pb.ListPeopleRequest(team=team, state=state, page_size=PAGE, search=search)
    with counting("people", as_json) as advance:
        while True:
            answer = call("ListPeople", request)
            found += answer.people
            advance(len(answer.people))
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
    if as_csv:
        _print_csv(found)
        return
    columns = ("email", "name", "team", "plan", "state", "account", "available", "waiting")
    rows = (
        (p.email, p.name, p.team, p.plan, p.state, _account(p), usd(p.available_nanos),
         usd(p.waiting_nanos) if p.waiting_nanos else "")
        for p in found
    )  # fmt: skip
    empty = "no people yet: `pedagio people import`"
    fold = ("email", "name", "account")
    show({"people": [as_dict(each) for each in found]}, as_json,
         lambda: table(columns, rows, empty, right=("available", "waiting"), fold=fold))  # fmt: skip


@app.command("show")
def show_person(email: Email, as_json: Json = False) -> None:
    """Show one person, with every name at a client that is theirs.

    Example: pedagio people show maria@example.org
    """
    answer = call("GetPerson", pb.GetPersonRequest(email=email))
    show(answer, as_json, lambda: _person(answer))


@app.command()
def bind(
    email: Email, client: ClientArgument, user: User, reason: Reason,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Say that a client's name for somebody is this person.

    Example: pedagio people bind maria@example.org librechat 6650c0ffee --reason 'asked her'
    """
    name = AccountName(client=client, external_id=user)
    request = pb.BindPersonRequest(email=email, name=name, reason=reason)
    answer = call("BindPerson", request)
    show(answer, as_json, lambda: _person(answer))


@app.command()
def unbind(
    client: ClientArgument, user: User, reason: Reason,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Say that a client's name is not this person; the account stays the person's.

    Example: pedagio people unbind librechat 6650c0ffee --reason 'another Maria'
    """
    name = AccountName(client=client, external_id=user)
    answer = call("UnbindPerson", pb.UnbindPersonRequest(name=name, reason=reason))
    show(answer, as_json, lambda: _person(answer))


@app.command()
def erase(email: Email, reason: Reason, as_json: Json = False) -> None:
    """Erase what says who somebody is; the account is suspended, its entries stay.

    Example: pedagio people erase maria@example.org --reason 'LGPD request 12'
    """
    request = pb.ErasePersonRequest(email=email, reason=reason)
    answer = call("ErasePerson", request)
    show(
        answer,
        as_json,
        lambda: f"{email} is erased; the books go on with person {answer.person}",
    )


@app.command()
def who(as_json: Json = False) -> None:
    """Show who came and matches nobody, and what each client is declared to do.

    Example: pedagio people who
    """
    answer = call("ListStrangers", pb.ListStrangersRequest(page_size=PAGE))
    columns = ("client", "user", "e-mail", "account", "since", "who is this?")
    rows = (
        (s.name.client, s.name.external_id, s.email, "yes" if s.has_account else "no",
         moment(s.seen_at_ms),
         f"pedagio people bind {s.email or 'EMAIL'} {s.name.client} {s.name.external_id} --reason ...")
        for s in answer.strangers
    )  # fmt: skip
    fold = ("user", "e-mail", "who is this?")
    show(answer, as_json, lambda: table(columns, rows, "nobody waits", fold=fold))


def client_people(
    client: ClientArgument,
    reason: Reason,
    verified_emails: Annotated[
        bool | None, typer.Option(help="Its x-user-email was verified: it may bind people.")
    ] = None,
    guest_plan: Annotated[
        str | None, typer.Option(help="Plan of who matches nobody; '' for none.")
    ] = None,
    new_accounts_a_day: Annotated[
        int | None, typer.Option(help="The most who match nobody, in 24 hours.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Declare what a client does with people: verified e-mails, guests, their ceiling.

    Example: pedagio client people librechat --verified-emails --guest-plan guest --reason 'SSO only'
    """
    request = pb.SetClientPeopleRequest(
        client=client, verified_emails=verified_emails, guest_plan=guest_plan,
        new_accounts_a_day=new_accounts_a_day, reason=reason,
    )  # fmt: skip
    answer = call("SetClientPeople", request)
    show(answer, as_json, lambda: facts(
        ("client", answer.client),
        ("verified e-mails", "yes" if answer.verified_emails else "no"),
        ("guest plan", answer.guest_plan or "-"),
        ("new accounts a day", str(answer.new_accounts_a_day)),
    ))  # fmt: skip


def _print_csv(found: list[pb.Person]) -> None:
    head = ("email", "name", "plan", "team", "cost_center", "language", "state")
    write_csv(head, ([getattr(each, name) for name in head] for each in found))


def _account(found: pb.Person) -> str:
    if not found.HasField("account"):
        return "at the first chat"
    return person(found.account.client, found.account.external_id)


def _person(found: pb.Person) -> Any:
    return facts(
        ("email", found.email), ("name", found.name), ("team", found.team), ("plan", found.plan),
        ("cost center", found.cost_center), ("language", found.language), ("state", found.state),
        ("account", _account(found)), ("available", usd(found.available_nanos)),
        ("waiting", usd(found.waiting_nanos) if found.waiting_nanos else ""),
        ("known as", ", ".join(person(n.client, n.external_id) for n in found.identities)),
    )  # fmt: skip
