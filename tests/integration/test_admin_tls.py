"""The AdminService over TLS: whom a certificate names, and whom it does not."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from pydantic import ValidationError

from accounting.admin import ports
from accounting.settings import AccountingSettings
from local.probe import free_ports
from protos.pedagio.v1 import admin_pb2, admins_pb2
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from tests.integration.admin_service import BOUND_S, TOKENS, Service, serve
from tests.integration.admins import add
from tests.integration.admins import ask as ask_plain
from tests.integration.certificates import Authority, Pair
from tests.integration.test_admin_cli import pedagio

ANA, BIA = "ana@example.com", "bia@example.com"
NOBODY = ("UNAUTHENTICATED", "the certificate names no administrator")
REQUIRED = ("UNAUTHENTICATED", "an administrator's token is required")
AUTHORITY = Authority()
OURS = AUTHORITY.vouch(common="accounting")


def settings(**fields: str) -> AccountingSettings:
    """Of a service with a certificate, on a free port."""
    (port,) = free_ports(1)
    return AccountingSettings(
        **{
            "database_url": "postgresql://x", "token_keys": "k" * 40, "report_keys": "k" * 40,
            "admin_token": TOKENS[0], "litellm_key": "x", "admin_listen": "127.0.0.1:0",
            "admin_tls_listen": f"127.0.0.1:{port}", "admin_tls_cert": OURS.certificate,
            "admin_tls_key": OURS.key, **fields,
        }  # type: ignore[arg-type]
    )  # fmt: skip


@dataclass
class Desk:
    """A service as administrators reach it from afar."""

    service: Service
    address: str

    async def ask(self, shown: Pair | None, request: Any, token: str = "", **how: Any) -> Any:
        """One call with this certificate, by the name of the method; raises AioRpcError."""
        pair = (shown.key.encode(), shown.certificate.encode()) if shown else (None, None)
        credentials = grpc.ssl_channel_credentials(AUTHORITY.certificate.encode(), *pair)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        async with grpc.aio.secure_channel(self.address, credentials) as channel:
            stub = how.get("stub", AdminsServiceStub)(channel)
            call = getattr(stub, how.get("method", "WhoAmI"))
            return await call(request, metadata=metadata, timeout=BOUND_S)

    async def who(self, shown: Pair | None, token: str = "") -> str:
        """Whom the service takes the caller for."""
        answer = await self.ask(shown, admins_pb2.WhoAmIRequest(), token)
        return "installation" if answer.installation else str(answer.email)

    async def refused(self, shown: Pair | None, token: str = "") -> tuple[str, str]:
        """Status and sentence of a call that must not be answered."""
        try:
            found = await self.who(shown, token)
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details() or ""
        raise AssertionError(f"answered to {found}")


@contextlib.asynccontextmanager
async def desk(pool: asyncpg.Pool, **fields: str) -> AsyncIterator[Desk]:
    """Serves Ana, a viewer, with these settings beside those of TLS."""
    wanted = settings(**fields)
    async with serve(pool, settings=wanted) as service:
        await add(service, ANA, "viewer", "operator")
        yield Desk(service, wanted.admin_tls_listen)


@pytest.fixture
async def mutual(pool: asyncpg.Pool) -> AsyncIterator[Desk]:
    """A desk at which certificates of the authority name people."""
    async with desk(pool, admin_tls_client_ca=AUTHORITY.certificate) as opened:
        yield opened


async def test_certificate_stands_in_place_of_a_token(mutual: Desk) -> None:
    """It names the administrator of its e-mail, however that is written; the audit says so."""
    assert await mutual.who(AUTHORITY.vouch("Ana@Example.com")) == ANA
    request = admin_pb2.SetModeRequest(mode="off", reason="because")
    await mutual.ask(AUTHORITY.vouch(ANA), request, stub=AdminServiceStub, method="SetMode")
    assert (await mutual.service.audit())[-1][:3] == (ANA, "set_mode", "off")


async def test_who_is_removed_is_nobody_from_the_next_call_on(mutual: Desk) -> None:
    """Whatever the certificate says until it ends."""
    shown = AUTHORITY.vouch(ANA)
    assert await mutual.who(shown) == ANA
    gone = admins_pb2.RemoveAdminRequest(email=ANA, reason="left")
    await ask_plain(mutual.service, "RemoveAdmin", gone)
    assert await mutual.refused(shown) == NOBODY


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (AUTHORITY.vouch("eva@example.com"), NOBODY),
        (AUTHORITY.vouch(common=ANA), REQUIRED),
        (AUTHORITY.vouch(names=(ANA.replace("@", "."),)), REQUIRED),
        (AUTHORITY.vouch(ANA, BIA), REQUIRED),
        (AUTHORITY.vouch(f"{ANA} "), NOBODY),
    ],
    ids=["unknown", "common name", "host name", "two e-mails", "a space more"],
)
async def test_certificate_that_names_no_one_administrator_opens_nothing(
    mutual: Desk, shown: Pair, expected: tuple[str, str]
) -> None:
    """Only the one e-mail among its alternative names counts."""
    status, sentence = await mutual.refused(shown)
    assert (status, sentence[: len(expected[1])]) == expected


@pytest.mark.parametrize(
    "shown",
    [
        None,
        Authority().vouch(ANA),
        Authority(common="somebody else's").vouch(ANA),
        AUTHORITY.vouch(ANA, lasts=-timedelta(days=1)),
    ],
    ids=["none", "same name, other key", "another authority's", "expired"],
)
async def test_connection_without_a_certificate_of_the_authority_does_not_come_about(
    mutual: Desk, shown: Pair | None
) -> None:
    """Not even with a token."""
    assert (await mutual.refused(shown, TOKENS[0]))[0] == "UNAVAILABLE"


async def test_token_and_certificate_name_the_same_person(mutual: Desk) -> None:
    """A token that was taken from Bia opens nothing from Ana's machine; the installation's is nobody's."""
    bias = await add(mutual.service, BIA, "viewer")
    assert await mutual.who(AUTHORITY.vouch(BIA), bias) == BIA
    status, sentence = await mutual.refused(AUTHORITY.vouch(ANA), bias)
    assert (status, sentence) == (
        "UNAUTHENTICATED",
        "the certificate names another administrator than the token",
    )
    assert await mutual.who(AUTHORITY.vouch(ANA), TOKENS[0]) == "installation"
    assert await mutual.who(AUTHORITY.vouch(common="bastion"), bias) == BIA
    assert (await mutual.refused(AUTHORITY.vouch(ANA), "wrong"))[0] == "UNAUTHENTICATED"


