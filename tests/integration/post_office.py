"""A real mail server that tests can slow down, stop, and teach to refuse."""

import asyncio
import email
import email.policy
from collections import Counter
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from local.probe import free_ports


class PostOffice:
    """Keeps what it took; `refuses` an address for good, `busy` says later to everybody."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.taken: list[EmailMessage] = []
        self.refuses: set[str] = set()
        self.busy = False
        self.delay_s = 0.0
        self._controller: Controller | None = None

    def open(self) -> None:
        """Listen."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def close(self) -> None:
        """Stop listening."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Whether this address may be written to."""
        if address in self.refuses:
            return "550 no such mailbox"
        if self.busy:
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take one message."""
        await asyncio.sleep(self.delay_s)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"

    def by_address(self) -> Counter[str]:
        """How many messages each address got."""
        return Counter(str(message["To"].addresses[0].addr_spec) for message in self.taken)

    def subjects(self) -> list[str]:
        """In the order they came."""
        return [str(message["Subject"]) for message in self.taken]

    def text(self, index: int = 0) -> str:
        """The plain part of a message."""
        body = self.taken[index].get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    def html(self, index: int = 0) -> str:
        """The marked-up part of a message."""
        body = self.taken[index].get_body(("html",))
        assert body is not None
        return str(body.get_content())

    def text_to(self, address: str) -> str:
        """The plain part of the newest message to an address."""
        found = [n for n, m in enumerate(self.taken) if m["To"].addresses[0].addr_spec == address]
        return self.text(found[-1])
