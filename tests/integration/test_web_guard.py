"""What holds for every page, whatever it shows: headers, forms, bounds, errors as pages."""

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import Response
from structlog.testing import capture_logs

from accounting.web.app import Web, create_web, web_of
from accounting.web.desk import Desk
from accounting.web.guard import BODY_LIMIT_BYTES, FORM_FIELD, HEADERS, Forms
from accounting.web.look import Look
from protos.pedagio.v1.admin_pb2 import GetModeRequest
from protos.pedagio.v1.admin_pb2_grpc import AdminServiceStub

KEY = b"k" * 32
NOBODY = "127.0.0.1:1"  # nothing listens there


def pages(*, secure: bool = True) -> httpx.AsyncClient:
    """An application with one page and one form."""
    router = APIRouter()
    forms = Forms(KEY)

    @router.get("/page")
    async def page(request: Request) -> Response:
        token = forms.token(request)
        look = web_of(request).look
        return look.page(request, "problem.html", status=200, sentence="", detail=token)

    @router.post("/page")
    async def write(request: Request) -> Response:
        return Response(f"written {(await request.form())['what']}")

    @router.get("/broken/{code}")
    @router.get("/broken")
    async def broken(code: str = "") -> Response:
        raise RuntimeError(f"the secret of this process {code}")

    @router.get("/refused")
    async def refused(request: Request) -> Response:
        await web_of(request).desk.ask(AdminServiceStub, "GetMode", GetModeRequest())
        return Response("never")

    look = Look(
        forms, language="pt-BR", unit="credits", zone="America/Sao_Paulo", contact="", secure=secure
    )
    web = Web(Desk(NOBODY, "t" * 32), look, forms, "https://p.example")
    transport = httpx.ASGITransport(create_web(web, router), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://p.example")


async def token_of(browser: httpx.AsyncClient) -> str:
    """What a form carries that this browser is shown."""
    html = (await browser.get("/page")).text
    return html.split('class="detail">')[1].split("<")[0]


@pytest.mark.parametrize(
    "path", ["/page", "/nothing", "/broken", "/static/pedagio.css", "/refused"]
)
async def test_every_answer_carries_what_browsers_obey(path: str) -> None:
    """Errors and files, too; only files may be kept by a browser."""
    async with pages() as browser:
        answer = await browser.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    kept = answer.headers["cache-control"] != "no-store"
    assert kept == path.startswith("/static/")
    assert answer.headers["strict-transport-security"]
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "Secure" in cookie
        assert "SameSite" in cookie


async def test_write_takes_a_form_of_this_browser() -> None:
    """Not another browser's, not an altered one, not one of another site, however it says so."""
    async with pages() as browser, pages() as other:
        token = await token_of(browser)
        form = {FORM_FIELD: token, "what": "one"}
        assert (await browser.post("/page", data=form)).text == "written one"
        assert (await browser.post("/page", data={"what": "one"})).status_code == 403
        await token_of(other)
        assert (await other.post("/page", data=form)).status_code == 403
        other.cookies.clear()
        assert (await other.post("/page", data=form)).status_code == 403
        altered = form | {FORM_FIELD: token[:-1] + ("0" if token[-1] != "0" else "1")}
        assert (await browser.post("/page", data=altered)).status_code == 403
        assert (await browser.post("/page", data=form | {FORM_FIELD: "é"})).status_code == 403
        for site in ("cross-site", "same-site"):
            headers = {"sec-fetch-site": site}
            answer = await browser.post("/page", data=form, headers=headers)
            assert answer.status_code == 403


async def test_body_that_is_too_large_is_not_read_to_its_end() -> None:
    """2 MiB are enough for a list of people."""
    async with pages() as browser:
        token = await token_of(browser)
        form = {FORM_FIELD: token, "what": "x" * BODY_LIMIT_BYTES}
        answer = await browser.post("/page", data=form)
    assert answer.status_code == 413
    assert "grande demais" in answer.text


async def test_form_of_a_million_empty_fields_is_not_taken_apart() -> None:
    """It needs no secret of ours, and would keep everybody waiting who is served beside it."""
    async with pages() as browser:
        for kind in ("application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded;x=y"):
            answer = await browser.post(
                "/page", content=b"&" * (BODY_LIMIT_BYTES - 1), headers={"content-type": kind}
            )
            assert answer.status_code == 413


async def test_errors_are_pages_that_tell_nothing_of_ours() -> None:
    """In the browser's language; a service that is not there is said in a sentence."""
    async with pages() as browser:
        broken = await browser.get("/broken")
        assert broken.status_code == 500
        assert "secret" not in broken.text
        away = await browser.get("/refused", headers={"accept-language": "en-US,en;q=0.9"})
        assert away.status_code == 503
        assert "not available now" in away.text
        nothing = await browser.get("/nothing?lang=en")
        assert nothing.status_code == 404
        assert 'lang="en"' in nothing.text
        assert (await browser.get("/nothing")).text.count("There is nothing") == 1
        assert (await browser.delete("/page")).status_code in {403, 405}


async def test_log_of_a_failure_keeps_no_code_of_an_address() -> None:
    """An invitation whose page failed is still good."""
    with capture_logs() as lines:
        async with pages() as browser:
            assert (await browser.get("/broken/the-code")).status_code == 500
    assert [line["page"] for line in lines if line["event"] == "page_failed"] == ["/broken/{code}"]


async def test_without_https_cookies_travel_all_the_same() -> None:
    """`make run` on one machine has no certificate."""
    async with pages(secure=False) as browser:
        answer = await browser.get("/page")
    assert "Secure" not in answer.headers["set-cookie"]
    assert "strict-transport-security" not in answer.headers