async def test_revoked_certificate_opens_nothing(pool: asyncpg.Pool) -> None:
    """Nor does it beside a token; another one of the same person does."""
    lost = AUTHORITY.vouch(ANA)
    pairs = zip(lost.fingerprint[::2], lost.fingerprint[1::2], strict=True)
    printed = ":".join(f"{a}{b}" for a, b in pairs)  # as openssl prints it
    async with desk(
        pool, admin_tls_client_ca=AUTHORITY.certificate, admin_tls_revoked=f"{'0' * 64}, {printed}"
    ) as opened:
        revoked = ("UNAUTHENTICATED", "the certificate was revoked")
        assert await opened.refused(lost) == revoked
        assert await opened.refused(lost, TOKENS[0]) == revoked
        assert await opened.who(AUTHORITY.vouch(ANA)) == ANA


async def test_plain_port_takes_a_token_as_ever(mutual: Desk) -> None:
    """No certificate is to be had there, so nothing else says who calls."""
    assert (await ask_plain(mutual.service, "WhoAmI", admins_pb2.WhoAmIRequest())).installation
    async with grpc.aio.insecure_channel(mutual.service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await AdminsServiceStub(channel).WhoAmI(admins_pb2.WhoAmIRequest(), timeout=BOUND_S)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert (caught.value.details() or "").startswith(REQUIRED[1])


async def test_tls_without_an_authority_of_clients_takes_tokens(pool: asyncpg.Pool) -> None:
    """A certificate that is shown there says nothing."""
    async with desk(pool) as opened:
        assert await opened.who(None, TOKENS[0]) == "installation"
        for shown in (None, AUTHORITY.vouch(ANA)):
            status, sentence = await opened.refused(shown)
            assert (status, sentence[: len(REQUIRED[1])]) == REQUIRED


@pytest.mark.parametrize(("email", "expected"), [(ANA, "OK"), ("eva@example.com", "UNAUTHENTICATED")])  # fmt: skip
async def test_reflection_tells_administrators_only(
    mutual: Desk, email: str, expected: str
) -> None:
    """Also where it is a certificate that says who they are."""
    shown = AUTHORITY.vouch(email)
    credentials = grpc.ssl_channel_credentials(
        AUTHORITY.certificate.encode(), shown.key.encode(), shown.certificate.encode()
    )
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    async with grpc.aio.secure_channel(mutual.address, credentials) as channel:
        call = ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]), timeout=BOUND_S)
        try:
            answers = [answer async for answer in call]
        except grpc.aio.AioRpcError as error:
            assert error.code().name == expected  # noqa: PT017 (either is right)
            return
    names = {each.name for each in answers[0].list_services_response.service}
    assert ("pedagio.v1.TrialService" in names, expected) == (True, "OK")


