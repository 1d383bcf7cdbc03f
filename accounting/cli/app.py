"""Puts the commands of `pedagio` together."""

import typer

from accounting.cli import (
    access_log,
    account,
    admin,
    alarms,
    approvals,
    audit,
    audit_lines,
    call,
    cap,
    client,
    credit,
    deputy,
    exceptions,
    grants,
    holds,
    mode,
    models,
    notices,
    override,
    people,
    people_import,
    plan,
    policy,
    pool,
    prices,
    profiles,
    purchase,
    request,
    settings,
    shadow,
    usage,
)

app = typer.Typer(
    name="pedagio",
    help="The credit meter in front of a team's LLMs. Every command takes --json.",
    epilog="Where: PEDAGIO_ADMIN_ADDRESS (default 127.0.0.1:9002). "
    "Who: PEDAGIO_ADMIN_TOKEN, or PEDAGIO_ADMIN_TOKEN_FILE (your own: pedagio admin token new).",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.callback()(profiles.choose)
client.app.command("people")(people.client_people)
people.app.command("import")(people_import.import_people)
people.app.command("undo")(people_import.undo)
people.app.command("imports")(people_import.list_imports)
app.add_typer(client.app, name="client")
app.add_typer(people.app, name="people")
app.add_typer(account.app, name="account")
app.add_typer(plan.app, name="plan")
app.add_typer(grants.app, name="grants")
app.add_typer(purchase.app, name="purchase")
app.add_typer(pool.app, name="pool")
app.add_typer(cap.app, name="cap")
app.add_typer(settings.app, name="settings")
app.add_typer(mode.app, name="mode")
app.add_typer(shadow.app, name="shadow")
app.add_typer(models.app, name="models")
app.add_typer(policy.app, name="policy")
prices.app.command("override")(override.override)
prices.app.command("overrides")(override.list_overrides)
app.add_typer(prices.app, name="prices")
app.add_typer(access_log.app, name="access-log")
app.add_typer(notices.app, name="notices")
app.add_typer(holds.app, name="holds")
app.add_typer(exceptions.app, name="exceptions")
app.command()(credit.grant)
app.command()(credit.balance)
app.command()(credit.statement)
app.command()(usage.usage)
app.command()(call.explain)
app.command()(alarms.alarms)
app.command()(audit.audit)
app.add_typer(request.app, name="request")
admin.app.add_typer(deputy.app, name="deputy")
app.add_typer(admin.app, name="admin")
app.add_typer(approvals.app, name="approvals")
app.command("audit-log")(audit_lines.audit_log)


def main() -> None:
    """Entry point of the console script."""
    app()
