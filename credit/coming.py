"""What comes next for somebody who is refused: asked of the ledger after the no, so that nobody waits for a yes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from credit import ledger
from credit.refusal import Reason
from credit.wording import Wording

# The reasons whose sentences have room for it (credit/template.py).
ABOUT: Final = frozenset(
    {
        Reason.INSUFFICIENT_CREDIT,
        Reason.REQUEST_TOO_LARGE,
        Reason.CAP_REACHED,
        Reason.POOL_EXHAUSTED,
    }
)
MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "pt-BR": (
        "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
        "outubro", "novembro", "dezembro",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
}  # fmt: skip
SHORTER: Final[Mapping[str, Mapping[str, str]]] = {
    "pt-BR": {"day": "hoje", "week": "sete dias"},
    "en": {"day": "today", "week": "this week"},
}


async def read_coming(
    pool: asyncpg.Pool, account_id: int, others: Sequence[Mapping[str, Any]] | None
) -> Mapping[str, Any]:
    """The row of read_coming for a person; `others` as a decision stores them. Raises what the driver raises."""
    pools = [each["id"] for each in others or () if each.get("role") == "pool"]
    caps = [each for each in others or () if each.get("role") == "cap"]
    least = min(caps, key=lambda each: int(each["posted"]) - int(each["held"]), default=None)
    rows = await ledger.query(
        pool,
        "read_coming",
        account_id=account_id,
        pool_id=pools[0] if pools else None,
        cap_id=least["id"] if least else None,
    )
    return dict(rows[0]) if rows else {}


def coming_fields(
    reason: Reason, row: Mapping[str, Any], wording: Wording, language: str
) -> dict[str, str]:
    """The fields of the sentence that this row fills; what nobody knows stays out of it."""
    if not row:
        return {}
    if reason is Reason.CAP_REACHED:
        return _of_cap(row, wording, language)
    fields = {"pool": row["pool"] or ""}
    if row["next_at"] is not None and row["next_nanos"]:
        fields["next_amount"] = wording.amount(row["next_nanos"], language)
        fields["next_date"] = wording.date(_local(row["next_at"], row["zone"]), language)
    return fields


def _of_cap(row: Mapping[str, Any], wording: Wording, language: str) -> dict[str, str]:
    if row["cap_nanos"] is None or row["cap_ends_at"] is None:
        return {}
    ends = _local(row["cap_ends_at"], row["cap_zone"])
    months = MONTHS.get(language, MONTHS["en"])
    # The period that ends: its month is the one before the first of the next.
    month = months[(ends.month - 2) % len(months)]
    shorter = SHORTER.get(language, SHORTER["en"])
    return {
        "cap": wording.amount(row["cap_nanos"], language),
        "period": shorter.get(row["cap_period"], month),
        "next_date": wording.date(ends, language),
    }


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))
