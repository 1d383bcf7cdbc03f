"""Clients through the AdminService: the key shown once, the accounts that come with a client."""

import hashlib
import re
from typing import Any

import pytest

from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import Service

LITELLM_KEY = "sk-a-virtual-key-of-litellm"


def a_client(**fields: Any) -> pb.CreateClientRequest:
    """The request for a client, `id` chat unless said otherwise."""
    return pb.CreateClientRequest(client=pb.Client(**{"id": "chat", **fields}), reason="new")


async def test_created_client_keeps_only_the_hash_of_its_key(admin: Service) -> None:
    """The key is 256 random bits, in the answer only; the ledger has its SHA-256."""
    answer = await admin.ask("CreateClient", a_client(style="librechat", unknown_users="create"))
    assert re.fullmatch(r"pk-[A-Za-z0-9_-]{43}", answer.key)
    row = await admin.pool.fetchrow("SELECT client::text AS text, key_sha256 FROM client")
    assert row is not None
    assert row["key_sha256"] == hashlib.sha256(answer.key.encode()).digest()
    assert answer.key not in row["text"]
    assert answer.key not in str(await admin.audit())
    assert admin.published == ["clients"]


async def test_created_client_without_choices_gets_the_safe_ones(admin: Service) -> None:
    """Defaults: trusted, inject, unknown persons refused, plain answers, Portuguese, enabled."""
    made = (await admin.ask("CreateClient", a_client())).client
    assert made == pb.Client(
        id="chat", kind="trusted", litellm_key="inject", unknown_users="refuse", style="plain",
        language="pt-BR", enabled=True,
    )  # fmt: skip
    assert (await admin.ask("ListClients", pb.ListClientsRequest())).clients == [made]


@pytest.mark.parametrize(
    ("kind", "accounts"), [("trusted", ["unattributed"]), ("service", ["service", "unattributed"])]
)
async def test_created_client_has_the_accounts_of_its_kind(
    admin: Service, kind: str, accounts: list[str]
) -> None:
    """Calls without a known person need a place in the books from the first moment."""
    await admin.ask("CreateClient", a_client(kind=kind))
    rows = await admin.pool.fetch("SELECT kind FROM account WHERE client_id = 'chat' ORDER BY kind")
    assert [row["kind"] for row in rows] == accounts
    own = await admin.ask("GetBalance", pb.AccountName(client="chat"))
    assert (own.kind, own.available_nanos) == (accounts[0], 0)


async def test_pass_through_client_keeps_the_key_it_brings(admin: Service) -> None:
    """LiteLLM goes on checking that key; the answer does not repeat it."""
    request = a_client(litellm_key="pass_through")
    request.key = LITELLM_KEY
    assert (await admin.ask("CreateClient", request)).key == ""
    stored = await admin.pool.fetchval("SELECT key_sha256 FROM client")
    assert stored == hashlib.sha256(LITELLM_KEY.encode()).digest()


async def test_client_that_exists_is_left_as_it_is(admin: Service) -> None:
    """Creating it again neither changes it nor makes a second key."""
    await admin.ask("CreateClient", a_client())
    status, sentence = await admin.refused("CreateClient", a_client(kind="service"))
    assert (status, sentence) == (
        "ALREADY_EXISTS",
        "client chat exists already; nothing was changed",
    )
    assert len(await admin.audit()) == 1


async def test_key_of_another_client_is_refused(admin: Service) -> None:
    """One key names one client."""
    first, second = a_client(litellm_key="pass_through"), a_client(litellm_key="pass_through")
    first.key = second.key = LITELLM_KEY
    second.client.id = "other"
    await admin.ask("CreateClient", first)
    status, sentence = await admin.refused("CreateClient", second)
    assert status == "ALREADY_EXISTS"
    assert sentence == "key belongs to another client already; nothing was changed"


@pytest.mark.parametrize(
    ("fields", "key", "sentence"),
    [
        ({"id": ""}, "", "client.id must be 1 to 63"),
        ({"id": "Chat"}, "", "client.id must be 1 to 63"),
        ({"id": "-chat"}, "", "client.id must be 1 to 63"),
        ({"id": "a" * 64}, "", "client.id must be 1 to 63"),
        ({"kind": "admin"}, "", "client.kind must be one of service, trusted; it is 'admin'"),
        ({"litellm_key": "x"}, "", "client.litellm_key must be one of"),
        ({"unknown_users": "x"}, "", "client.unknown_users must be one of"),
        ({"style": "x"}, "", "client.style must be one of"),
        ({"language": "pt"}, "", "client.language must be one of"),
        ({"litellm_key": "pass_through"}, "", "key must be given"),
        ({"litellm_key": "pass_through"}, "short", "key must be 16 to 512"),
        ({"litellm_key": "pass_through"}, "with a space in it", "key must be 16 to 512"),
        ({}, LITELLM_KEY, "key must be empty"),
    ],
)
async def test_client_with_a_wrong_field_is_refused_by_its_name(
    admin: Service, fields: dict[str, str], key: str, sentence: str
) -> None:
    """The refusal begins with the field, so that a person can put it right; nothing is written."""
    request = a_client(**fields)
    request.key = key
    status, found = await admin.refused("CreateClient", request)
    assert status == "INVALID_ARGUMENT"
    assert found.startswith(sentence)
    assert await admin.audit() == []


async def test_disabled_client_is_news_with_an_audit_line(admin: Service) -> None:
    """A leaked key is closed at once: the replicas are told."""
    await admin.ask("CreateClient", a_client())
    request = pb.SetClientEnabledRequest(id="chat", enabled=False, reason="key leaked")
    assert not (await admin.ask("SetClientEnabled", request)).enabled
    assert admin.published == ["clients", "clients"]
    assert (await admin.audit())[-1] == (
        "admin", "set_client_enabled", "chat", {"reason": "key leaked", "enabled": False},
    )  # fmt: skip


async def test_unknown_client_is_not_found_with_what_to_do(admin: Service) -> None:
    """The sentence names the command that shows which there are."""
    request = pb.SetClientEnabledRequest(id="nobody", enabled=True, reason="r")
    status, sentence = await admin.refused("SetClientEnabled", request)
    assert status == "NOT_FOUND"
    assert sentence == "there is no client nobody: `pedagio client list` names them all"
