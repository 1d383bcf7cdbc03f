"""What counts as a person's name: the rule for `x-user-id` and for accounts (DESIGN 3)."""

EXTERNAL_ID_LIMIT = 128


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
