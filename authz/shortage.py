"""A refusal of the ledger in the words of the person: what is left, what comes when, what would do."""

import asyncio
from typing import Final

import structlog

from authz.answers import Problem
from authz.call import Call
from authz.state import State
from credit.coming import ABOUT, coming_fields
from credit.ledger import Placed
from credit.refusal import Reason
from credit.wording import Wording

# A sentence with a clause less is better than one that is waited for.
WITHIN_S: Final = 0.2

log = structlog.get_logger()


async def say_shortage(
    state: State, wording: Wording, call: Call, placed: Placed, cheaper_model: str
) -> Problem:
    """The problem with its fields; `cheaper_model`: one that would have been paid for, else empty."""
    reason = Reason(placed.reason or Reason.INSUFFICIENT_CREDIT)
    language = call.client.language
    fields = wording.amounts(placed.available_nanos, placed.held_nanos, language)
    fields["date"] = wording.date(placed.status_at, language)
    fields["model"] = call.body.model
    if reason is Reason.CAP_REACHED:
        fields["chosen"] = wording.chosen(placed.others, language)
    fields["cheaper_model"] = cheaper_model
    if reason in ABOUT:
        fields |= await _coming(state, wording, call, placed, reason)
    return Problem(reason, None, call.account_id, call.policy, fields)


async def _coming(
    state: State, wording: Wording, call: Call, placed: Placed, reason: Reason
) -> dict[str, str]:
    """What comes next and when, if the ledger says so soon."""
    try:
        async with asyncio.timeout(WITHIN_S):
            row = await state.coming(call.account_id, placed)
    except Exception as error:  # noqa: BLE001 (a clause less in the sentence)
        log.info("coming_unknown", hold=call.request.hold_id, error=type(error).__name__)
        return {}
    return coming_fields(reason, row, wording, call.client.language)
