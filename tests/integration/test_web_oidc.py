"""Signing in at an OpenID provider: what it signed for us, now, for this browser; nothing else."""

import base64
import hashlib
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from accounting.web.oidc import Oidc
from tests.integration.admin_service import Service
from tests.integration.admins import add
from tests.integration.web_scene import URL, Browser, pages

ISSUER, CLIENT, SECRET = "https://id.example", "pedagio", "s" * 32
ANA = "ana@example.com"


class Provider:
    """A small one; `claims` and `header` are put over what it would say, `key` signs."""

    def __init__(self) -> None:
        """Nothing wrong with it yet."""
        self.published = self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.document: dict[str, Any] = {}
        self.sent: dict[str, str] = {}
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._discovery)
        self.app.get("/keys")(self._keys)
        self.app.post("/token")(self._token)

    def oidc(self) -> Oidc:
        """As the pages know it."""
        transport = httpx.ASGITransport(self.app)
        return Oidc(ISSUER, CLIENT, SECRET, f"{URL}/oidc/back", transport)

    async def _discovery(self) -> Response:
        return JSONResponse({
            "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token", "jwks_uri": f"{ISSUER}/keys", **self.document,
        })  # fmt: skip

    async def _keys(self) -> Response:
        return JSONResponse({"keys": [self.published.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        """As RFC 6749 and RFC 7636 have it: the code, the client's secret, the verifier."""
        form = await request.form()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        right = (
            request.headers.get("authorization") == f"Basic {basic}"
            and form["code"] == "the-code"
            and form["redirect_uri"] == f"{URL}/oidc/back"
            and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
            == self.sent["code_challenge"]
        )
        await form.close()
        if not right:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": CLIENT, "exp": now + 300, "iat": now, "sub": "7", "email": ANA,
            "email_verified": True, "nonce": self.sent["nonce"], **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return JSONResponse({"id_token": jwt.encode(self.header, claims, self.key)})

    async def visit(self, browser: Browser, where: str = "/people") -> dict[str, str]:
        """To the provider, where somebody says who they are; returns what the browser brings back."""
        answer = await browser.client.get("/oidc/start", params={"next": where})
        assert answer.status_code == 303, answer.text
        address = urlsplit(answer.headers["location"])
        assert f"{address.scheme}://{address.netloc}{address.path}" == f"{ISSUER}/authorize"
        self.sent = {name: values[0] for name, values in parse_qs(address.query).items()}
        return {"code": "the-code", "state": self.sent["state"]}


async def come_back(browser: Browser, brought: dict[str, str]) -> httpx.Response:
    """The page on which the provider leaves the browser."""
    return await browser.client.get("/oidc/back", params=brought)


async def test_administrator_of_the_vouched_e_mail_is_let_in(admin: Service) -> None:
    """By a page of ours, for a strict cookie does not travel on from another site; the audit says how."""
    await add(admin, ANA, "viewer")
    provider = Provider()
    provider.claims = {"email": ANA.upper()}
    async with pages(admin, provider.oidc()) as web:
        browser = web.browser()
        assert "/oidc/start?next=/people" in (await browser.get("/sign-in?next=/people")).text
        answer = await come_back(browser, await provider.visit(browser))
        assert answer.status_code == 200, answer.text
        assert 'content="0;url=/people"' in answer.text
        assert (await browser.get("/people")).status_code == 200
        again = await come_back(browser, {"code": "the-code", "state": provider.sent["state"]})
        assert again.status_code == 403
    actor, action, _, detail = (await admin.audit())[-1]
    assert (actor, action, detail["reason"]) == (ANA, "sign_in", "vouched for by the provider")


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@example.com"}, {"email": None}, {"email": "x"}, {"email_verified": False},
        {"email_verified": None}, {"email_verified": "true"}, {"nonce": "another"}, {"nonce": None},
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": None},
        {"exp": 1_700_000_000}, {"exp": None}, {"exp": "soon"}, {"aud": [CLIENT, "another"]},
        {"aud": 7}, {"azp": "another"},
    ],
)  # fmt: skip
async def test_what_the_provider_did_not_say_of_them_to_us_now_lets_nobody_in(
    admin: Service, claims: dict[str, Any]
) -> None:
    """One claim that is another one, or missing."""
    await add(admin, ANA, "viewer")
    provider = Provider()
    provider.claims = claims
    async with pages(admin, provider.oidc()) as web:
        browser = web.browser()
        answer = await come_back(browser, await provider.visit(browser))
        assert answer.status_code in {403, 422}
        assert "pedagio_session" not in browser.client.cookies


async def test_letter_of_another_alphabet_is_nobody_elses(admin: Service) -> None:
    """The sign of Kelvin is a k in lower case: whoever has a mailbox of that name is not Kim."""
    await add(admin, "kim@example.com", "viewer")
    provider = Provider()
    provider.claims = {"email": "\N{KELVIN SIGN}im@example.com"}
    async with pages(admin, provider.oidc()) as web:
        browser = web.browser()
        answer = await come_back(browser, await provider.visit(browser))
        assert answer.status_code == 403
        assert "pedagio_session" not in browser.client.cookies


@pytest.mark.parametrize("how", ["another key", "none", "shared secret", "no token"])
async def test_token_that_the_provider_did_not_sign_lets_nobody_in(
    admin: Service, how: str
) -> None:
    """Its own key, by a signature that only it can make."""
    await add(admin, ANA, "viewer")
    provider = Provider()
    key: Any = RSAKey.generate_key(2048, {"kid": "one"})
    if how == "shared secret":
        provider.header = {"alg": "HS256", "kid": "one"}
        key = OctKey.import_key(SECRET, {"kid": "one"})
    provider.key = key
    oidc = provider.oidc()
    async with pages(admin, oidc) as web:
        browser = web.browser()
        brought = await provider.visit(browser)
        if how in {"none", "no token"}:
            head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            token = f"{head}.e30." if how == "none" else ""
            provider.app.router.routes = [
                r for r in provider.app.router.routes if getattr(r, "path", "") != "/token"
            ]
            provider.app.post("/token")(lambda: {"id_token": token})
        assert (await come_back(browser, brought)).status_code == 403
        assert "pedagio_session" not in browser.client.cookies


async def test_answer_is_of_no_use_to_another_browser_or_with_another_state(admin: Service) -> None:
    """Who is led to our address with somebody's code is not signed in as them."""
    await add(admin, ANA, "viewer")
    provider = Provider()
    async with pages(admin, provider.oidc()) as web:
        browser, other = web.browser(), web.browser()
        brought = await provider.visit(browser)
        assert (await come_back(other, brought)).status_code == 403
        for wrong in ({"state": "x"}, {"state": ""}, {"code": "another"}):
            assert (await come_back(browser, {**brought, **wrong})).status_code == 403
            brought = await provider.visit(browser)
        kept = browser.client.cookies.get("pedagio_oidc")
        assert kept is not None
        browser.client.cookies.set("pedagio_oidc", kept[:-1] + "x", domain="pedagio.example")
        other.client.cookies.set("pedagio_oidc", "7b7d.00")
        assert (await come_back(other, brought)).status_code == 403


async def test_provider_that_changes_its_key_is_asked_for_it_again(admin: Service) -> None:
    """Once, where the token names a key that is not known."""
    await add(admin, ANA, "viewer")
    provider = Provider()
    async with pages(admin, provider.oidc()) as web:
        browser = web.browser()
        assert (await come_back(browser, await provider.visit(browser))).status_code == 200
        provider.published = provider.key = RSAKey.generate_key(2048, {"kid": "two"})
        provider.header = {"alg": "RS256", "kid": "two"}
        assert (await come_back(browser, await provider.visit(browser))).status_code == 200


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://id.example/token"},
     {"jwks_uri": None}],
)  # fmt: skip
async def test_provider_that_is_not_what_was_set_is_not_gone_to(
    admin: Service, document: dict[str, Any]
) -> None:
    """Said as a page; no secret goes over plain HTTP."""
    provider = Provider()
    provider.document = document
    async with pages(admin, provider.oidc()) as web:
        assert (await web.browser().get("/oidc/start")).status_code == 503
    async with pages(admin) as without:
        assert (await without.browser().get("/oidc/start")).status_code == 404
        assert (
            "organisation" not in (await without.browser().get("/sign-in")).text.split("<form")[0]
        )
