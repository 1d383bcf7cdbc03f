"""Who calls, by the client certificate of the connection: an administrator's e-mail, vouched for by an authority."""

import hashlib
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from accounting.admin import admins
from accounting.admin.caller import Caller, UnknownError

# As gRPC calls what it found in a certificate that it verified: only e-mails among the alternative names.
EMAILS: Final = "peer_email"
PEM: Final = "x509_pem_cert"
NOBODY: Final = "the certificate names no administrator"
OTHER: Final = "the certificate names another administrator than the token"


class Certificates:
    """Asked on each call, so that who administers no more is nobody from that moment on."""

    def __init__(self, pool: asyncpg.Pool, revoked: Sequence[str] = ()) -> None:
        """`revoked`: SHA-256 of certificates that count no more, as hexadecimal digits."""
        self._pool = pool
        self._revoked = {each.lower().replace(":", "") for each in revoked}

    async def find_caller(self, context: Any) -> Caller:
        """The administrator of the one e-mail in the certificate; raises UnknownError."""
        email = self._email(context)
        caller = await admins.find_certified(self._pool, email) if email else None
        if caller is None:
            raise UnknownError(NOBODY if email else "")
        return caller

    def check(self, context: Any, caller: Caller) -> None:
        """Raises UnknownError where the certificate is revoked, or of somebody else than a personal token."""
        email = self._email(context)
        if email and not caller.installation and email != caller.actor:
            raise UnknownError(OTHER)

    def _email(self, context: Any) -> str:
        """Empty where the connection has no certificate, or one without just one e-mail."""
        found: Mapping[str, Sequence[bytes]] = context.auth_context()
        for pem in found.get(PEM, ()):
            der = ssl.PEM_cert_to_DER_cert(pem.decode())
            if hashlib.sha256(der).hexdigest() in self._revoked:
                raise UnknownError("the certificate was revoked")
        emails = found.get(EMAILS, ())
        return emails[0].decode("utf-8", "replace").lower() if len(emails) == 1 else ""
