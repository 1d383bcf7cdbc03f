"""Personal tokens: they say who calls, open nothing once they are revoked, are kept nowhere."""

import asyncio
import hashlib
from typing import Any

import pytest
from structlog.testing import capture_logs

from accounting.admin.admins import TOKEN_LENGTH
from protos.pedagio.v1 import admin_pb2, admins_pb2
from tests.integration.admin_service import TOKENS, Service
from tests.integration.admins import add, ask, new_token, refused

ANA = "ana@example.com"
MODE = admin_pb2.GetModeRequest()


async def test_personal_token_names_its_owner_whatever_the_metadata_say(admin: Service) -> None:
    """A client-given actor is a claim; the token is the proof."""
    token = await add(admin, ANA, "operator")
    request = admin_pb2.SetModeRequest(mode="off", reason="r")
    await admin.ask("SetMode", request, actor="bia@example.com", token=token)
    assert [line[:2] for line in await admin.audit()][-1] == (ANA, "set_mode")


@pytest.mark.parametrize("actor", [ANA, "ANA@example.com", f" {ANA}"])
async def test_installation_token_cannot_speak_for_an_administrator(
    admin: Service, actor: str
) -> None:
    """Whoever has a token is named by it alone, also after being removed."""
    await add(admin, ANA, "viewer")
    request = admin_pb2.SetModeRequest(mode="off", reason="r")
    assert (await admin.refused("SetMode", request, actor=actor))[0] == "INVALID_ARGUMENT"
    await ask(admin, "RemoveAdmin", admins_pb2.RemoveAdminRequest(email=ANA, reason="left"))
    assert (await admin.refused("SetMode", request, actor=actor))[0] == "INVALID_ARGUMENT"


async def test_token_is_kept_as_a_hash_of_256_random_bits(admin: Service) -> None:
    """Whoever reads the ledger, or the audit log, finds no token that opens anything."""
    token = await add(admin, ANA, "viewer")
    assert len(token) == TOKEN_LENGTH
    rows = await admin.pool.fetch("SELECT sha256 FROM admin_token")
    assert [row["sha256"] for row in rows] == [hashlib.sha256(token.encode()).digest()]
    everything = await admin.pool.fetchval(
        "SELECT (SELECT string_agg(t::text, '') FROM admin_token AS t)"
        " || (SELECT string_agg(u::text, '') FROM audit AS u)"
    )
    assert token not in everything
    assert token.removeprefix("pa-") not in everything
    shown = await ask(admin, "ListAdmins", admins_pb2.ListAdminsRequest())
    assert token not in str(shown)


async def test_tokens_are_never_the_same(admin: Service) -> None:
    """Each is drawn anew, also for the same person."""
    await add(admin, ANA, "viewer")
    assert len({await new_token(admin, ANA) for _ in range(8)}) == 8


async def test_revoked_token_opens_nothing_from_that_moment_on(admin: Service) -> None:
    """Within a second, says the promise: on the very next call, and only that token."""
    token = await add(admin, ANA, "viewer")
    other = await new_token(admin, ANA)
    await admin.ask("GetMode", MODE, token=token)
    (found,) = (await ask(admin, "ListAdmins", admins_pb2.ListAdminsRequest())).admins
    request = admins_pb2.RevokeTokenRequest(id=found.tokens[0].id, reason="lost")
    assert (await ask(admin, "RevokeToken", request)).revoked_at_ms > 0
    status, sentence = await admin.refused("GetMode", MODE, token=token)
    assert (status, sentence) == ("UNAUTHENTICATED", "this is not an administrator's token")
    await admin.ask("GetMode", MODE, token=other)
    assert (await refused(admin, "RevokeToken", request))[0] == "NOT_FOUND"


async def test_expired_token_opens_nothing(admin: Service) -> None:
    """A token that somebody forgot ends by itself."""
    token = await add(admin, ANA, "viewer")
    await admin.pool.execute("UPDATE admin_token SET expires_at = now() - interval '1 second'")
    assert (await admin.refused("GetMode", MODE, token=token))[0] == "UNAUTHENTICATED"


async def test_removed_administrator_has_no_token_left(admin: Service) -> None:
    """Who left cannot come back with what is still on a laptop; added again, they get a new one."""
    token = await add(admin, ANA, "operator")
    await ask(admin, "RemoveAdmin", admins_pb2.RemoveAdminRequest(email=ANA, reason="left"))
    assert (await admin.refused("GetMode", MODE, token=token))[0] == "UNAUTHENTICATED"
    again = await add(admin, ANA, "viewer")
    assert (await admin.refused("GetMode", MODE, token=token))[0] == "UNAUTHENTICATED"
    await admin.ask("GetMode", MODE, token=again)


