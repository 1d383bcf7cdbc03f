"""`--set key=value`: one field of a JSON object, changed at the command line."""

import json
from typing import Any, Final

# How many names a key of such a field has; the last one may hold dots, as names of models do.
DEPTH: Final = {
    "texts": 3,
    "grant_rule": 2,
    "cheaper": 2,
    "settings": 2,
    "flat_holds": 2,
    "service_accounts": 2,
}


def assign(body: Any, assignment: str) -> str | None:
    """Change `body` in place; the sentence about what is wrong, or None.

    The value is JSON, or else a plain text; null removes the field. What fields there are, the service says.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        return f"--set takes key=value, not {assignment!r}"
    names = key.split(".", DEPTH.get(key.partition(".")[0], 1) - 1)
    below = body
    for name in names[:-1]:
        below = below.setdefault(name, {}) if isinstance(below, dict) else None
    if not isinstance(below, dict):
        return f"--set {key}: there is no object to change"
    value = _value(text)
    if value is None:
        below.pop(names[-1], None)
    else:
        below[names[-1]] = value
    return None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
