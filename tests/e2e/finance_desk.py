"""An administrator of finance at a desk: a house of its own, a file of people, a browser."""

from typing import Any

import grpc
from playwright.async_api import Page, expect

from protos.pedagio.v1 import admins_pb2, sign_in_pb2
from protos.pedagio.v1.admins_pb2_grpc import AdminsServiceStub
from protos.pedagio.v1.people_pb2_grpc import PeopleServiceStub
from protos.pedagio.v1.sign_in_pb2_grpc import SignInServiceStub
from tests.e2e.test_people import House

COUNT = 300
USD = 10**9
# Who chats, then asks; of `probe` the replicas are asked whether they heard of the people.
WHO, PROBE = "ana", "probe"
TEAMS = ("financeiro", "vendas", "ti")
ROLES = [admins_pb2.Role(role=name) for name in ("operator", "treasurer")]
DROP = """
    content => {
        const files = new DataTransfer();
        files.items.add(new File([content], "people.csv", { type: "text/csv" }));
        document.querySelector(".drop").dispatchEvent(
            new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }"""


class Finance(House):
    """An administrator at a desk, and what belongs to this test alone."""

    page: Page
    channel: grpc.aio.Channel

    @property
    def email(self) -> str:
        """Whose desk it is."""
        return self.address("olga")

    async def ask(self, method: str, request: Any, stub: Any = PeopleServiceStub) -> Any:
        """One call of the installation's own token."""
        metadata = (("authorization", f"Bearer {self.stack.admin_token}"),)
        return await getattr(stub(self.channel), method)(request, metadata=metadata, timeout=10.0)

    async def invited(self) -> str:
        """The installation's own step: an administrator, and the address for the first password."""
        added = admins_pb2.AddAdminRequest(
            email=self.email, name="Olga Reis", roles=ROLES, reason="test"
        )
        await self.ask("AddAdmin", added, AdminsServiceStub)
        invitation = sign_in_pb2.InviteAdminRequest(email=self.email, reason="test")
        answer = await self.ask("InviteAdmin", invitation, SignInServiceStub)
        return str(answer.address)

    def file(self) -> str:
        """300 people on the plan, a dollar for each to begin with."""
        names = [WHO, PROBE, *(f"p{n}" for n in range(COUNT - 2))]
        rows = [
            f"{self.address(name)},Pessoa {name},{self.client},{TEAMS[n % 3]}-{self.client},US$1"
            for n, name in enumerate(names)
        ]
        return "\n".join(["email,name,plan,team,credit", *rows])

    async def go(self, path: str) -> None:
        """Open a page of the installation."""
        await self.page.goto(f"{self.stack.web_url}/{path}")

    async def press(self, name: str) -> None:
        """Press a button."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def sees(self, text: str) -> None:
        """It stands on the page, within Playwright's bound."""
        await expect(self.page.locator("main")).to_contain_text(text)

    async def figure(self, label: str) -> str:
        """The figure under this label."""
        card = self.page.locator(".card", has=self.page.get_by_text(label, exact=True))
        return await card.locator(".figure").inner_text()
