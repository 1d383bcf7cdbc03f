"""The pages before real services: browsers that a test drives, as many as it likes."""

import re
from typing import Any, Self

import httpx
from fastapi import APIRouter

from accounting.web import approver_pages, my_pages, person_pages
from accounting.web.app import Web, create_web
from accounting.web.desk import Desk
from accounting.web.guard import FORM_FIELD, Forms
from accounting.web.look import Look
from tests.integration.admin_service import TOKENS, Service

BASE = "https://credit.example.com"
TOKEN = re.compile(rf'name="{FORM_FIELD}" value="([0-9a-f]+)"')
REQUEST_ID = re.compile(r'name="request_id" value="([^"]+)"')
ROUTERS: tuple[APIRouter, ...] = (person_pages.router, my_pages.router, approver_pages.router)


class Browser:
    """One browser: its cookies, its language, where it comes from."""

    def __init__(self, admin: Service, *, language: str = "en", peer: str = "192.0.2.1") -> None:
        """`admin`: the services that the pages ask."""
        forms = Forms(b"k" * 32)
        look = Look(
            forms, language="pt-BR", unit="credits", zone="America/Sao_Paulo", contact="",
            secure=True,
        )  # fmt: skip
        self.desk = Desk(admin.address, TOKENS[0])
        app = create_web(Web(self.desk, look, forms, BASE), *ROUTERS)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 1))
        self.client = httpx.AsyncClient(
            transport=transport, base_url=BASE, headers={"accept-language": language}
        )
        self.html = ""

    async def __aenter__(self) -> Self:
        """Open it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.client.aclose()
        await self.desk.close()

    async def get(self, path: str) -> httpx.Response:
        """Look at a page."""
        answer = await self.client.get(path)
        self.html = answer.text
        return answer

    async def press(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the page that was looked at; what it leads to is looked at next."""
        found = TOKEN.search(self.html)
        assert found is not None, "the page that was looked at has a form"
        data: dict[str, Any] = {FORM_FIELD: found[1], **fields}
        answer = await self.client.post(path, data=data, follow_redirects=True)
        self.html = answer.text
        return answer

    @property
    def request_id(self) -> str:
        """Of the form that is shown."""
        found = REQUEST_ID.search(self.html)
        assert found is not None
        return found[1]
