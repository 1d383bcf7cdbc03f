"""The fields of a policy's body, read and checked one by one (pure)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from credit.flat import FLAT_ROUTES
from credit.money import RateMissingError, parse_amount
from credit.refusal import Reason
from credit.template import FIELDS, find_problem

PATTERNS_LIMIT: Final = 200
CHEAPER_LIMIT: Final = 500
NAME_LIMIT: Final = 256
LANGUAGES: Final = ("pt-BR", "en")
# What a person may change where the policy does not say otherwise.
SETTINGS: Final = ("language", "notices", "own_limits", "first_pool")

# Where people are named by the client, which some of its parts do not do (image tools, RAG).
PATHS: Final = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", *FLAT_ROUTES)

_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SET: Final = re.compile(r"\[.[^]]*\]")

Reader = Callable[[str, Any], Any]


class PolicyError(ValueError):
    """A field of the body cannot be used; the text begins with its name."""

    def __init__(self, field: str, problem: str) -> None:
        """`field` with its path, as in `texts.bad_request.en[0]`."""
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def read_object(field: str, value: Any, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The entries that say something, each read by its reader; an unknown one is refused."""
    if not isinstance(value, dict):
        raise PolicyError(field, "must be a JSON object")
    prefix = "" if field == "policy" else f"{field}."
    for name in value:
        if name not in readers:
            known = ", ".join(sorted(readers))
            raise PolicyError(f"{prefix}{str(name)[:60]}", f"is unknown; there are {known}")
    return {
        name: readers[name](f"{prefix}{name}", entry)
        for name, entry in value.items()
        if entry is not None
    }


def nested(readers: Mapping[str, Reader]) -> Reader:
    """An object within the object."""
    return lambda field, value: read_object(field, value, readers)


def whole(least: int, most: int) -> Reader:
    """A whole number within bounds."""

    def read(field: str, value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise PolicyError(field, f"must be a whole number from {least} to {most}")
        return value

    return read


def choice(*words: str) -> Reader:
    """One of these words."""

    def read(field: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise PolicyError(field, f"must be one of {', '.join(words)}")
        return value

    return read


def read_switch(field: str, value: Any) -> bool:
    """On or off."""
    if not isinstance(value, bool):
        raise PolicyError(field, "must be true or false")
    return value


def read_name(field: str, value: Any) -> str:
    """The name of a model."""
    _check_name(field, value)
    return str(value)


def read_patterns(field: str, value: Any) -> tuple[str, ...]:
    """Names of models, with * ? and [..] as in a shell; an empty list allows none."""
    if not isinstance(value, list) or len(value) > PATTERNS_LIMIT:
        raise PolicyError(field, f"must be a list of at most {PATTERNS_LIMIT} patterns")
    for place, pattern in enumerate(value):
        at = f"{field}[{place}]"
        _check_name(at, pattern)
        # fnmatch would take it for the character itself, which nobody who writes it means.
        if "[" in _SET.sub("", pattern):
            raise PolicyError(at, "has a [ without its ]")
    return tuple(value)


def read_cheaper(field: str, value: Any) -> dict[str, str]:
    """Model -> cheaper model."""
    if not isinstance(value, dict) or len(value) > CHEAPER_LIMIT:
        raise PolicyError(field, f"must be an object of at most {CHEAPER_LIMIT} models")
    for model, cheaper in value.items():
        _check_name(f"{field}.{str(model)[:60]}", model)
        _check_name(f"{field}.{model[:60]}", cheaper)
        if model == cheaper:
            raise PolicyError(f"{field}.{model}", "must name another model than itself")
    return dict(value)


def read_service_accounts(field: str, value: Any) -> dict[str, str]:
    """Path -> service client."""
    if not isinstance(value, dict):
        raise PolicyError(field, "must be an object of paths")
    for path, client in value.items():
        if path not in PATHS:
            raise PolicyError(f"{field}.{str(path)[:60]}", f"must be one of {', '.join(PATHS)}")
        if not isinstance(client, str) or not _CLIENT.fullmatch(client):
            raise PolicyError(f"{field}.{path}", "must be the id of a service client")
    return dict(value)


def read_amount(field: str, value: Any) -> int:
    """An amount with its unit, in nano-USD; reais are refused, since a policy knows no rate."""
    try:
        return parse_amount(value if isinstance(value, str) else "")
    except RateMissingError:
        problem = "must be in dollars or credits: a policy knows no rate for reais"
    except ValueError:
        problem = 'must be an amount with its unit, as "US$0.20" or "20cr"'
    raise PolicyError(field, problem)


read_flat_holds: Final = nested(dict.fromkeys(FLAT_ROUTES, read_amount))

_read_advance: Final = nested({"amount": read_amount, "percent": whole(0, 100)})


def read_advance(field: str, value: Any) -> dict[str, int]:
    """How much of the next allowance may be had now: an amount, or per cent of it."""
    read: dict[str, int] = _read_advance(field, value)
    if len(read) != 1:
        raise PolicyError(field, "must have either an amount or percent")
    return read


# What people may ask for; what is not said is in accounting/admin/request_rules.py.
read_requests: Final = nested(
    {
        "auto_approve": nested({"amount": read_amount, "per_period": whole(0, 100)}),
        "advance": read_advance,
        "limit": nested(
            {"open": whole(0, 100), "per_period": whole(0, 1_000), "amount": read_amount}
        ),
        "valid_days": whole(1, 366),
        "fallback_hours": whole(0, 720),
        "answer_days": whole(1, 90),
    }
)


def read_texts(field: str, value: Any) -> dict[Reason, dict[str, tuple[str, ...]]]:
    """Reason -> language -> clauses; a clause that names a field it may not name is refused."""
    reasons = {
        reason.value: nested({lang: _clauses(reason) for lang in LANGUAGES}) for reason in FIELDS
    }
    return {
        Reason(name): texts for name, texts in read_object(field, value, reasons).items() if texts
    }


def _clauses(reason: Reason) -> Reader:
    def read(field: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise PolicyError(field, "must be a list of clauses")
        problem = find_problem(reason, value)
        if problem is not None:
            place, what = problem
            raise PolicyError(f"{field}[{place}]", what)
        return tuple(value)

    return read


def _check_name(field: str, value: Any) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= NAME_LIMIT or not value.isprintable():
        raise PolicyError(field, f"must be a text of 1 to {NAME_LIMIT} printable characters")
