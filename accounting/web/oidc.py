"""OpenID Connect: authorization code with PKCE, the answer checked against what the provider signed."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

BOUND_S: Final = 5.0
BYTES_LIMIT: Final = 512 * 1024
KNOWN_FOR_S: Final = 3600.0
LEEWAY_S: Final = 60
BACK: Final = "/oidc/back"
# Signatures with a key that only the provider has: none, and none by a shared secret.
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcError(Exception):
    """Nobody is known by this; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one browser was sent away with; all of it comes back in its cookie."""

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def new(cls, where: str) -> "Errand":
        """Random, for once."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, where)


@dataclass(slots=True)
class Oidc:
    """One provider; `redirect_uri` is ours. `transport`: for tests of the other end."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    transport: httpx.AsyncBaseTransport | None = None
    _found: Mapping[str, Any] = field(default_factory=dict)
    _keys: KeySet | None = None
    _known_at: float = 0.0

    async def address(self, errand: Errand) -> str:
        """Where the browser goes."""
        where = (await self._discover())["authorization_endpoint"]
        digest = hashlib.sha256(errand.verifier.encode()).digest()
        query = urlencode({
            "response_type": "code", "client_id": self.client_id, "scope": "openid email",
            "redirect_uri": self.redirect_uri, "state": errand.state, "nonce": errand.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        })  # fmt: skip
        return f"{where}{'&' if '?' in where else '?'}{query}"

    async def email(self, code: str, errand: Errand) -> str:
        """The verified e-mail of who came back; raises OidcError for anything else."""
        found = await self._discover()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri,
            "code_verifier": errand.verifier,
        }  # fmt: skip
        answer = await self._fetch("POST", found["token_endpoint"], form)
        claims = await self._claims(str(answer.get("id_token", "")))
        self._check(claims, errand)
        email = str(claims["email"]).strip()
        if not email.isascii():  # some letters of other alphabets become ours in lower case
            raise OidcError("the e-mail is of letters that no administrator's has")
        return email.lower()

    def _check(self, claims: Mapping[str, Any], errand: Errand) -> None:
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": errand.nonce},
            email={"essential": True},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as error:
            raise OidcError(f"the id token says otherwise: {error}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", self.client_id) != self.client_id or (several and "azp" not in claims):
            raise OidcError("the id token was made for another application")
        if claims.get("email_verified") is not True:
            raise OidcError("the provider has not verified this e-mail")

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """What the provider signed; a key that is not known is looked for once."""
        for fresh in (False, True):
            keys = await self._key_set(fresh=fresh)
            try:
                return jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
            except (InvalidKeyIdError, ValueError) as error:
                if fresh:
                    raise OidcError(f"the id token is signed by nobody known: {error}") from error
            except JoseError as error:
                raise OidcError(f"the id token cannot be used: {error}") from error
        raise AssertionError("the second look returns or raises")

    async def _key_set(self, *, fresh: bool) -> KeySet:
        if self._keys is None or fresh:
            found = await self._discover()
            try:
                keys: Any = await self._fetch("GET", found["jwks_uri"])
                self._keys = KeySet.import_key_set(keys)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise OidcError(f"the provider's keys cannot be read: {error}") from error
        return self._keys

    async def _discover(self) -> Mapping[str, Any]:
        if self._found and time.monotonic() - self._known_at < KNOWN_FOR_S:
            return self._found
        where = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._fetch("GET", where)
        if found.get("issuer") != self.issuer:
            raise OidcError(f"the provider calls itself {str(found.get('issuer'))[:80]}")
        scheme = urlsplit(self.issuer).scheme
        for name in ENDPOINTS:
            if not str(found.get(name, "")).startswith(f"{scheme}://"):
                raise OidcError(f"the provider's {name} is not {scheme}")
        self._found, self._keys, self._known_at = found, None, time.monotonic()
        return found

    async def _fetch(
        self, method: str, where: str, form: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        auth = httpx.BasicAuth(self.client_id, self.client_secret) if form else None
        try:
            async with httpx.AsyncClient(timeout=BOUND_S, transport=self.transport) as client:
                answer = await client.request(method, where, data=form, auth=auth)
            if answer.status_code != httpx.codes.OK or len(answer.content) > BYTES_LIMIT:
                raise OidcError(f"{where} answers {answer.status_code}")
            found = json.loads(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            raise OidcError(f"{where} does not answer: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise OidcError(f"{where} answers with no object")
        return found
