"""Notices by mail."""

import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import aiosmtplib

from accounting.notify.channel import Addressee, NobodyError, Notice, RejectedError
from accounting.notify.texts import Texts

TRY_WITHIN_S: Final = 15.0
PERMANENT: Final = range(500, 600)
TRANSPORTS: Final = ("tls", "starttls", "none")


@dataclass(frozen=True, slots=True)
class Relay:
    """The customer's mail server. `transport`: tls from the first byte, starttls, or none (a relay on this host)."""

    host: str
    port: int
    transport: str
    user: str = ""
    password: str = ""


class Mail:
    """Delivers each addressee's mail by itself: one that is refused keeps nobody else waiting."""

    name = "mail"

    def __init__(
        self, relay: Relay, sender: str, texts: Texts, tls: ssl.SSLContext | None = None
    ) -> None:
        """`sender` as in `Pedagio <credito@example.com>`; `tls`: None checks certificates as usual."""
        self._relay = relay
        self._sender = sender
        self._texts = texts
        self._tls = tls

    async def deliver(self, notice: Notice) -> None:
        """One message to each who has an address; a repeated delivery carries the same Message-ID."""
        reachable = [each for each in notice.addressees if each.email]
        if not reachable:
            raise NobodyError("no address is known")
        refused: list[str] = []
        for addressee in reachable:
            try:
                await self._send(self._message(notice, addressee))
            except aiosmtplib.SMTPRecipientsRefused as error:
                worst = max(each.code for each in error.recipients)
                if worst not in PERMANENT:
                    raise
                refused.append(f"{worst}")
            except aiosmtplib.SMTPResponseException as error:
                if error.code not in PERMANENT or isinstance(
                    error, aiosmtplib.SMTPAuthenticationError
                ):
                    raise
                refused.append(f"{error.code}")
        if refused:
            raise RejectedError(f"refused by the mail server ({', '.join(refused)})")

    def _message(self, notice: Notice, addressee: Addressee) -> EmailMessage:
        said = self._texts.render(notice, addressee)
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        local, _, domain = addressee.email.rpartition("@")
        message["To"] = Address(_one_line(addressee.name), local, domain)
        message["Subject"] = _one_line(said.subject)
        sender_domain = self._sender.rpartition("@")[2].rstrip(">") or "pedagio.invalid"
        message["Message-ID"] = f"<notice-{notice.id}@{sender_domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(said.text)
        message.add_alternative(said.html, subtype="html")
        return message

    async def _send(self, message: EmailMessage) -> None:
        relay = self._relay
        await aiosmtplib.send(
            message,
            hostname=relay.host,
            port=relay.port,
            username=relay.user or None,
            password=relay.password or None,
            use_tls=relay.transport == "tls",
            start_tls=relay.transport == "starttls",
            tls_context=self._tls,
            timeout=TRY_WITHIN_S,
        )


def _one_line(text: str) -> str:
    """A header is one line, whatever a name says."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
