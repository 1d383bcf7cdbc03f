"""Who has signed in: an administrator's own token, in a cookie that scripts cannot read."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import grpc
from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from accounting.web.app import Web, web_of
from accounting.web.desk import CALL_BOUND_S, RefusedError
from protos.pedagio.v1.admins_pb2 import WhoAmIRequest
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub

SESSION_COOKIE: Final = "pedagio_session"
SIGN_IN: Final = "/sign-in"


@dataclass(frozen=True, slots=True)
class Session:
    """An administrator at work: pages ask the services with their token, so roles and audit are theirs."""

    request: Request
    token: str
    email: str
    name: str
    roles: Collection[str]

    @property
    def web(self) -> Web:
        """What every page works with."""
        return web_of(self.request)

    async def ask(self, stub: Any, method: str, message: Any, bound_s: float = CALL_BOUND_S) -> Any:
        """The answer of a service to this administrator; raises RefusedError."""
        return await self.web.desk.ask(stub, method, message, self.token, bound_s=bound_s)

    async def look(self, stub: Any, method: str, message: Any) -> Any:
        """As `ask`; None where this administrator may not ask it: that part of the page is left out."""
        try:
            return await self.ask(stub, method, message)
        except RefusedError as error:
            if error.code is grpc.StatusCode.PERMISSION_DENIED:
                return None
            raise

    def page(self, template: str, status: int = 200, /, **facts: Any) -> HTMLResponse:
        """A page with the navigation of this administrator."""
        return self.web.look.page(self.request, template, status, me=self, **facts)

    def may(self, *roles: str) -> bool:
        """Whether a button is worth showing; the services decide."""
        return bool(set(roles) & set(self.roles))


async def signed(request: Request) -> Session:
    """The dependency of each page for administrators; sends everybody else to the sign-in page."""
    token = token_of(request)
    if not token:
        raise _to_sign_in(request)
    try:
        who = await web_of(request).desk.ask(AdminsServiceStub, "WhoAmI", WhoAmIRequest(), token)
    except RefusedError as error:
        if error.code is grpc.StatusCode.UNAUTHENTICATED:  # it ended meanwhile
            raise _to_sign_in(request) from error
        raise
    return Session(request, token, who.email, who.name, {role.role for role in who.roles})


def token_of(request: Request) -> str:
    """Of the browser's session; empty: it has none, or what no token of ours looks like and no call could carry."""
    token = request.cookies.get(SESSION_COOKIE, "")
    return token if token.isascii() and token.isprintable() else ""


def _to_sign_in(request: Request) -> HTTPException:
    """Back to the same page afterwards, where it was one that is only looked at."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = f"{SIGN_IN}?{urlencode({'next': asked})}" if request.method == "GET" else SIGN_IN
    return HTTPException(303, headers={"location": where})


def remember(answer: Response, token: str, seconds: int, *, secure: bool) -> None:
    """Keep a session in the browser."""
    answer.set_cookie(
        SESSION_COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=secure
    )


def forget(answer: Response) -> None:
    """End it there."""
    answer.delete_cookie(SESSION_COOKIE)
