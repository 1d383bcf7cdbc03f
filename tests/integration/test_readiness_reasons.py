"""Readiness counts every reason for which enforcement would refuse, each with the command that mends it."""

import json
import shlex
from typing import Any

import pytest

from protos.pedagio.v1 import settings_pb2 as pb
from protos.pedagio.v1.admin_pb2 import AccountName
from protos.pedagio.v1.settings_pb2_grpc import SettingsServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio
from tests.integration.test_policies import put
from tests.integration.test_readiness import ask, shadowed
from tests.integration.test_reports_pools import team_of
from tests.unit.test_cli_commands import COMMANDS

WHO = ("chat", "maria")
WHY = ("--reason", "r")
AT_DOOR = """
    INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, detail)
    VALUES (gen_random_uuid(), $1, 'chat', 'would_refuse', $2, 'gpt-4o', $3)"""


async def report(admin: Service) -> dict[str, Any]:
    """The lines by name, as `mode enforce --json` prints them although it enforces nothing."""
    refused = await pedagio(admin, "mode", "enforce", *WHY, "--json", code=1)
    assert "pedagio: not ready: " in refused.stderr
    found = json.loads(refused.stdout)
    assert (found["mode"], found["readiness"]["ready"]) == ("", False)
    return {line["name"]: line for line in found["readiness"]["lines"]}


async def mend(admin: Service, line: dict[str, Any], **words: str) -> None:
    """Run the command of a line, with these words filled in; it must be one of ours."""
    program, *rest = shlex.split(line["command"])
    assert program == "pedagio"
    assert any(" ".join(rest[:count]) in COMMANDS for count in (1, 2))
    await pedagio(admin, *(words.get(word, word) for word in rest))


async def test_cap_that_would_stop_somebody_is_mended_by_a_cap_not_by_credit(
    admin: Service,
) -> None:
    """Credit given since does not help against a cap."""
    maria, _ = await shadowed(admin)
    await in_json(admin, "cap", "set", "day", "US$1", *WHO, *WHY)
    assert await ask(admin, maria, 2 * USD, USD) == "refused"
    await admin.grant(50 * USD)
    line = (await report(admin))["caps"]
    assert line["finding"] == "1 person would be refused: chat / maria"
    assert line["command"].startswith("pedagio cap set day LIMIT chat maria ")
    await mend(admin, line, LIMIT="US$9")
    await pedagio(admin, "mode", "enforce", *WHY)


async def test_cap_of_everybody_is_named_without_a_person(admin: Service) -> None:
    """Its command takes nobody."""
    maria, _ = await shadowed(admin)
    await in_json(admin, "cap", "set", "month", "US$1", *WHY)
    await in_json(admin, "cap", "set", "day", "US$90", *WHO, *WHY)
    assert await ask(admin, maria, 2 * USD, USD) == "refused"
    line = (await report(admin))["caps"]
    assert line["command"].startswith("pedagio cap set month LIMIT --reason")
    await pedagio(admin, "cap", "clear", "month", *WHY)
    await pedagio(admin, "mode", "enforce", *WHY)


async def test_limit_that_a_person_chose_is_said_and_blocks_nothing(admin: Service) -> None:
    """They want it so."""
    maria, _ = await shadowed(admin)
    await in_json(admin, "settings", "set", *WHO, "--daily-limit", "US$1", *WHY)
    assert await ask(admin, maria, 2 * USD, USD) == "refused"
    shown = (await pedagio(admin, "mode", "enforce", *WHY)).stdout
    (line,) = [each for each in shown.splitlines() if each.startswith("own limits")]
    assert line.split()[2] == "note"
    assert "--daily-limit LIMIT" in shown


async def test_team_that_would_run_out_is_given_credit(admin: Service) -> None:
    """To the pool, not to each of its people."""
    maria, _ = await shadowed(admin)
    await team_of(admin, maria)
    assert await ask(admin, maria, 60 * USD, USD) == "refused"
    found = await report(admin)
    assert found["people"]["ready"]
    await mend(admin, found["pools"], AMOUNT="US$20")
    await pedagio(admin, "mode", "enforce", *WHY)


@pytest.mark.parametrize("subject", ["client:chat", "plan:free"])
async def test_model_that_is_not_allowed_is_mended_in_the_policy_that_says_so(
    admin: Service, subject: str
) -> None:
    """The command keeps what is allowed already."""
    maria, joao = await shadowed(admin)
    await ask(admin, joao, USD, USD)
    await in_json(admin, "plan", "put", "free", "--allowance", "US$1", *WHY)
    await in_json(admin, "plan", "assign", "free", *WHO, *WHY)
    await in_json(admin, "policy", "set", subject, "--set", 'models=["mini*"]', *WHY)
    await admin.pool.execute(AT_DOOR, maria, "model_not_allowed", "gpt-4o")
    line = (await report(admin))["policies"]
    assert "gpt-4o to chat / maria" in line["finding"]
    assert f"pedagio policy set {subject} " in line["command"]
    await mend(admin, line)
    body = (await in_json(admin, "policy", "show", subject))["body"]
    assert body["models"] == ["mini*", "gpt-4o"]
    await pedagio(admin, "mode", "enforce", *WHY)


