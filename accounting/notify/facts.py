"""What a notice says, as it is when it is sent: figures of the account, days in the person's own zone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from accounting.oddities import KINDS as EXCEPTIONS

DAY_S: Final = 86_400
WEEKDAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "pt-BR": (
        "na segunda-feira", "na terça-feira", "na quarta-feira", "na quinta-feira",
        "na sexta-feira", "no sábado", "no domingo",
    ),
    "en": (
        "on Monday", "on Tuesday", "on Wednesday", "on Thursday", "on Friday", "on Saturday",
        "on Sunday",
    ),
}  # fmt: skip
TODAY: Final = {"pt-BR": "ainda hoje", "en": "today"}
# With less history than this a pace says nothing.
LEAST_HISTORY_S: Final = 2 * DAY_S
A_WEEK: Final = 7


def facts_of(
    kind: str,
    detail: Mapping[str, Any],
    account: Mapping[str, Any] | None,
    language: str,
    now: datetime,
) -> dict[str, Any]:
    """The fields of the texts; `account` is a row of read_addressee, None for a notice about no account."""
    said: dict[str, Any] = dict(detail)
    if kind == "exception":
        said["meaning"] = EXCEPTIONS.get(str(detail.get("kind")), "")
    if account is None:
        return said
    zone = ZoneInfo(account["zone"])
    said["left_nanos"] = max(account["posted"], 0)
    said["subject"] = account["subject"]
    if kind == "threshold":
        said["full_nanos"] = detail["full"]
        said["ends_on"] = _ends_on(account, language, now.astimezone(zone))
        ends_at = account["plan_ends_at"]
        said["next_on"] = "" if ends_at is None else date_of(ends_at.astimezone(zone), language)
        said["next_nanos"] = account["next_nanos"] or 0
    if kind == "allowance":
        said["amount_nanos"] = detail["amount"]
        until = detail.get("until")
        moment = None if until is None else datetime.fromisoformat(until).astimezone(zone)
        said["until_on"] = (
            "" if moment is None else date_of(moment - timedelta(seconds=1), language)
        )
    return said


def _ends_on(account: Mapping[str, Any], language: str, now: datetime) -> str:
    """On which day the credit ends at the pace of the last week; empty: not within a week, or nobody can say."""
    week, history_s = account["week_nanos"], account["week_s"]
    if week <= 0 or history_s < LEAST_HISTORY_S:
        return ""
    days = max(account["posted"], 0) * history_s // (week * DAY_S)
    ends_at = account["plan_ends_at"]
    day = now + timedelta(days=days)
    if days >= A_WEEK or (ends_at is not None and day >= ends_at):
        return ""
    return TODAY[language] if days == 0 else WEEKDAYS[language][day.weekday()]


def date_of(moment: datetime, language: str) -> str:
    """As people write a day."""
    return f"{moment:%d/%m/%Y}" if language == "pt-BR" else f"{moment:%Y-%m-%d}"
