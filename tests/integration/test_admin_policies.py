"""Policies through the PolicyService, from both of its ends."""

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from protos.pedagio.v1 import policies_pb2 as pb
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub
from tests.integration.admin_service import Service
from tests.integration.doors import until
from tests.integration.test_admin_cli import in_json, pedagio
from tests.integration.test_policies import WITHIN_S, replica
from tests.unit.door import a_client

CHAT = pb.PolicySubject(kind="client", id="chat")
PUT_PLAN = """
    INSERT INTO plan (id, period, time_zone, allowance, rollover, prorate)
    VALUES ('gold', 'month', 'America/Sao_Paulo', 1, 'none', true)"""
GOLD = pb.PolicySubject(kind="plan", id="gold")


async def put(
    admin: Service, body: dict[str, Any] | str, subject: pb.PolicySubject = CHAT, **more: Any
) -> pb.Policy:
    """Set a policy as an administrator."""
    text = body if isinstance(body, str) else json.dumps(body)
    request = pb.SetPolicyRequest(subject=subject, body_json=text, reason="test", **more)
    answer: pb.Policy = await admin.ask("SetPolicy", request, stub=PolicyServiceStub)
    return answer


async def refused(admin: Service, body: dict[str, Any] | str, **more: Any) -> tuple[str, str]:
    """Status and sentence of a policy that is not set."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await put(admin, body, **more)
    return caught.value.code().name, caught.value.details() or ""


async def in_force(admin: Service, subject: pb.PolicySubject = CHAT) -> pb.Policy:
    """What the service says is in force."""
    answer: pb.Policy = await admin.ask("GetPolicy", subject, stub=PolicyServiceStub)
    return answer


async def test_policy_set_is_in_force_with_an_audit_line(admin: Service) -> None:
    """Who, why, what was before and what is now; the replicas are told."""
    await admin.create_client()
    assert (await in_force(admin)).version == 0
    first = await put(admin, {"models": ["a"]})
    second = await put(admin, {"models": ["b"], "degrade": None}, replaces=first.version)
    assert second.version > first.version
    assert json.loads((await in_force(admin)).body_json) == {"models": ["b"]}
    assert admin.published == ["clients", "policies", "policies"]
    detail = {
        "reason": "test",
        "version": second.version,
        "body": {"models": ["b"]},
        "before": {"models": ["a"]},
    }
    assert (await admin.audit())[-1] == ("admin", "set_policy", "client:chat", detail)


async def test_policy_set_reaches_two_replicas_within_a_second_without_redis(
    admin: Service,
) -> None:
    """From the administrator's answer on, by the poll alone."""
    await admin.create_client()
    client = a_client(id="chat")
    async with replica(admin.pool) as one, replica(admin.pool) as other:
        await put(admin, {"models": ["a"]})

        async def everywhere() -> bool:
            found = [await each.policy(client, None) for each in (one, other)]
            return all(policy.models == ("a",) for policy in found)

        await until(everywhere, WITHIN_S)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"modles": []}, "modles is unknown; there are "),
        ({"models": [""]}, "models[0] must be a text of 1 to 256"),
        (
            {"texts": {"bad_request": {"en": ["No.", " {reference}"]}}},
            "texts.bad_request.en[1] names the unknown field {reference}; it may name contact, field, ref, url",
        ),
        ("{", "body_json is no JSON"),
        ('{"models": [], "models": null}', "models is given twice"),
        ("[" * 50_000, "body_json is no JSON"),
        ('"' + "x" * 100_001 + '"', "body_json must not exceed"),
    ],
)  # fmt: skip
async def test_policy_that_cannot_be_used_is_refused_by_field(
    admin: Service, body: dict[str, Any] | str, sentence: str
) -> None:
    """Also when it is only checked; nothing is stored or told."""
    await admin.create_client()
    for only in (False, True):
        status, text = await refused(admin, body, validate_only=only)
        assert status == "INVALID_ARGUMENT"
        assert text.startswith(sentence)
    assert await admin.pool.fetchval("SELECT count(*) FROM policy") == 0
    assert admin.published == ["clients"]


@pytest.mark.parametrize(
    ("subject", "status", "names"),
    [
        (pb.PolicySubject(kind="person", id="maria"), "INVALID_ARGUMENT", "subject.kind"),
        (pb.PolicySubject(kind="plan", id="GOLD"), "INVALID_ARGUMENT", "subject.id"),
        (pb.PolicySubject(kind="client", id="nobody"), "NOT_FOUND", "nobody"),
    ],
)
async def test_policy_of_nobody_is_refused(
    admin: Service, subject: pb.PolicySubject, status: str, names: str
) -> None:
    """A slip in the name must not look like success."""
    code, text = await refused(admin, {}, subject=subject)
    assert code == status
    assert names in text


