"""What the readiness report finds, in the reader's language; a finding we do not know stays as it came."""

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
COUNTS: Final = (
    "{count} person",
    "{count} people",
    "{count} request",
    "{count} requests",
    "{count} model",
    "{count} models",
)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(text)))


_KNOWN: Final = [(text, _pattern(text)) for text in (*FINDINGS, *COUNTS)]


def finding(text: str, translate: Callable[..., str]) -> str:
    """That finding by `translate`, which takes an English text with its values."""
    for known, pattern in _KNOWN:
        found = pattern.fullmatch(text)
        if found:
            values = {name: finding(value, translate) for name, value in found.groupdict().items()}
            return translate(known, **values)
    return text