async def test_cli_takes_a_certificate_from_a_profile_or_the_environment(
    mutual: Desk, tmp_path: Path
) -> None:
    """No token is needed; a key that others could read is not used."""
    authority = tmp_path / "ca.crt"
    authority.write_text(AUTHORITY.certificate)
    certificate, key = AUTHORITY.vouch(ANA).write(tmp_path, "ana")
    profiles = tmp_path / "pedagio" / "profiles.toml"
    profiles.parent.mkdir()
    profiles.touch(0o600)
    profiles.write_text(
        f'[work]\naddress = "{mutual.address}"\nca = "{authority}"\n'
        f'cert = "{certificate}"\nkey = "{key}"\n'
    )
    words = ("--profile", "work", "admin", "whoami")
    shown = await pedagio(mutual.service, *words, XDG_CONFIG_HOME=str(tmp_path))
    assert ANA in shown.stdout
    named = {
        "PEDAGIO_ADMIN_ADDRESS": mutual.address, "PEDAGIO_ADMIN_TOKEN": "",
        "PEDAGIO_ADMIN_CA_FILE": str(authority), "PEDAGIO_ADMIN_CERT_FILE": certificate,
        "PEDAGIO_ADMIN_KEY_FILE": key,
    }  # fmt: skip
    shown = await pedagio(mutual.service, "admin", "whoami", **named)  # type: ignore[arg-type]
    assert ANA in shown.stdout
    (tmp_path / "ana.key").chmod(0o640)
    open_key = await pedagio(mutual.service, *words, code=1, XDG_CONFIG_HOME=str(tmp_path))
    assert "can be read by others: chmod 600" in open_key.stderr


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"PEDAGIO_ADMIN_CA_FILE": "{other}"}, "no TLS connection to"),
        ({"PEDAGIO_ADMIN_KEY_FILE": ""}, "a client certificate needs its key"),
        ({"PEDAGIO_ADMIN_CA_FILE": "/nowhere.crt"}, "/nowhere.crt cannot be read"),
    ],
)
async def test_cli_says_what_is_wrong_with_a_certificate(
    mutual: Desk, tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    """In one sentence; above all, it asks nobody whom it cannot trust."""
    other = tmp_path / "other.crt"
    other.write_text(Authority("other").certificate)
    authority = tmp_path / "ca.crt"
    authority.write_text(AUTHORITY.certificate)
    certificate, key = AUTHORITY.vouch(ANA).write(tmp_path, "ana")
    named = {
        "PEDAGIO_ADMIN_ADDRESS": mutual.address, "PEDAGIO_ADMIN_TOKEN": TOKENS[0],
        "PEDAGIO_ADMIN_CA_FILE": str(authority), "PEDAGIO_ADMIN_CERT_FILE": certificate,
        "PEDAGIO_ADMIN_KEY_FILE": key,
    } | {name: value.format(other=other) for name, value in changed.items()}  # fmt: skip
    said = await pedagio(mutual.service, "admin", "whoami", code=1, **named)
    assert sentence in said.stderr
    assert said.stderr.count("\n") == 1


def test_tls_without_a_certificate_is_refused_when_settings_are_read() -> None:
    """Rather than served plain."""
    with pytest.raises(ValidationError, match="PEDAGIO_ADMIN_TLS_LISTEN needs"):
        settings(admin_tls_cert="")


async def test_port_with_a_certificate_that_is_none_is_not_opened() -> None:
    """The process ends with the address in its last line."""
    wanted = settings(admin_tls_cert="no certificate", admin_tls_key="no key")
    with pytest.raises(OSError, match="cannot listen on 127"):
        ports.listen(grpc.aio.server(), wanted)
