"""What counts as a person's name: the rule for `x-user-id`, `x-user-email` and for accounts (DESIGN 3)."""

import re

EXTERNAL_ID_LIMIT = 128
EMAIL_LIMIT = 254  # RFC 5321
# ASCII only: of other letters several fold to the same one, and one person would be taken for another.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`|~-]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)


def is_external_id(value: str) -> bool:
    """Whether a text can name a person.

    Empty, a placeholder that LibreChat left unresolved (`{{`), several values (Envoy joins
    duplicate headers with a comma), unprintable or overlong text names nobody. Neither does `!`:
    Envoy writes it for each byte that is no UTF-8, so that different names would become one.
    """
    return (
        bool(value.strip())
        and "{{" not in value
        and "," not in value
        and "!" not in value
        and len(value) <= EXTERNAL_ID_LIMIT
        and value.isprintable()
    )


def fold_email(value: str) -> str | None:
    """An e-mail address as it is compared: in lower case, without spaces around it; None: it is none.

    Two headers joined by a comma and a placeholder that nobody resolved are none.
    """
    folded = value.strip().lower() if value.isascii() else ""
    return folded if len(folded) <= EMAIL_LIMIT and _EMAIL.fullmatch(folded) else None