async def test_service_accounts_are_those_of_service_clients(admin: Service) -> None:
    """Anybody else's account, or a route that we do not know, is refused by its field; so is a plan's."""
    await admin.create_client()
    await admin.create_client("tools", kind="service")
    path = "/v1/embeddings"
    made = await put(admin, {"service_accounts": {path: "tools"}})
    assert json.loads(made.body_json) == {"service_accounts": {path: "tools"}}
    await admin.pool.execute(PUT_PLAN)
    for subject, body, sentence in (
        (CHAT, {path: "chat"}, f"service_accounts.{path} names chat, which is no service client"),
        (CHAT, {path: "gone"}, f"service_accounts.{path} names gone, which is no client"),
        (CHAT, {path: ""}, f"service_accounts.{path} must be the id of a service client"),
        (CHAT, {"/v1/x": "tools"}, "service_accounts./v1/x must be one of /v1/chat/completions"),
        (GOLD, {path: "tools"}, "service_accounts belongs in the policy of a client"),
    ):
        for only in (False, True):
            said = {"service_accounts": body}
            found = await refused(admin, said, subject=subject, validate_only=only)
            assert (found[0], found[1][: len(sentence)]) == ("INVALID_ARGUMENT", sentence)


async def test_policy_only_checked_changes_nothing(admin: Service) -> None:
    """It is shown as it would be stored."""
    await admin.create_client()
    shown = await put(admin, {"degrade": "hint", "models": None}, validate_only=True)
    assert json.loads(shown.body_json) == {"degrade": "hint"}
    assert (await in_force(admin)).version == 0
    assert [action for _, action, _, _ in await admin.audit()] == ["create_client"]


async def test_policy_changed_meanwhile_is_not_overwritten(admin: Service) -> None:
    """Of many who saw the same version one changes it, the others hear of it."""
    await admin.create_client()
    tries = [put(admin, {"max_open_holds": n + 1}, replaces=0) for n in range(8)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    lost = [each for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert len(lost) == 7
    assert {error.code().name for error in lost} == {"FAILED_PRECONDITION"}
    assert len([a for a in await admin.audit() if a[1] == "set_policy"]) == 1


async def test_policies_of_strangers_are_not_shown(admin: Service) -> None:
    """The PolicyService asks for the token, too."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin.ask("ListPolicies", pb.ListPoliciesRequest(), token="x", stub=PolicyServiceStub)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_command_line_sets_shows_and_unsets(admin: Service, tmp_path: Path) -> None:
    """A whole file, then single fields, then nothing any more."""
    await admin.create_client()
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"models": ["gpt-4o*"], "degrade": "hint"}))
    words = ("policy", "set", "client:chat", "--reason", "pilot")
    made = await in_json(admin, *words, "--file", str(file))
    assert made["body"] == {"models": ["gpt-4o*"], "degrade": "hint"}
    changed = await in_json(admin, *words, "--set", "degrade=null", "--set", "cheaper.gpt-4.1=mini")
    assert changed["body"] == {"models": ["gpt-4o*"], "cheaper": {"gpt-4.1": "mini"}}
    assert changed["changed_by"] == "ana"
    shown = await pedagio(admin, "policy", "show", "client:chat")
    assert '"gpt-4.1": "mini"' in shown.stdout
    assert "ana" in shown.stdout
    listed = await pedagio(admin, "policy", "show")
    assert "models, cheaper" in listed.stdout or "cheaper, models" in listed.stdout
    gone = await in_json(admin, "policy", "unset", "client:chat", "--reason", "over")
    assert gone["body"] == {}
    assert "no policies" in (await pedagio(admin, "policy", "show")).stdout


async def test_command_line_dry_run_names_the_field(admin: Service) -> None:
    """In a sentence, exit code 1; a sound one is shown, and nothing changed."""
    await admin.create_client()
    words = ("policy", "set", "client:chat", "--reason", "x", "--dry-run", "--set")
    wrong = await pedagio(admin, *words, "max_output_tokens=0", code=1)
    assert "max_output_tokens must be a whole number from 1 to 10000000" in wrong.stderr
    sound = await pedagio(admin, *words, "max_output_tokens=9")
    assert "nothing was changed" in sound.stdout
    assert await in_json(admin, "policy", "show") == {"policies": []}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("client:chat",), "say what to change"),
        (("chat", "--set", "degrade=hint"), "SUBJECT must be client:ID or plan:ID"),
        (("client:chat", "--set", "degrade"), "--set takes key=value"),
        (("client:chat", "--file", "/nowhere.json"), "cannot be read"),
    ],
)
async def test_command_line_that_says_too_little_is_told_so(
    admin: Service, words: tuple[str, ...], sentence: str
) -> None:
    """One readable sentence on stderr."""
    await admin.create_client()
    said = await pedagio(admin, "policy", "set", *words, "--reason", "x", code=1)
    assert sentence in said.stderr
