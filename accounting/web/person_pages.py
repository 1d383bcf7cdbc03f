"""The pages of people: behind a short address, opened by one button, for one browser."""

import secrets
from typing import Any, Final

import grpc
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from accounting.web.app import web_of
from accounting.web.desk import RefusedError
from accounting.web.look import LANGUAGE_COOKIE, LANGUAGES
from accounting.web.person_forms import ask_for_credit, plain_amount, read_amount, words_of
from protos.pedagio.v1 import person_pb2 as pb
from protos.pedagio.v1.person_pb2_grpc import PersonServiceStub

router = APIRouter()

# Lax: whoever comes back by the link in the chat is known at once; a write needs a form besides.
BROWSER_COOKIE: Final = "pedagio_browser"
BROWSER_PATH: Final = "/p"
BROWSER_BYTES: Final = 24
ID_DIGITS: Final = 18
DAY_S: Final = 24 * 3600
# The least that is shown of an amount in each unit; a cost below it is said to be so.
LEAST_NANOS: Final = {"credits": 10**6, "usd": 1}
CLOSED: Final = {"unknown": 404, "elsewhere": 403, "too_many": 429}
DONE: Final = frozenset({"asked", "approved", "withdrawn", "disputed", "saved"})


@router.get("/p/{code}")
async def show(request: Request, code: str) -> Response:
    """The page, where this browser has opened it; else the button, whatever the code is."""
    page = await _read(request, code)
    if page is None:
        return _landing(request)
    return _shown(request, page, done=request.query_params.get("done", ""))


@router.post("/p/{code}")
async def open_address(request: Request, code: str) -> Response:
    """The button: the first browser that presses it keeps the address for its day."""
    browser = _browser(request) or secrets.token_urlsafe(BROWSER_BYTES)
    opening = await _ask(request, "OpenAddress", _visit(request, code, browser))
    if opening.status != "open":
        return _closed(request, opening.status)
    answer = RedirectResponse(_back(code), 303)
    answer.set_cookie(
        BROWSER_COOKIE, browser, max_age=DAY_S, path=BROWSER_PATH, httponly=True, samesite="lax",
        secure=web_of(request).look.secure,
    )  # fmt: skip
    return answer


@router.post("/p/{code}/ask")
async def ask(request: Request, code: str) -> Response:
    """Ask for credit; what cannot be asked for is said beside its field."""
    page = await _read(request, code)
    if page is None:
        return _closed(request, "unknown")
    form = await request.form()
    wanted, wrong = ask_for_credit(form, page, web_of(request).look)
    if wanted is None:
        return _shown(request, page, status=422, wrong=wrong, form=form)
    wanted.visit.CopyFrom(_visit(request, code, _browser(request)))
    try:
        made = await _ask(request, "AskCredit", wanted)
    except RefusedError as error:
        # Between the look and the button something changed: the page as it is now says what.
        return _shown(
            request,
            await _read(request, code) or page,
            status=409,
            wrong=words_of(error),
            form={name: value for name, value in form.items() if name != "request_id"},
        )
    return RedirectResponse(_back(code, "approved" if made.state == "approved" else "asked"), 303)


@router.post("/p/{code}/withdraw")
async def withdraw(request: Request, code: str) -> Response:
    """Take a request back."""
    number = str((await request.form()).get("id", ""))
    visit = _visit(request, code, _browser(request))
    known = int(number) if number.isascii() and number.isdigit() and len(number) <= ID_DIGITS else 0
    return await _do(
        request, code, "TakeBack", pb.TakeBackRequest(visit=visit, id=known), "withdrawn"
    )


@router.post("/p/{code}/dispute")
async def dispute(request: Request, code: str) -> Response:
    """This refusal is wrong."""
    form = await request.form()
    asked = pb.DisputeRefusalRequest(
        visit=_visit(request, code, _browser(request)), refusal=str(form.get("refusal", ""))[:64],
        words=str(form.get("words", "")),
    )  # fmt: skip
    return await _do(request, code, "DisputeRefusal", asked, "disputed")


@router.post("/p/{code}/settings")
async def set_settings(request: Request, code: str) -> Response:
    """What the person may set for themselves; what the policy keeps is not in the form, so not in the request."""
    form = await request.form()
    asked = pb.SetOwnSettingsRequest(
        visit=_visit(request, code, _browser(request)), request_id=str(form.get("request_id", ""))
    )
    if "language" in form:
        asked.language = str(form["language"])
    if "has_notices" in form:
        asked.notices = "notices" in form
    wrong = {}
    for name in ("daily_limit", "monthly_limit"):
        text = str(form.get(name, "")).strip()
        if name not in form:
            continue
        try:
            nanos = read_amount(text, web_of(request).look.unit) if text else 0
            setattr(asked, f"{name}_nanos", nanos)
        except ValueError:
            wrong[name] = "amount"
    if wrong:
        page = await _read(request, code)
        if page is None:
            return _closed(request, "unknown")
        return _shown(request, page, status=422, wrong=wrong, form=form)
    return await _do(request, code, "SetOwnSettings", asked, "saved")


async def _do(request: Request, code: str, method: str, message: Any, done: str) -> Response:
    """One write; what the service refuses is said on the page."""
    try:
        await _ask(request, method, message)
    except RefusedError as error:
        page = await _read(request, code)
        if page is None:
            return _closed(request, "unknown")
        if error.code == grpc.StatusCode.NOT_FOUND:
            raise
        return _shown(request, page, status=422, wrong=words_of(error))
    return RedirectResponse(_back(code, done), 303)


async def _read(request: Request, code: str) -> Any:
    """The page of this browser, or None where it has opened none by this code."""
    browser = _browser(request)
    if not browser:
        return None
    try:
        page = await _ask(request, "ReadPage", _visit(request, code, browser))
    except RefusedError as error:
        if error.code == grpc.StatusCode.NOT_FOUND:
            return None
        raise
    chosen = {request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)}
    if not chosen & set(LANGUAGES):
        request.state.language = page.language
    return page


async def _ask(request: Request, method: str, message: Any) -> Any:
    return await web_of(request).desk.ask(PersonServiceStub, method, message)


def _visit(request: Request, code: str, browser: str) -> pb.Visit:
    peer = request.client.host if request.client else ""
    return pb.Visit(code=code[:64], browser=browser[:200], peer=peer)


def _browser(request: Request) -> str:
    return request.cookies.get(BROWSER_COOKIE, "")


def _back(code: str, done: str = "") -> str:
    plain = "".join(char for char in code if char.isalnum() or char == "-")
    return f"/p/{plain}?done={done}" if done else f"/p/{plain}"


def _landing(request: Request) -> Response:
    return web_of(request).look.page(request, "person/landing.html")


def _closed(request: Request, status: str) -> Response:
    look = web_of(request).look
    return look.page(request, "person/closed.html", CLOSED[status], status=status)


def _shown(
    request: Request,
    page: pb.PersonPage,
    *,
    status: int = 200,
    done: str = "",
    wrong: dict[str, str] | None = None,
    form: Any = None,
) -> Response:
    look = web_of(request).look
    settings = page.settings if page.HasField("settings") else None
    return look.page(
        request, "person/page.html", status, page=page, base=request.url.path.split("/")[2],
        done=done if done in DONE else "", wrong=wrong or {}, form=form or {}, unit=look.unit,
        least=LEAST_NANOS[look.unit],
        plain=lambda nanos: plain_amount(nanos, look.unit), request_id=secrets.token_urlsafe(12), settings=settings,
    )  # fmt: skip
