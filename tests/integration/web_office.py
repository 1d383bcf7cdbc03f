"""A browser before the pages of a real AdminService, signed in by an administrator's own token."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape

import httpx

from accounting.web.app import Web, create_web
from accounting.web.assembly import ROUTERS
from accounting.web.desk import Desk
from accounting.web.guard import FORM_FIELD, Forms, Guard
from accounting.web.look import Look
from accounting.web.session import SESSION_COOKIE
from tests.integration import admins
from tests.integration.admin_service import TOKENS, Service

KEY = b"k" * 32
SITE = "https://p.example"


@contextlib.asynccontextmanager
async def pages_of(admin: Service) -> AsyncIterator[Guard]:
    """The application as assembly makes it, asking this service."""
    forms = Forms(KEY)
    look = Look(forms, language="en", unit="usd", zone="America/Sao_Paulo", contact="", secure=True)
    desk = Desk(admin.address, TOKENS[0])
    try:
        yield create_web(Web(desk, look, forms, SITE), *ROUTERS)
    finally:
        await desk.close()


@dataclass
class Browser:
    """One person's browser: `get`, and `send` of a form that the last page showed."""

    http: httpx.AsyncClient

    async def get(self, path: str, status: int = 200) -> str:
        """A page."""
        answer = await self.http.get(path)
        assert answer.status_code == status, answer.text
        self.html = answer.text
        return self.html

    async def send(self, path: str, status: int = 303, /, **fields: str) -> str:
        """A form, with the hidden fields of the page that was shown; where it leads, or the page again."""
        form = self.hidden() | fields
        answer = await self.http.post(path, data=form)
        assert answer.status_code == status, answer.text
        if status == 303:
            return str(answer.headers["location"])
        self.html = answer.text
        return self.html

    def hidden(self) -> dict[str, str]:
        """Hidden fields of the last page: the form's token, the request's id."""
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.html)
        return {
            name: unescape(value) for name, value in found if name in {FORM_FIELD, "request_id"}
        }


@contextlib.asynccontextmanager
async def browser(admin: Service, *roles: str, email: str = "") -> AsyncIterator[Browser]:
    """Signed in as somebody new of these roles (the scoped ones for TI), on a page with a form token."""
    token = await admins.add(admin, email or f"{roles[0]}@example.com", *roles)
    async with pages_of(admin) as app, opened(app, token) as found:
        yield found


@contextlib.asynccontextmanager
async def opened(app: Guard, token: str) -> AsyncIterator[Browser]:
    """A browser of its own with that token as its session."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    cookies = {SESSION_COOKIE: token}
    async with httpx.AsyncClient(transport=transport, base_url=SITE, cookies=cookies) as http:
        found = Browser(http)
        await found.get("/plans")
        yield found
