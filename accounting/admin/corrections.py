"""Debits that were wrong, given back: a grant that names the call, never more than was debited for it."""

from accounting.admin import fields, statements
from accounting.admin.errors import ConflictError, InvalidFieldError, NotFoundError
from credit.money import format_usd

SOURCE = "correction"


def read_hold(value: str, source: str) -> str:
    """The whole id of the call, empty for none; raises InvalidFieldError with the field."""
    if not value.strip():
        return ""
    if source not in {"", SOURCE}:
        raise InvalidFieldError("source", f"must be {SOURCE} where it corrects a debit")
    try:
        return fields.hold_id("corrects", value.strip())
    except InvalidFieldError as error:
        hint = "must be a whole hold id; `pedagio explain REF` shows that of a reference"
        raise InvalidFieldError("corrects", hint) from error


async def check(connection: statements.Source, hold_id: str, account_id: int, amount: int) -> None:
    """Raises NotFoundError where the account did not pay for it, ConflictError where less is left to give back.

    The caller has locked the corrections of this call.
    """
    row = await statements.row(connection, "find_debit", hold_id=hold_id)
    if row is None or row["account_id"] != account_id:
        raise NotFoundError(f"there is no closed call {hold_id} that they paid for")
    left = row["debited"] - row["corrected"]
    if amount > left:
        raise ConflictError(
            f"{format_usd(row['debited'])} was debited for {hold_id}, of which "
            f"{format_usd(max(left, 0))} can be given back; nothing was granted"
        )
