"""Credit requests in the outbox: what approvers and whoever asked are told, and the looking after what waits."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from accounting.admin import decisions, statements, visitors
from accounting.notify.channel import Addressee, NobodyError
from accounting.notify.facts import date_of
from credit.away import is_away
from credit.plan import DEFAULT_ZONE

LOOK_EVERY_S: Final = 10.0
FORGET_EVERY: Final = 360  # looks: once an hour
GONE: Final = "the request waits no more, or is somebody else's by now"

log = structlog.get_logger()


async def tend_for_ever(pool: asyncpg.Pool) -> None:
    """For ever; what an error left is found again."""
    looks = 0
    while True:
        try:
            await tend(pool)
            if looks % FORGET_EVERY == 0:
                await statements.run(pool, "forget_request_addresses")
            looks += 1
        except Exception as error:  # noqa: BLE001 (the loop must live; the rows stay and are seen again)
            if not is_away(error):
                log.warning("requests_not_tended", error=type(error).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


async def tend(pool: asyncpg.Pool) -> None:
    """Record what expired; tell whoever has a request by now: after the delay, as a deputy."""
    while await statements.rows(pool, "expire_requests"):
        pass  # ends: each was recorded
    await statements.rows(pool, "tell_open_requests")


async def facts_for_approver(
    pool: asyncpg.Pool, row: Mapping[str, Any], language: str, public_url: str
) -> tuple[dict[str, Any], Addressee]:
    """What whoever may answer is told; in a mail with the two addresses, which are made for it now.

    Raises NobodyError where they do not have it any more. A program hears of a request once, without words or names.
    """
    found = await statements.row(
        pool, "read_request_mail", id=row["credit_request_id"], admin_id=row["admin_id"],
        notice_id=row["notice_id"],
    )  # fmt: skip
    if found is None:
        raise NobodyError(GONE)
    addressee = Addressee(found["email"], found["name"], language)
    said: dict[str, Any] = {"number": found["id"], "amount_nanos": found["amount"]}
    if row["channel"] != "mail":
        if not found["first"]:
            raise NobodyError("it was told of this request already")
        return said, addressee
    zone = ZoneInfo(DEFAULT_ZONE)
    return said | {
        "who": " ".join(found["who"].split()), "why": found["why"], "plan": found["plan"],
        "teams": ", ".join(found["teams"]), "left_nanos": max(found["available"], 0),
        "spent_nanos": found["spent"],
        "answer_by": date_of(found["expires_at"].astimezone(zone), language),
        "approve_url": await _address(pool, row, "approve", public_url),
        "deny_url": await _address(pool, row, "deny", public_url),
    }, addressee  # fmt: skip


async def facts_of_outcome(
    pool: asyncpg.Pool, row: Mapping[str, Any], zone: str, language: str
) -> dict[str, Any]:
    """How it ended, for whoever asked."""
    found = await statements.row(pool, "read_request_outcome", id=row["credit_request_id"])
    assert found is not None, "a request is never deleted"
    return {
        "number": found["id"], "state": found["state"], "asked_nanos": found["amount"],
        "amount_nanos": found["granted"], "answer": found["answer"],
        "until_on": _last_day(found["valid_until"], zone, language),
    }  # fmt: skip


async def facts_of_link(
    pool: asyncpg.Pool, row: Mapping[str, Any], public_url: str
) -> dict[str, Any]:
    """The address of a person's page, made now; it is for their eyes alone, so no program hears it."""
    if row["channel"] != "mail":
        raise NobodyError("an address of a page is for its person alone")
    if not public_url:
        raise NobodyError("there are no pages: PEDAGIO_PUBLIC_URL is not set")
    code = await visitors.make_link(pool, row["account_id"])
    return {"page_url": f"{public_url}/p/{code}", "minutes": visitors.LINK_WAITS_S // 60}


def _last_day(until: datetime | None, zone: str, language: str) -> str:
    if until is None:
        return ""
    return date_of((until - timedelta(seconds=1)).astimezone(ZoneInfo(zone)), language)


async def _address(pool: asyncpg.Pool, row: Mapping[str, Any], verb: str, public_url: str) -> str:
    if not public_url or row["admin_id"] is None:
        return ""
    code = await decisions.make_code(pool, row["credit_request_id"], row["admin_id"], verb)
    return f"{public_url}/a/{code}"