async def test_roles_that_are_taken_away_end_with_the_next_call(admin: Service) -> None:
    """A call finds the roles of its moment."""
    token = await add(admin, ANA, "operator")
    request = admin_pb2.SetModeRequest(mode="off", reason="r")
    await admin.ask("SetMode", request, token=token)
    viewer = [admins_pb2.Role(role="viewer")]
    await ask(
        admin, "SetRoles", admins_pb2.SetRolesRequest(email=ANA, roles=viewer, reason="moved")
    )
    assert (await admin.refused("SetMode", request, token=token))[0] == "PERMISSION_DENIED"
    line = (await admin.audit())[-1]
    assert line[1:3] == ("set_roles", ANA)
    assert [each["role"] for each in line[3]["before"]] == ["operator"]
    assert [each["role"] for each in line[3]["roles"]] == ["viewer"]


@pytest.mark.parametrize("token", ["pa-", "pa-" + "x" * 43, "pa-" + "x" * 42, "x" * 46, "é" * 46])
async def test_guessed_token_is_unauthenticated(admin: Service, token: str) -> None:
    """Of whatever form."""
    await add(admin, ANA, "viewer")
    if not token.isascii():
        token = token.encode().decode("latin-1").encode("ascii", "replace").decode()
    assert (await admin.refused("GetMode", MODE, token=token))[0] == "UNAUTHENTICATED"


async def test_administrator_replaces_the_own_token_and_nobody_elses(admin: Service) -> None:
    """Whoever made the first token saw it: its owner can put it out of use without them."""
    token = await add(admin, ANA, "viewer")
    await add(admin, "bia@example.com", "viewer")
    fresh = await new_token(admin, "Ana@Example.com", by=token)
    await admin.ask("GetMode", MODE, token=fresh)
    own = await ask(admin, "WhoAmI", admins_pb2.WhoAmIRequest(), fresh)
    revoke = admins_pb2.RevokeTokenRequest(id=own.tokens[0].id, reason="the first one")
    await ask(admin, "RevokeToken", revoke, fresh)
    assert (await admin.refused("GetMode", MODE, token=token))[0] == "UNAUTHENTICATED"
    of_bia = admins_pb2.NewTokenRequest(email="bia@example.com", label="l", reason="r")
    assert (await refused(admin, "NewToken", of_bia, fresh))[0] == "PERMISSION_DENIED"
    ids = await admin.pool.fetch("SELECT id FROM admin_token WHERE revoked_at IS NULL ORDER BY id")
    revoke = admins_pb2.RevokeTokenRequest(id=ids[0]["id"], reason="of somebody else")
    assert (await refused(admin, "RevokeToken", revoke, fresh))[0] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "ana"}, "email"),
        ({"email": "a@x, b@x"}, "email"),
        ({"email": "a@x\nb"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "a\r\nBcc: b@x"}, "name"),
        ({"reason": ""}, "reason"),
        ({"roles": []}, "roles"),
        ({"roles": [admins_pb2.Role(role="root")]}, "roles.role"),
        ({"roles": [admins_pb2.Role(role="team_lead")]}, "roles.pool"),
        ({"roles": [admins_pb2.Role(role="viewer", pool="TI")]}, "roles.pool"),
    ],
)
async def test_administrator_that_cannot_be_added_is_refused_by_field(
    admin: Service, fields: dict[str, Any], field: str
) -> None:
    """Nothing is half-made."""
    whole: dict[str, Any] = {
        "email": ANA,
        "name": "Ana",
        "roles": [admins_pb2.Role(role="viewer")],
        "reason": "r",
    }
    request = admins_pb2.AddAdminRequest(**(whole | fields))
    status, sentence = await refused(admin, "AddAdmin", request)
    assert (status, sentence.partition(" ")[0]) == ("INVALID_ARGUMENT", field)
    assert await admin.audit() == []


async def test_two_who_add_the_same_administrator_add_one(admin: Service) -> None:
    """A double click is one administrator."""
    request = admins_pb2.AddAdminRequest(
        email=ANA, name="Ana", roles=[admins_pb2.Role(role="viewer")], reason="r"
    )
    results = await asyncio.gather(
        *(ask(admin, "AddAdmin", request) for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in results) == 1
    assert len(await admin.audit()) == 1


async def test_token_of_the_installation_says_that_it_is_nobody(admin: Service) -> None:
    """Whoever holds it sees that it is not theirs."""
    found = await ask(admin, "WhoAmI", admins_pb2.WhoAmIRequest(), TOKENS[1])
    assert found.installation
    assert found.email == ""


async def test_token_is_in_no_log_and_its_ledger_away_is_said(admin: Service) -> None:
    """Who has a token of their own is told what whoever has the installation's is told."""
    token = await add(admin, ANA, "viewer")
    admin.pool.terminate()
    with capture_logs() as logs:
        status, sentence = await admin.refused("GetMode", MODE, token=token)
    assert (status, "nothing was changed, try again" in sentence) == ("UNAVAILABLE", True)
    assert logs
    assert token not in str(logs)
