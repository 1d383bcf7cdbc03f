"""Signing in at the organisation's own provider: there, and back."""

import dataclasses
import hmac
import json

import structlog
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from accounting.web.app import web_of
from accounting.web.oidc import BACK, Errand, Oidc, OidcError
from accounting.web.session import token_of
from accounting.web.sign_in_pages import entered, own_path
from protos.pedagio.v1 import sign_in_pb2 as pb
from protos.pedagio.v1.sign_in_pb2_grpc import SignInServiceStub

router = APIRouter()
COOKIE = "pedagio_oidc"
MINUTES_S = 10 * 60
PATH = "/oidc"
log = structlog.get_logger()


@router.get("/oidc/start")
async def start(request: Request, next: str = "/") -> Response:  # noqa: A002 (its name in the address)
    """Off to the provider; what comes back must be this browser's."""
    errand = Errand.new(own_path(next))
    try:
        where = await _provider(request).address(errand)
    except OidcError as error:
        log.warning("oidc_failed", error=str(error))
        return _failed(request, 503)
    text = json.dumps(dataclasses.asdict(errand)).encode().hex()
    answer = RedirectResponse(where, 303)
    # Lax: the browser comes back from another site.
    answer.set_cookie(
        COOKIE, f"{text}.{_seal(request, text)}", max_age=MINUTES_S, path=PATH, httponly=True,
        samesite="lax", secure=web_of(request).look.secure,
    )  # fmt: skip
    return answer


@router.get(BACK)
async def back(request: Request, code: str = "", state: str = "") -> Response:
    """Back with a code: whose e-mail the provider vouches for is let in, if they administer."""
    provider = _provider(request)
    try:
        errand = _errand(request, state)
        email = await provider.email(code, errand)
    except OidcError as error:
        log.warning("oidc_failed", error=str(error))
        return _failed(request, 403)
    message = pb.SignInVouchedRequest(
        email=email, old_token=token_of(request),
        peer=request.client.host if request.client else "",
    )  # fmt: skip
    found = await web_of(request).desk.ask(SignInServiceStub, "SignInVouched", message)
    if not found.token:
        return _failed(request, 403, email)
    # A page of ours in between: a browser that comes from another site sends no strict cookie on.
    page = web_of(request).look.page(request, "admin/welcome.html", next=errand.next)
    page.delete_cookie(COOKIE, path=PATH)
    return entered(request, found, page)


def _provider(request: Request) -> Oidc:
    provider = web_of(request).oidc
    if provider is None:
        raise HTTPException(404)
    return provider


def _seal(request: Request, text: str) -> str:
    return web_of(request).forms.seal(f"oidc {text}")


def _errand(request: Request, state: str) -> Errand:
    text, _, sealed = request.cookies.get(COOKIE, "").partition(".")
    if not hmac.compare_digest(sealed.encode(), _seal(request, text).encode()):
        raise OidcError("this browser was not sent away by us, or too long ago")
    errand = Errand(**json.loads(bytes.fromhex(text)))
    if not state or not hmac.compare_digest(state.encode(), errand.state.encode()):
        raise OidcError("the state is another one")
    return errand


def _failed(request: Request, status: int, email: str = "") -> Response:
    page = web_of(request).look.page(request, "admin/not_let_in.html", status, email=email)
    page.delete_cookie(COOKIE, path=PATH)
    return page
