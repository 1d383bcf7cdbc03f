"""Every route of the pages, whatever is put into its path, its query and its form."""

import re
import uuid
from typing import Any, Final
from urllib.parse import quote

import httpx
from fastapi.routing import APIRoute
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounting.web.assembly import ROUTERS
from accounting.web.guard import FORM_FIELD, HEADERS
from accounting.web.session import SESSION_COOKIE, SIGN_IN
from tests.conftest import ROOT
from tests.integration.admin_service import Service
from tests.integration.web_office import browser
from tests.unit.fuzzing import fuzz

# Pages that are there for whoever has not signed in.
PUBLIC: Final = ("/p/", "/a/", "/my", "/sign-", "/oidc/", "/healthz")
WEB: Final = ROOT / "accounting" / "web"
# Names of fields: those of the forms, and those that the code asks for.
NAMES: Final = sorted(
    {
        name
        for path in (*WEB.rglob("*.html"), *WEB.glob("*.py"))
        for name in re.findall(
            r"""(?:name="|field\("|choice\("|\.get\("|\["|text\(form, ")([a-z_]{2,30})"""
            '"',
            path.read_text(encoding="utf-8"),
        )
    }
    - {FORM_FIELD}
)
ROUTES: Final = sorted(
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)
ODD: Final = (
    "", "0", "-1", "1e5", "9" * 40, "nan", "US$1", "R$ 1", "99999999999cr", "\u0661", "librechat", "maria",
    "<script>alert(1)</script>", "{{7*7}}", "=1+1", "'; DROP TABLE account; --", "../..", "a\r\nset-cookie: b=c",
    "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é" * 600, "2026-02-30", "enforce",
    "on", "pt-BR", "//evil.example", "ana@example.com",
)  # fmt: skip
VALUE: Final = st.sampled_from(ODD) | st.text(max_size=40) | st.integers().map(str)
FIELDS: Final = st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=8)
EACH: Final = st.tuples(
    st.sampled_from(ROUTES), st.lists(VALUE, min_size=3, max_size=3), FIELDS, FIELDS
)
TRIED: Final = 8


def address(path: str, values: list[str]) -> str:
    """The path with its variables filled in."""
    rest = iter(values)
    return re.sub(r"\{[^}]+\}", lambda _: quote(next(rest) or "-", safe=""), path)


def is_sound(answer: httpx.Response) -> None:
    """No answer is an error of ours, tells of our code, or lets a browser do what it should not."""
    assert answer.status_code < 500, (answer.request.url, answer.text[:2_000])
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    assert "Traceback" not in answer.text
    assert "<script>alert" not in answer.text
    assert "evil.example" not in answer.headers.get("location", "")
    assert "b=c" not in answer.headers.get("set-cookie", "")
    assert "server" not in answer.headers


async def send(
    http: httpx.AsyncClient, route: tuple[str, str], values: list[str], *parts: dict[str, str]
) -> httpx.Response:
    """One request, with the query and, of a write, the form."""
    (method, path), (query, form) = route, parts
    where = address(path, values)
    if method == "GET":
        return await http.get(where, params=query)
    return await http.request(method, where, params=query, data=form)


@given(st.lists(EACH, min_size=TRIED, max_size=TRIED))
@settings(
    fuzz(5), phases=[Phase.generate]
)  # each request of an example is seen: shrinking takes minutes
async def test_nothing_that_is_sent_breaks_a_page(admin: Service, drawn: list[Any]) -> None:
    """As an operator, who may do all: what is wrong is said, what is odd is escaped."""
    # The examples share a ledger.
    async with browser(admin, "operator", email=f"{uuid.uuid4().hex}@example.com") as found:
        for route, values, query, form in drawn:
            is_sound(await send(found.http, route, values, query, form | found.hidden()))


async def test_nobody_sees_anything_without_having_signed_in(admin: Service) -> None:
    """Nor with a session that is none; writes neither."""
    closed = [each for each in ROUTES if not each[1].startswith(PUBLIC)]
    assert len(closed) > 30
    async with browser(admin, "viewer") as found:
        form = found.hidden()
        for session in ("pa-" + "x" * 43, None):
            found.http.cookies.delete(SESSION_COOKIE)
            if session is not None:
                found.http.cookies.set(SESSION_COOKIE, session)
            for route in closed:
                answer = await send(found.http, route, ["1"] * 3, {}, form)
                is_sound(answer)
                led = (answer.status_code, answer.headers.get("location", "").partition("?")[0])
                assert led == (303, SIGN_IN), (route, session)


async def test_no_write_goes_without_a_form_of_ours(admin: Service) -> None:
    """Each one, public or not."""
    writes = [each for each in ROUTES if each[0] != "GET"]
    assert len(writes) > 15
    async with browser(admin, "operator") as found:
        for route in writes:
            for form in ({}, {FORM_FIELD: "0" * 64}):
                answer = await send(found.http, route, ["1"] * 3, {}, form)
                is_sound(answer)
                assert answer.status_code == 403, route
