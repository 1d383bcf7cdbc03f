"""What services say, in the reader's language; a sentence we do not know stays as it came."""

import re
from collections.abc import Callable
from typing import Final

# As accounting/reports writes them; `{name}` is what differs. A test holds that each is found there.
FINDINGS: Final = (
    "nobody would be refused for credit",
    "no team would run out",
    "no cap would stop anybody",
    "no limit of their own would stop anybody",
    "nobody is suspended who asks for anything",
    "every model asked for has a price",
    "every model asked for is allowed",
    "every request says whose it is",
    "no request has a field that is refused",
    "no request would wait for another",
    "it could be asked every time",
    "nothing passed outside the metered paths",
    "everybody can be written to",
    "no call was seen yet",
    "{people} would be refused: {names}",
    "frozen by the auditor: {names}",
    "not allowed, so refused then: {names}",
    "not metered, so refused then: {names}",
    "fields that would be refused, to be changed in the client: {names}",
    "{requests} while other answers were being written",
    "for {requests} the ledger could not be asked",
    "{percent} % of {calls} calls were told of by Envoy and the callback",
    "{percent} % of {calls} calls were told of by Envoy and the callback; Envoy's access log lacks {missing}",
    "{percent} % of {calls} calls were told of by Envoy and the callback; the callback lacks {missing}",
    "{models} without a price: {names}",
    "{people} without e-mail: {names}",
)
# What is wrong with a field, why a write was not done: as accounting/admin writes them; `…` is left out here.
ANSWERS: Final = (
    "there is no plan {name}: …",
    "there is no pool {name}: …",
    "there is no exception {number}",
    "there is no credit request {number}: …",
    "there is no proposal {number}: …",
    "this takes {roles}; your roles: {mine}",
    "must not be empty",
    "must not be longer than {limit} characters",
    "must be one line of printable characters",
    "must be 1 to 63 lower-case letters, digits or hyphens, not starting with one",
    "must be 1 to 63 letters, digits, dots, hyphens or underscores",
    "must be above zero and not above {amount}, which was asked for",
    "must be between … and … nano-USD; it is …",
    "must be from {first} to today, {today}; it is {day}",
    "must be a person's account, or a service's own",
    "is no time zone: {name}; an example is {zone}",
    "there is a pool {name} already; nothing was changed",
    "{reference} of {supplier} is recorded already: …",
    "purchase {number} backs {worth}, of which {left} is left; nothing was granted",
    "exception {number} is resolved already, by {who}: {what}",
    "credit request {number} waits no more: it is {state}",
    "credit request {number} has a grant already",
    "proposal {number} waits no more: it is {state}",
    "proposal {number} is being confirmed at this moment",
    "this takes somebody else: you proposed it",
    "this takes somebody else: your token was made by who proposed it",
    "nobody does this for themselves: it takes another administrator",
    "there is no such cap: …",
    "{person} has no account: who was imported gets it with the first chat …",
    "{person} has no account at {client}: …",
    "{person} is no member of {team}",
    "LiteLLM has no model {name}: --force sets it all the same",
    "{name} would be free: --force if that is meant",
    "{name} from {old} to {new} pico-USD per token is tenfold or more: --force if that is meant",
)
COUNTS: Final = (
    "{names} and {count} more",
    "{count} person",
    "{count} people",
    "{count} request",
    "{count} requests",
    "{count} model",
    "{count} models",
)


def _pattern(text: str) -> re.Pattern[str]:
    named = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(text))
    return re.compile(named.replace("(?P<count>.+?)", r"(?P<count>\d+)").replace("…", ".+"))


_KNOWN: Final = [(text, _pattern(text)) for text in (*FINDINGS, *COUNTS, *ANSWERS)]


def finding(text: str, translate: Callable[..., str]) -> str:
    """What was said by `translate`, which takes an English text with its values."""
    for known, pattern in _KNOWN:
        found = pattern.fullmatch(text)
        if found:
            values = {
                name: translate(value) if name == "state" else finding(value, translate)
                for name, value in found.groupdict().items()
            }
            return translate(known, **values)
    return text