@pytest.mark.parametrize(
    ("unknown", "command"), [("refuse", "pedagio account open chat PERSON "), ("create", "pedagio explain ")]
)  # fmt: skip
async def test_requests_of_nobody_known_block(admin: Service, unknown: str, command: str) -> None:
    """Somebody without an account, or a client that does not say who it is."""
    maria, _ = await shadowed(admin)
    await ask(admin, maria, USD, USD)
    await admin.pool.execute("UPDATE client SET unknown_users = $1", unknown)
    await admin.pool.execute(AT_DOOR, None, "identity_missing", None)
    line = (await report(admin))["identity"]
    assert "1 request of nobody known, from chat" in line["finding"]
    assert line["command"].startswith(command)
    await mend(admin, line, PERSON="jose")


async def test_fields_that_would_be_refused_block_at_the_door_and_in_litellm(
    admin: Service,
) -> None:
    """The callback tells of its own by the start record."""
    maria, _ = await shadowed(admin)
    await ask(admin, maria, USD, USD)
    await admin.pool.execute(AT_DOOR, maria, "bad_request", "n")
    await admin.pool.execute(
        "INSERT INTO call_record (id, hold_id, kind, body, at)"
        " SELECT repeat('a', 32), h.id, 'start', $1, now() FROM hold AS h LIMIT 1",
        {"would_refuse": "fallbacks"},
    )
    line = (await report(admin))["requests"]
    assert {"n (chat)", "fallbacks (chat)"} == set(line["finding"].split(": ")[1].split(", "))
    await mend(admin, line)


async def test_who_is_suspended_or_was_in_flight_or_met_an_outage_is_said_only(
    admin: Service,
) -> None:
    """A suspension is meant, the others are over by themselves; each with its command."""
    maria, joao = await shadowed(admin)
    await ask(admin, joao, USD, USD)
    await pedagio(admin, "account", "suspend", *WHO, *WHY)
    assert await ask(admin, maria, USD, USD) == "refused"
    await admin.pool.execute(AT_DOOR, joao, "credit_in_flight", None)
    await admin.pool.execute(AT_DOOR, joao, "enforcement_unavailable", None)
    await admin.pool.execute(AT_DOOR, joao, "bad_request", "n")  # so that it is refused
    found = await report(admin)
    for name, command in (
        ("accounts", "pedagio account resume chat maria"),
        ("in flight", "pedagio grant chat joao AMOUNT"),
        ("ledger", "pedagio alarms --kind store_away"),
    ):
        assert (found[name]["ready"], found[name]["blocks"]) == (False, False)
        assert found[name]["command"].startswith(command)
        await mend(admin, found[name], AMOUNT="US$5")
    assert (await report(admin))["accounts"]["ready"]


async def test_witness_that_is_missing_is_named_with_what_brings_it_back(admin: Service) -> None:
    """Envoy's entries can be read from its file; a missing report is an exception."""
    maria, _ = await shadowed(admin)
    await ask(admin, maria, USD, USD)
    async with admin.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM call_record WHERE kind = 'access'")
    line = (await report(admin))["match"]
    assert line["finding"].endswith("Envoy's access log lacks 1")
    assert line["command"] == "pedagio access-log replay FILE"
    async with admin.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE call_record SET kind = 'access', body = $1", {"stage": "end"}
        )
    line = (await report(admin))["match"]
    assert line["finding"].endswith("the callback lacks 1")
    await mend(admin, line)


async def test_address_of_a_person_is_set_taken_back_and_not_repeated_in_the_audit(
    admin: Service,
) -> None:
    """The line of the report carries the command."""
    maria, joao = await shadowed(admin)
    await ask(admin, maria, USD, USD)
    await pedagio(admin, "account", "email", *WHO, "-", *WHY)
    await admin.pool.execute(AT_DOOR, joao, "bad_request", "n")
    line = (await report(admin))["e-mail"]
    assert (line["ready"], line["blocks"]) == (False, False)
    await mend(admin, line, ADDRESS="maria@new.example.com")
    assert (await in_json(admin, "balance", *WHO))["email"] == "maria@new.example.com"
    assert (await report(admin))["e-mail"]["ready"]
    lines = [line for line in await admin.audit() if line[1] == "set_email"]
    assert [line[3]["email"] for line in lines] == [False, True]
    assert "@" not in json.dumps([line[3] for line in lines])


@pytest.mark.parametrize(
    "address", ["maria", "a@b@c", "maria @example.com", "<m@e.com>", "m" * 300]
)
async def test_address_that_is_none_is_refused_by_its_field(admin: Service, address: str) -> None:
    """Nothing is changed."""
    await shadowed(admin)
    name = AccountName(client="chat", external_id="maria")
    request = pb.SetEmailRequest(account=name, email=address, reason="r")
    status, sentence = await admin.refused("SetEmail", request, stub=SettingsServiceStub)
    assert (status, sentence.split()[0]) == ("INVALID_ARGUMENT", "email")
    assert (await in_json(admin, "balance", *WHO))["email"] == "maria@example.com"


async def test_model_allowed_again_is_mended_for_good(admin: Service) -> None:
    """The policies of now decide, not those of then."""
    maria, _ = await shadowed(admin)
    await ask(admin, maria, USD, USD)
    await put(admin.pool, {"models": ["mini"]}, "chat")
    await admin.pool.execute(AT_DOOR, maria, "model_not_allowed", "gpt-4o")
    await put(admin.pool, {}, "chat")
    await pedagio(admin, "mode", "enforce", *WHY)
