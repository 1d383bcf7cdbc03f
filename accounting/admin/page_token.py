"""Page tokens: where the next page begins, opaque to the caller.

A token belongs to one listing (`scope`): given to another one it is refused, not misread.
"""

import base64
import json
from typing import Any

from accounting.admin.errors import InvalidFieldError

_LENGTH_LIMIT = 200
_NUMBER_LIMIT = 2**57  # of transfers, and of microseconds since 1970: year 6536


def encode(scope: str, *place: int | str) -> str:
    """The token for the page that begins after `place`."""
    raw = json.dumps([scope, *place], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(field: str, token: str, scope: str, *kinds: type[int] | type[str]) -> list[int | str]:
    """The place inside a token of that listing; InvalidFieldError for anything else."""
    place = _read(token) if len(token) <= _LENGTH_LIMIT else None
    # bool is an int to isinstance, so the types are compared.
    if place is None or place[0] != scope or [type(part) for part in place[1:]] != list(kinds):
        problem = "is not a token of this listing: leave it out to begin with the first page"
        raise InvalidFieldError(field, problem)
    if not all(0 <= part < _NUMBER_LIMIT for part in place[1:] if isinstance(part, int)):
        raise InvalidFieldError(field, "holds a place that no listing has")
    return place[1:]


def _read(token: str) -> list[Any] | None:
    padded = token + "=" * (-len(token) % 4)
    try:
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        return None
    return found if isinstance(found, list) and found else None
