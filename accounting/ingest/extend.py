"""The use case of extend: the callback measured the body and needs a larger hold."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from accounting.ingest.reports import NANOS_LIMIT
from credit import ledger
from credit.ledger import Extended
from credit.refusal import Reason, error_body
from credit.wording import Wording

Amount = Annotated[int, Field(ge=0, le=NANOS_LIMIT)]


class ExtendRequest(BaseModel):
    """Totals in nano-USD, not increments: asking twice changes nothing the second time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: UUID
    want_total_nanos: Amount
    min_total_nanos: Amount


class Extender:
    """Asks the ledger for more, and words its refusal for the person."""

    def __init__(self, pool: asyncpg.Pool, wording: Wording) -> None:
        """`wording` is the installation's way of speaking."""
        self._pool = pool
        self._wording = wording

    async def extend(self, request: ExtendRequest) -> Mapping[str, Any]:
        """The answer for the callback: extended with the new total, or refused with the error to show."""
        hold_id = str(request.hold)
        want = max(request.want_total_nanos, request.min_total_nanos)
        extended = await ledger.extend_hold(self._pool, hold_id, want, request.min_total_nanos)
        if extended.result == "extended":
            return {"result": "extended", "granted_nanos": extended.granted_nanos}
        reason = Reason(extended.reason) if extended.reason else Reason.ENFORCEMENT_UNAVAILABLE
        body = await self._error(hold_id, reason, extended)
        return {"result": "refused", "reason": reason.value, "error": body}

    async def _error(self, hold_id: str, reason: Reason, extended: Extended) -> Any:
        rows = await ledger.query(self._pool, "read_hold_client", hold_id=hold_id)
        style, language = (
            (rows[0]["style"], rows[0]["language"]) if rows else ("plain", self._wording.language)
        )
        available = extended.posted_nanos + extended.overdraft_nanos - extended.held_nanos
        fields = self._wording.amounts(available, extended.held_nanos, language)
        text = self._wording.sentence(reason, language, hold_id, None, fields)
        return json.loads(error_body(reason, text, style))
