"""Checks of request fields: each returns the value to use, or raises InvalidFieldError naming the field."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from accounting.admin.errors import InvalidFieldError
from credit.identity import EXTERNAL_ID_LIMIT, is_external_id

AMOUNT_LIMIT_NANOS = 10**15  # a million USD: anything above is a slip of the keyboard
TEXT_LIMIT = 500
REQUEST_ID_LIMIT = 128
OWN_REQUESTS = ("plan/", "credit-request/")
EMAIL_LIMIT = 254  # RFC 5321
PAGE_SIZE = 50
PAGE_SIZE_LIMIT = 500
KEY_LENGTHS = range(16, 513)

_CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_POOL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_KEY = re.compile(r"[\x21-\x7e]+")
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]+")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Change:
    """Who asks for a mutation, and why: what its audit line says."""

    actor: str
    reason: str


def change(actor: str, reason: str) -> Change:
    """Every mutation has a reason."""
    return Change(actor, text("reason", reason))


def text(field: str, value: str, limit: int = TEXT_LIMIT) -> str:
    """One line of printable text that says something."""
    found = optional_text(field, value, limit)
    if found is None:
        raise InvalidFieldError(field, "must not be empty")
    return found


def optional_text(field: str, value: str, limit: int = TEXT_LIMIT) -> str | None:
    """One line of printable text, or None when there is none."""
    value = value.strip()
    if len(value) > limit:
        raise InvalidFieldError(field, f"must not be longer than {limit} characters")
    if not value.isprintable():
        raise InvalidFieldError(field, "must be one line of printable characters")
    return value or None


def choice(field: str, value: str, choices: Collection[str]) -> str:
    """One word of a closed list."""
    if value not in choices:
        named = ", ".join(sorted(choices))
        raise InvalidFieldError(field, f"must be one of {named}; it is {value[:40]!r}")
    return value


def optional_email(field: str, value: str) -> str | None:
    """Where a mail can go, or None: whether anybody reads it there, only a mail can tell."""
    found = optional_text(field, value, EMAIL_LIMIT)
    if found is not None and not _EMAIL.fullmatch(found):
        raise InvalidFieldError(field, f"is no e-mail address: {found[:40]!r}")
    return found


def client_id(field: str, value: str) -> str:
    """A slug: it stands in headers, account names and file names."""
    if not _CLIENT_ID.fullmatch(value):
        problem = "must be 1 to 63 lower-case letters, digits or hyphens, not starting with one"
        raise InvalidFieldError(field, problem)
    return value


def pool_name(field: str, value: str) -> str:
    """What a team is called: it stands in commands, refusals and reports."""
    if not _POOL_NAME.fullmatch(value):
        problem = "must be 1 to 63 letters, digits, dots, hyphens or underscores"
        raise InvalidFieldError(field, problem)
    return value


def external_id(field: str, value: str) -> str:
    """What the door accepts as `x-user-id` (DESIGN 3): another account could never be charged."""
    value = text(field, value, EXTERNAL_ID_LIMIT)
    if not is_external_id(value):
        raise InvalidFieldError(
            field, "must contain neither {{ nor a comma nor !: no request can carry it"
        )
    return value


def amount(field: str, value: int) -> int:
    """Nano-USD to be moved."""
    if not 0 < value <= AMOUNT_LIMIT_NANOS:
        problem = f"must be between 1 and {AMOUNT_LIMIT_NANOS} nano-USD; it is {value}"
        raise InvalidFieldError(field, problem)
    return value


def key(field: str, value: str) -> str:
    """A key that the client brings: only its hash is kept, so it must not be one that can be guessed."""
    if len(value) not in KEY_LENGTHS or not _KEY.fullmatch(value):
        problem = f"must be {KEY_LENGTHS.start} to {KEY_LENGTHS.stop - 1} visible ASCII characters"
        raise InvalidFieldError(field, problem)
    return value


def optional_digest(field: str, value: str) -> str:
    """A SHA-256 in lower case, as the seal prints it; empty when there is none."""
    digest = value.strip().lower()
    if digest and not _DIGEST.fullmatch(digest):
        raise InvalidFieldError(field, "must be 64 hexadecimal digits")
    return digest


def request_id(value: str) -> str:
    """What makes a repeated request one; `plan/` begins those under which plans grant, and so on."""
    found = text("request_id", value, REQUEST_ID_LIMIT)
    if found.startswith(OWN_REQUESTS):
        raise InvalidFieldError("request_id", f"must not begin with {' or '.join(OWN_REQUESTS)}")
    return found


def page_size(field: str, value: int) -> int:
    """Rows of a page; 0 asks for the usual size."""
    if not 0 <= value <= PAGE_SIZE_LIMIT:
        raise InvalidFieldError(field, f"must be between 1 and {PAGE_SIZE_LIMIT}; it is {value}")
    return value or PAGE_SIZE


def hold_id(field: str, value: str) -> str:
    """A whole hold id."""
    try:
        return str(uuid.UUID(value))
    except ValueError as error:
        raise InvalidFieldError(field, "must be a hold id (a UUID)") from error
