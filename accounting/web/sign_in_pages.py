"""Signing in: `/sign-in`, the page of an invitation, one's password."""

import hmac
import re
import secrets
from typing import Annotated, Any, Final

import grpc
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from accounting.web.app import web_of
from accounting.web.desk import RefusedError
from accounting.web.guard import FORM_COOKIE
from accounting.web.look import YEAR_S
from accounting.web.session import SIGN_IN, Session, forget, remember, signed, token_of
from protos.pedagio.v1 import sign_in_pb2 as pb
from protos.pedagio.v1.sign_in_pb2_grpc import SignInServiceStub

router = APIRouter()
SESSION_S: Final = 12 * 3600
DEVICE_COOKIE: Final = "pedagio_device"
DEVICE_BYTES: Final = 16
# A path of ours, with a query: no second slash and no backslash, which browsers read as another host.
_OWN_PATH: Final = re.compile(r"/(?![/\\])[\w/.~%@:+-]*(\?[\w/.~%@:+=&-]*)?", re.ASCII)
WRONG: Final = "E-mail or password is wrong."
WAIT: Final = "Too many wrong passwords. Please try again in {wait}."
SHORT: Final = "At least 12 characters."
TWO: Final = "These two are not the same."
NOT_CURRENT: Final = "This is not your present password."
Text = Annotated[str, Form()]
Me = Annotated[Session, Depends(signed)]


def own_path(path: str) -> str:
    """Where to go after signing in: a page of ours, else the first one."""
    return path if _OWN_PATH.fullmatch(path) else "/"


@router.get(SIGN_IN)
async def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 (its name in the address)
    """The form."""
    return _form(request, 200, next=own_path(next))


@router.post(SIGN_IN)
async def sign_in(
    request: Request,
    email: Text = "",
    password: Text = "",
    next: Text = "/",  # noqa: A002
) -> Response:
    """A new session, in place of the one that the browser has."""
    web, email = web_of(request), email.strip().lower()
    message = pb.SignInRequest(
        email=email,
        password=password,
        peer=request.client.host if request.client else "",
        device=_device(request, email),
        old_token=token_of(request),
    )
    try:
        found = await web.desk.ask(SignInServiceStub, "SignIn", message)
    except RefusedError as error:
        if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
            raise
        return _form(request, 422, next=own_path(next), email=email, problem=WRONG)
    if found.wait_s:
        return _form(
            request, 429, next=own_path(next), email=email, problem=WAIT, wait=_time(found.wait_s)
        )
    if not found.token:
        return _form(request, 422, next=own_path(next), email=email, problem=WRONG)
    return entered(request, found, RedirectResponse(own_path(next), 303))


@router.get(SIGN_IN + "/{code}")
async def invitation(request: Request, code: str) -> Response:
    """Choose a password."""
    asked = pb.ReadInviteRequest(code=code)
    try:
        found = await web_of(request).desk.ask(SignInServiceStub, "ReadInvite", asked)
    except RefusedError as error:
        if error.code is not grpc.StatusCode.NOT_FOUND:
            raise
        return web_of(request).look.page(request, "admin/no_invitation.html", 404)
    return _first(request, 200, code=code, email=found.email)


@router.post(SIGN_IN + "/{code}")
async def set_first_password(
    request: Request, code: str, password: Text = "", again: Text = "", email: Text = ""
) -> Response:
    """It is set once; the browser is signed in with it."""
    if password != again:
        return _first(request, 422, code=code, email=email, problem=TWO)
    message = pb.SetFirstPasswordRequest(code=code, password=password)
    try:
        found = await web_of(request).desk.ask(SignInServiceStub, "SetFirstPassword", message)
    except RefusedError as error:
        if "password" in error.fields:
            return _first(request, 422, code=code, email=email, problem=SHORT)
        if error.code is grpc.StatusCode.NOT_FOUND:
            return web_of(request).look.page(request, "admin/no_invitation.html", 404)
        raise
    return entered(request, found, RedirectResponse("/", 303))


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """The session ends here and in the ledger."""
    token = token_of(request)
    if token:
        message = pb.SignOutRequest(token=token)
        await web_of(request).desk.ask(SignInServiceStub, "SignOut", message)
    answer = RedirectResponse(SIGN_IN, 303)
    forget(answer)
    answer.delete_cookie(FORM_COOKIE)
    return answer


@router.get("/password")
async def password_page(me: Me) -> Response:
    """One's own password."""
    return me.page("admin/password.html", problem="", wait="")


@router.post("/password")
async def change_password(
    me: Me, current: Text = "", password: Text = "", again: Text = ""
) -> Response:
    """Every other session ends."""
    if password != again:
        return me.page("admin/password.html", 422, problem=TWO, wait="")
    message = pb.ChangePasswordRequest(current=current, password=password)
    try:
        found = await me.ask(SignInServiceStub, "ChangePassword", message)
    except RefusedError as error:
        if not error.fields:
            raise
        problem = SHORT if "password" in error.fields else NOT_CURRENT
        return me.page("admin/password.html", 422, problem=problem, wait="")
    if found.wait_s:
        return me.page("admin/password.html", 429, problem=WAIT, wait=_time(found.wait_s))
    return entered(me.request, found, RedirectResponse("/?done=password", 303))


def _form(request: Request, status: int, **facts: Any) -> Response:
    facts = {"email": "", "problem": "", "wait": "", **facts}
    oidc = web_of(request).oidc is not None
    return web_of(request).look.page(request, "admin/sign_in.html", status, oidc=oidc, **facts)


def _first(request: Request, status: int, **facts: Any) -> Response:
    facts = {"problem": "", **facts}
    return web_of(request).look.page(request, "admin/first_password.html", status, **facts)


def entered(request: Request, found: Any, answer: Response) -> Response:
    """Nothing that the browser had before signing in goes on: neither session nor form secret."""
    web = web_of(request)
    remember(answer, found.token, SESSION_S, secure=web.look.secure)
    answer.delete_cookie(FORM_COOKIE)
    nonce = secrets.token_urlsafe(DEVICE_BYTES)
    sealed = web.forms.seal(f"device {found.email} {nonce}")
    answer.set_cookie(
        DEVICE_COOKIE, f"{nonce}.{sealed}", max_age=YEAR_S, path=SIGN_IN, httponly=True,
        samesite="strict", secure=web.look.secure,
    )  # fmt: skip
    return answer


def _device(request: Request, email: str) -> str:
    """Of a browser in which this administrator was before; empty: of another one."""
    nonce, _, sealed = request.cookies.get(DEVICE_COOKIE, "").partition(".")
    right = web_of(request).forms.seal(f"device {email} {nonce}")
    return nonce if hmac.compare_digest(sealed.encode(), right.encode()) else ""


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{-(-seconds // 60)} min"  # noqa: PLR2004
