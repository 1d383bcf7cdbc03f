"""Puts the pages together: one application, its guard, its errors as pages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import grpc
import structlog
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from accounting.web.desk import Desk, RefusedError
from accounting.web.guard import Forms, Guard
from accounting.web.look import Look
from accounting.web.oidc import Oidc

STATUS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}
# Said where nothing better is known; each a key of words/.
PROBLEMS: Final = {
    401: "Please sign in again.",
    403: "You may not do this here.",
    404: "There is nothing at this address, or it is not for you.",
    405: "This address takes no such request.",
    413: "This file is too large.",
    422: "Something in this form cannot be used.",
    429: "Too many tries. Please wait a minute.",
    503: "The service is not available now: nothing was changed. Please try again in a minute.",
    504: "No answer came in time: whether anything was changed is unknown. Please look before you try again.",
}
ELSE: Final = "Something went wrong on our side; the log says why."
STALE: Final = (
    "This form is from another visit: please open the page again, then send it once more."
)

log = structlog.get_logger()


@dataclass(frozen=True)
class Web:
    """What every page works with."""

    desk: Desk
    look: Look
    forms: Forms
    public_url: str
    oidc: Oidc | None = None


def web_of(request: Request) -> Web:
    """The one of this application."""
    web: Web = request.app.state.web
    return web


async def check_form(request: Request) -> AsyncIterator[None]:
    """Before every write, whatever its page; files of the form are let go afterwards."""
    try:
        await web_of(request).forms.check(request)
        yield
    finally:
        await request.close()


def create_web(web: Web, *routers: APIRouter) -> Guard:
    """The application behind its guard, which is around every answer, errors too."""
    app = FastAPI(
        title="Pedagio, pages",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(check_form)],
    )
    app.state.web = web
    app.mount("/static", StaticFiles(packages=[("accounting.web", "static")]), name="static")
    for router in routers:
        app.include_router(router)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("serving")

    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(404, _http)
    app.add_exception_handler(405, _http)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(Exception, _failed)
    return Guard(app, secure=web.look.secure)


def problem(request: Request, status: int, sentence: str = "", detail: str = "") -> Response:
    """A page that says what is wrong, and what may be done."""
    said = sentence or PROBLEMS.get(status, ELSE)
    return web_of(request).look.page(
        request, "problem.html", status, status=status, sentence=said, detail=detail
    )


def _page_of(request: Request) -> str:
    """Which page it was, without what was filled into its path: the codes of addresses are secrets."""
    return str(getattr(request.scope.get("route"), "path", ""))


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    status = STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("page_failed", page=_page_of(request), code=error.code.name)
        return problem(request, status)
    fields = "; ".join(f"{name}: {what}" for name, what in error.fields.items())
    return problem(request, status, detail=fields or str(error))


async def _http(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None) or {}
    if "location" in headers and "hx-request" in request.headers:
        return Response(
            headers={"hx-redirect": headers["location"]}
        )  # a part of a page: the whole goes
    if "location" in headers:
        return RedirectResponse(headers["location"], status)
    stale = getattr(error, "detail", "") == "stale_form"
    return problem(request, status, STALE if stale else "")


async def _unusable(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    fields = ", ".join(".".join(map(str, each["loc"][1:])) for each in found)
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail=fields)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("page_failed", page=_page_of(request), exc_info=error)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR)
