"""What surrounds every page: headers that browsers obey, a bound on bodies, no writes from other sites."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from fastapi import HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT_BYTES: Final = 2 * 1024 * 1024
# A form has some dozens; of many thousand empty ones each costs time in which nobody else is answered.
FIELDS_LIMIT: Final = 2_000
URLENCODED: Final = b"application/x-www-form-urlencoded"
FORM_COOKIE: Final = "pedagio_form"
FORM_FIELD: Final = "form_token"
FORM_BYTES: Final = 16
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Nothing from elsewhere, nothing inline, in nobody's frame, and no address handed on.
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
HSTS: Final = "max-age=31536000; includeSubDomains"


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """`secure`: the pages are reached by https, whoever ends it."""
        self.app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body counted, its answer with our headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        cached = str(scope["path"]).startswith("/static/")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers["cache-control"] = "public, max-age=3600" if cached else "no-store"
                if self._secure:
                    headers["strict-transport-security"] = HSTS
            await send(message)

        kinds = [value for name, value in scope["headers"] if name == b"content-type"]
        form = any(URLENCODED in kind.lower() for kind in kinds)
        await self.app(scope, _bounded(receive, form=form), answer)


def _bounded(receive: Receive, *, form: bool) -> Receive:
    """`form`: its fields are counted before anybody reads them."""
    taken = fields = 0

    async def take() -> Message:
        nonlocal taken, fields
        message = await receive()
        body = message.get("body", b"")
        taken += len(body)
        fields += body.count(b"&") if form else 0
        if taken > BODY_LIMIT_BYTES or fields > FIELDS_LIMIT:
            raise HTTPException(413, "body_too_large")
        return message

    return take


class Forms:
    """Ties each form to the browser that it was shown to: a cookie, and its HMAC in the form."""

    def __init__(self, key: bytes) -> None:
        """`key` must be the same in every process that serves the pages."""
        self._key = hmac.digest(key, b"pedagio form v1", "sha256")

    def token(self, request: Request) -> str:
        """What the form carries."""
        return hmac.digest(self._key, self.cookie(request).encode(), "sha256").hex()

    def seal(self, text: str) -> str:
        """What only this installation can write beside a text, for a cookie that says something."""
        return hmac.digest(self._key, f"sealed\0{text}".encode(), "sha256").hex()

    @staticmethod
    def cookie(request: Request) -> str:
        """The browser's own secret; a new one where it has none yet."""
        known = request.cookies.get(FORM_COOKIE, "")
        if not known:
            known = getattr(request.state, "form_cookie", "") or secrets.token_urlsafe(FORM_BYTES)
            request.state.form_cookie = known
        return known

    async def check(self, request: Request) -> None:
        """Raises HTTPException 403 for a write that was not made with a form of ours."""
        if request.method in SAFE:
            return
        # Browsers say from where; a form of another site is refused before its body is read.
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise HTTPException(403, "other_site")
        given = str((await request.form()).get(FORM_FIELD, ""))
        if FORM_COOKIE not in request.cookies or not hmac.compare_digest(
            given.encode(), self.token(request).encode()
        ):
            raise HTTPException(403, "stale_form")
