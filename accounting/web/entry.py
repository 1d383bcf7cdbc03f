"""What was typed into a form: its values as they came, what is wrong with each, the answer of the service."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import grpc
from fastapi import Depends, Path, Request
from fastapi.responses import RedirectResponse

from accounting.web.app import PROBLEMS, STATUS
from accounting.web.desk import RefusedError
from accounting.web.session import Session, signed
from credit.money import RateMissingError, parse_amount
from protos.pedagio.v1.admin_pb2 import AccountName

Signed = Annotated[Session, Depends(signed)]
# What a number in an address may be: an int64 of the contracts.
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
TEXT_LIMIT: Final = 500
AMOUNT_LIMIT_NANOS: Final = 10**15
# Each a key of words/; said beside the field.
EMPTY: Final = "Please fill this in."
LONG: Final = "At most 500 characters."
ONE_LINE: Final = "One line of plain text, please."
NO_AMOUNT: Final = "Write an amount with its unit: US$20 or 500cr."
IN_REAIS: Final = "Reais have no rate here: write US$20 or 500cr."
TOO_MUCH: Final = "More than a million dollars: surely a slip."
NO_NUMBER: Final = "A whole number, please."
NO_DAY: Final = "A day as 2026-11-27, please."
NOBODY: Final = "Write an e-mail, or APPLICATION/PERSON."
MADE: Final = "See below what is to be changed; nothing was done."
SUFFIXES: Final = ("_nanos", "_ms", "_picos", "_cents", "_on")
# What a service may refuse while the form stays as it was typed; anything else is a page of its own.
KEPT: Final = frozenset(STATUS) - {grpc.StatusCode.UNAUTHENTICATED}


class Entry:
    """One form. `values` are shown again as typed; `errors`: field -> sentence; `said`: about the whole."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Without values: a form nobody has filled in."""
        self.values = dict(values or {})
        self.errors: dict[str, str] = {}
        self.said = ""
        self.proposed = False
        self.status = 200

    @classmethod
    async def of(cls, request: Request) -> "Entry":
        """What a browser sent, files aside."""
        form = await request.form()
        return cls({name: value for name, value in form.items() if isinstance(value, str)})

    @property
    def request_id(self) -> str:
        """Made with the page, so that a form sent twice is one write."""
        return self.values.setdefault("request_id", str(uuid.uuid4()))

    def text(self, name: str, *, optional: bool = False, limit: int = TEXT_LIMIT) -> str:
        """One line, without spaces around it."""
        value = self.values.get(name, "").strip()
        if not value and not optional:
            self.wrong(name, EMPTY)
        elif len(value) > limit:
            self.wrong(name, LONG)
        elif not value.isprintable():
            self.wrong(name, ONE_LINE)
        else:
            return value
        return ""

    def amount(self, name: str, *, optional: bool = False) -> int:
        """Nano-USD; 0 where it is empty and may be."""
        value = self.text(name, optional=optional)
        try:
            nanos = parse_amount(value) if value else 0
        except RateMissingError:
            self.wrong(name, IN_REAIS)
        except ValueError:
            self.wrong(name, NO_AMOUNT)
        else:
            if nanos <= AMOUNT_LIMIT_NANOS:
                return nanos
            self.wrong(name, TOO_MUCH)
        return 0

    def whole(self, name: str, usual: int = 0, most: int = 2**31 - 1) -> int:
        """A number of at least 0."""
        value = self.text(name, optional=True)
        if not value:
            return usual
        if not (value.isascii() and value.isdigit() and int(value[:20]) <= most):
            self.wrong(name, NO_NUMBER)
            return usual
        return int(value)

    def day(self, name: str, zone: str) -> int:
        """The first moment of a day, epoch milliseconds; 0 where it is empty."""
        value = self.text(name, optional=True)
        try:
            day = date.fromisoformat(value) if value else None
        except ValueError:
            self.wrong(name, NO_DAY)
            return 0
        if day is None:
            return 0
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        return max(int(midnight.timestamp() * 1000), 0)

    def person(self, name: str) -> AccountName:
        """An account: an e-mail stands for a person's, APPLICATION/ for an application's own."""
        value = self.text(name)
        client, slash, who = value.partition("/")
        if slash:
            return AccountName(client=client.strip(), external_id=who.strip())
        if value and "@" not in value:
            self.wrong(name, NOBODY)
        return AccountName(external_id=value)

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.values.get(name))

    def wrong(self, name: str, sentence: str) -> None:
        """The first thing that is wrong with a field is the one that is said."""
        self.errors.setdefault(name, sentence)
        self.status = 422

    async def send(
        self, session: Session, stub: Any, method: str, message: Any, **names: str
    ) -> bool:
        """Whether the service did it; else this says why. `names`: a field of the contract -> of the form.

        Nothing is asked where a field is wrong already.
        """
        if self.errors:
            self.said = MADE
            return False
        try:
            self.answer = await session.ask(stub, method, message)
        except RefusedError as error:
            if error.code not in KEPT:
                raise
            self._refused(error, names)
            return False
        return True

    def _refused(self, error: RefusedError, names: Mapping[str, str]) -> None:
        self.status = int(STATUS[error.code])
        self.proposed = error.proposed
        if error.proposed:
            self.status = 202
        for field, what in error.fields.items():
            plain = field.rpartition(".")[2]
            for suffix in SUFFIXES:
                plain = plain.removesuffix(suffix)
            name = names.get(plain, plain)
            if name in self.values:
                self.errors[name] = what
        away = error.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
        self.said = PROBLEMS[self.status] if away else MADE if self.errors else str(error)


def asked(request: Request, name: str) -> str:
    """A parameter of an address, without what no text of ours holds."""
    value = request.query_params.get(name, "")[:TEXT_LIMIT]
    return "".join(each for each in value if each.isprintable()).strip()


def gone(where: str, done: str) -> RedirectResponse:
    """To the page that shows what was done; a reload of it does nothing again."""
    mark = "&" if "?" in where else "?"
    return RedirectResponse(f"{where}{mark}done={done}", 303)
