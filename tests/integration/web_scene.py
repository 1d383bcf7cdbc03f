"""The pages before a real AdminService, with browsers that sign in."""

import contextlib
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx

from accounting.web.app import Web, create_web
from accounting.web.assembly import ROUTERS
from accounting.web.desk import Desk
from accounting.web.guard import FORM_FIELD, Forms
from accounting.web.look import Look
from accounting.web.oidc import Oidc
from protos.pedagio.v1 import sign_in_pb2
from protos.pedagio.v1.sign_in_pb2_grpc import SignInServiceStub
from tests.integration.admin_service import TOKENS, Service
from tests.integration.admins import add

URL = "https://pedagio.example"
PASSWORD = "correct horse battery"


class Pages:
    """The application; each `browser` has cookies of its own."""

    def __init__(self, admin: Service, oidc: Oidc | None = None) -> None:
        """Asks that service; `oidc`: a provider at which people may sign in, too."""
        self.admin = admin
        self.desk = Desk(admin.address, TOKENS[0])
        forms = Forms(b"k" * 32)
        look = Look(
            forms, language="en", unit="usd", zone="America/Sao_Paulo", contact="", secure=True
        )
        self.app = create_web(Web(self.desk, look, forms, URL, oidc), *ROUTERS)

    def browser(self, peer: str = "10.0.0.1") -> "Browser":
        """Nobody yet."""
        transport = httpx.ASGITransport(self.app, client=(peer, 1), raise_app_exceptions=False)
        return Browser(httpx.AsyncClient(transport=transport, base_url=URL))

    async def signed(self, email: str, *roles: str, **options: Any) -> "Browser":
        """A new administrator of these roles, who set a password and is in."""
        await add(self.admin, email, *roles, **options)
        browser = self.browser()
        code = await self.invite(email)
        fields = {"password": PASSWORD, "again": PASSWORD, "email": email}
        answer = await browser.send(f"/sign-in/{code}", fields)
        assert answer.status_code == 303, answer.text
        return browser

    async def invite(self, email: str) -> str:
        """The code of an invitation."""
        request = sign_in_pb2.InviteAdminRequest(email=email, reason="test")
        answer = await self.admin.ask("InviteAdmin", request, stub=SignInServiceStub)
        return str(answer.code)


class Browser:
    """Sends forms as they were shown, with whatever hidden fields they carry."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """`client` keeps the cookies."""
        self.client = client

    async def get(self, path: str) -> httpx.Response:
        """A page."""
        return await self.client.get(path)

    async def send(
        self, path: str, fields: dict[str, str], page: str = "", files: Any = None
    ) -> httpx.Response:
        """Post a form; `page`: where it stands, if not at its own address."""
        shown = (await self.client.get(page or path)).text
        token = re.search(f'name="{FORM_FIELD}" value="([^"]+)"', shown)
        assert token is not None, shown
        return await self.client.post(path, data={FORM_FIELD: token[1], **fields}, files=files)

    async def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """With a password."""
        return await self.send("/sign-in", {"email": email, "password": password, **fields})


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'name="{name}" value="([^"]*)"', html)
    assert found is not None, html
    return unescape(found[1])


@contextlib.asynccontextmanager
async def pages(admin: Service, oidc: Oidc | None = None) -> AsyncIterator[Pages]:
    """For one test."""
    made = Pages(admin, oidc)
    try:
        yield made
    finally:
        await made.desk.close()
