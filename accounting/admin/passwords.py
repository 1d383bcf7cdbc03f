"""Passwords of administrators: argon2id, a few at a time, since each takes memory and a core."""

import asyncio
import unicodedata
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from accounting.admin.errors import InvalidFieldError, UpstreamError

LENGTHS: Final = range(12, 1025)
AT_ONCE: Final = 2
WAIT_BOUND_S: Final = 5.0
# RFC 9106, the second recommended choice: 64 MiB, three passes; some 50 ms.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
_TURNS: Final = asyncio.Semaphore(AT_ONCE)


def read(field: str, password: str) -> str:
    """Any twelve characters; the same ones however a keyboard composes them."""
    if len(password) not in LENGTHS:
        problem = f"must have {LENGTHS.start} to {LENGTHS.stop - 1} characters"
        raise InvalidFieldError(field, problem)
    return unicodedata.normalize("NFC", password)


async def make_hash(password: str) -> str:
    """What is kept of a password."""
    async with _Turn():
        return await asyncio.to_thread(_HASHER.hash, password)


async def is_right(kept: str | None, password: str) -> bool:
    """Whether it is the one that is kept; None takes as long, and is never right."""
    password = unicodedata.normalize("NFC", password[: LENGTHS.stop])
    async with _Turn():
        found = await asyncio.to_thread(_verify, kept or _nobody(), password)
    return found and kept is not None


class _Turn:
    """One of the few that are worked on; UpstreamError where none comes free in time."""

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(WAIT_BOUND_S):
                await _TURNS.acquire()
        except TimeoutError as error:
            raise UpstreamError("too many people sign in at this moment: try again") from error

    async def __aexit__(self, *_: object) -> None:
        _TURNS.release()


@cache
def _nobody() -> str:
    """A hash like any other, which no password is compared with in earnest."""
    return _HASHER.hash("of nobody at all")


def _verify(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
