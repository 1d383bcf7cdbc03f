"""`pedagio admin`, `approvals`, `audit-log` against a running service."""

import asyncpg

from tests.integration.admin_service import Service, serve
from tests.integration.test_admin_cli import in_json, pedagio

REASON = ("--reason", "test")


async def test_administrator_is_made_and_unmade_at_the_command_line(admin: Service) -> None:
    """A token that the command showed opens the service; a revoked one is told apart from none at all."""
    await in_json(admin, "pool", "create", "TI", *REASON)
    made = await pedagio(
        admin, "admin", "add", "bia@example.com", "--role", "team_lead:TI", "--role", "viewer",
        "--name", "Bia", *REASON,
    )  # fmt: skip
    assert "team_lead:TI, viewer" in made.stdout
    shown = await pedagio(
        admin, "admin", "token", "new", "bia@example.com", "--label", "laptop", *REASON
    )
    assert "shown this once" in shown.stdout
    token = next(word for word in shown.stdout.split() if word.startswith("pa-"))
    mine = await pedagio(admin, "admin", "whoami", PEDAGIO_ADMIN_TOKEN=token)
    assert "bia@example.com" in mine.stdout
    refused = await pedagio(admin, "mode", "set", "off", *REASON, code=1, PEDAGIO_ADMIN_TOKEN=token)
    assert refused.stderr == "pedagio: this takes operator; your roles: team_lead, viewer\n"
    listed = await pedagio(admin, "admin", "list")
    assert "laptop" in listed.stdout
    assert token not in listed.stdout
    await pedagio(admin, "admin", "roles", "bia@example.com", "--role", "operator", *REASON)
    await pedagio(admin, "mode", "set", "off", *REASON, PEDAGIO_ADMIN_TOKEN=token)
    (found,) = (await in_json(admin, "admin", "list"))["admins"]
    number = str(found["tokens"][0]["id"])
    await pedagio(admin, "admin", "token", "revoke", number, *REASON)
    gone = await pedagio(admin, "mode", "show", code=1, PEDAGIO_ADMIN_TOKEN=token)
    assert "does not accept this token" in gone.stderr
    removed = await pedagio(admin, "admin", "remove", "bia@example.com", *REASON)
    assert removed.stdout == "bia@example.com administers no more\n"
    lines = await pedagio(admin, "audit-log", "--actor", "bia@example.com")
    assert "set_mode" in lines.stdout
    assert "add_admin" not in lines.stdout


async def test_invitation_is_shown_once_and_only_for_who_administers(admin: Service) -> None:
    """The code is in this answer; the ledger keeps its digest, the audit neither."""
    await pedagio(admin, "admin", "add", "bia@example.com", "--role", "viewer", *REASON)
    made = await in_json(admin, "admin", "invite", "bia@example.com", *REASON)
    assert (
        await admin.pool.fetchval("SELECT count(*) FROM admin_invite WHERE ended_at IS NULL") == 1
    )
    assert made["code"] not in str(await admin.audit())
    shown = await pedagio(admin, "admin", "invite", "bia@example.com", *REASON)
    assert "/sign-in/" in shown.stdout
    assert (
        await admin.pool.fetchval("SELECT count(*) FROM admin_invite WHERE ended_at IS NULL") == 1
    )
    refused = await pedagio(admin, "admin", "invite", "ana@example.com", *REASON, code=1)
    assert "nobody of the e-mail ana@example.com administers" in refused.stderr


async def test_field_that_cannot_be_used_is_named_on_stderr(admin: Service) -> None:
    """From the details of the error, not from its text."""
    refused = await pedagio(admin, "admin", "add", "bia", "--role", "team_lead:TI", *REASON, code=1)
    assert refused.stderr == "pedagio: email must be one e-mail address\n"
    refused = await pedagio(
        admin, "admin", "add", "bia@example.com", "--role", "team_lead", *REASON, code=1
    )
    assert refused.stderr == "pedagio: roles.pool must be given for team_lead\n"
    refused = await pedagio(
        admin, "admin", "add", "bia@example.com", "--role", "team_lead:", *REASON, code=1
    )
    assert "needs the pool's name" in refused.stderr


async def test_gift_that_waits_has_an_exit_code_of_its_own(pool: asyncpg.Pool) -> None:
    """A script tells it from a failure; somebody else confirms it, and denies the next one."""
    async with serve(pool, four_eyes_above=10**9) as admin:
        await in_json(admin, "client", "create", "chat", *REASON)
        await in_json(admin, "account", "open", "chat", "maria", *REASON)
        tokens = {}
        for name in ("ana", "bia"):
            email = f"{name}@example.com"
            await pedagio(admin, "admin", "add", email, "--role", "treasurer", *REASON)
            made = await in_json(admin, "admin", "token", "new", email, "--label", "l", *REASON)
            tokens[name] = {"PEDAGIO_ADMIN_TOKEN": made["token"]}
        for number in (1, 2):
            waits = await pedagio(
                admin, "grant", "chat", "maria", "US$20", *REASON, code=3, **tokens["ana"]
            )
            assert f"proposal {number} waits 7 days for somebody else" in waits.stderr
        own = await pedagio(admin, "approvals", "confirm", "1", *REASON, code=1, **tokens["ana"])
        assert "you proposed it" in own.stderr
        listed = await pedagio(admin, "approvals", "list", **tokens["bia"])
        assert "US$20.00" in listed.stdout
        assert "client=chat external_id=maria" in listed.stdout
        done = await pedagio(admin, "approvals", "confirm", "1", *REASON, **tokens["bia"])
        assert "executed by bia@example.com" in done.stdout
        denied = await pedagio(admin, "approvals", "deny", "2", *REASON, **tokens["bia"])
        assert "denied by bia@example.com" in denied.stdout
        balance = await in_json(admin, "balance", "chat", "maria")
        assert balance["posted_nanos"] == 20 * 10**9


async def test_audit_log_refuses_what_is_no_day(admin: Service) -> None:
    """Before anything is asked."""
    refused = await pedagio(admin, "audit-log", "--since", "yesterday", code=1)
    assert "--since is no day or moment" in refused.stderr
    shown = await pedagio(
        admin, "audit-log", "--since", "2026-01-01", "--until", "2026-01-02T10:00"
    )
    assert shown.stdout == "no such lines\n"
