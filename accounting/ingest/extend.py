"""The use case of extend: the callback measured the body and needs a larger hold."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from accounting.admin.policies import of_person
from accounting.ingest.reports import NANOS_LIMIT
from accounting.pricing import CurrentModels
from credit import ledger
from credit.address import NOWHERE, Addresses
from credit.cheaper import bound_elsewhere, find_cheaper
from credit.coming import ABOUT, coming_fields, read_coming
from credit.ledger import Extended
from credit.policy import EMPTY, Policy
from credit.refusal import Reason, error_body
from credit.wording import Wording

SHORT = frozenset({Reason.INSUFFICIENT_CREDIT, Reason.REQUEST_TOO_LARGE})
Amount = Annotated[int, Field(ge=0, le=NANOS_LIMIT)]


class ExtendRequest(BaseModel):
    """Totals in nano-USD, not increments: asking twice changes nothing the second time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: UUID
    want_total_nanos: Amount
    min_total_nanos: Amount


class Extender:
    """Asks the ledger for more, and words its refusal for the person."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        wording: Wording,
        current: CurrentModels,
        addresses: Addresses = NOWHERE,
    ) -> None:
        """`wording` is the installation's way of speaking, `current` the map in force."""
        self._addresses = addresses
        self._pool = pool
        self._wording = wording
        self._current = current

    async def extend(self, request: ExtendRequest) -> Mapping[str, Any]:
        """The answer for the callback: extended with the new total, or refused with the error to show."""
        hold_id = str(request.hold)
        want = max(request.want_total_nanos, request.min_total_nanos)
        extended = await ledger.extend_hold(self._pool, hold_id, want, request.min_total_nanos)
        if extended.result == "extended":
            return {"result": "extended", "granted_nanos": extended.granted_nanos}
        reason = Reason(extended.reason) if extended.reason else Reason.ENFORCEMENT_UNAVAILABLE
        body = await self._error(request, reason, extended)
        return {"result": "refused", "reason": reason.value, "error": body}

    async def _error(self, request: ExtendRequest, reason: Reason, extended: Extended) -> Any:
        hold_id = str(request.hold)
        rows = await ledger.query(self._pool, "read_hold_client", hold_id=hold_id)
        style, language = (
            (rows[0]["style"], rows[0]["language"]) if rows else ("plain", self._wording.language)
        )
        policy = await of_person(self._pool, rows[0]["id"], rows[0]["plan_id"]) if rows else EMPTY
        available = extended.posted_nanos + extended.overdraft_nanos - extended.held_nanos
        fields = self._wording.amounts(available, extended.held_nanos, language)
        if rows and reason is Reason.CAP_REACHED:
            fields["chosen"] = self._wording.chosen(rows[0]["others"], language)
        if rows and reason in SHORT:
            fields["model"] = rows[0]["model"]
            fields["cheaper_model"] = self._cheaper(
                policy, rows[0]["model"], request.min_total_nanos, available
            )
        if rows and reason in ABOUT:
            coming = await read_coming(self._pool, rows[0]["person_id"], rows[0]["others"])
            fields |= coming_fields(reason, coming, self._wording, language)
        # Where the ledger refused, it wrote the refusal down: there its address finds it.
        address = self._addresses.of(hold_id) if extended.result == "refused" else ""
        fields |= {"url": address} if address else {}
        own = policy.text(reason, language)
        text = self._wording.sentence(reason, language, hold_id, None, fields, own)
        return json.loads(error_body(reason, text, style))

    def _cheaper(self, policy: Policy, model: str, least_nanos: int, available_nanos: int) -> str:
        """The cheaper model whose least answer to the same body is surely paid for, or nothing."""
        models = self._current.models
        name = find_cheaper(policy, model, models)
        asked = models.terms(model, None) if models else None
        other = models.terms(name, None) if models and name else None
        if name is None or asked is None or other is None:
            return ""
        bound = bound_elsewhere(least_nanos, asked, other)
        return name if bound is not None and bound <= available_nanos else ""
