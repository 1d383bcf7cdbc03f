"""The free model that says what a person has left: answered at the door, without a hold or a debit."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from authz import completion
from authz.answers import Problem
from authz.balance_texts import texts_in
from authz.body import model_name
from authz.request import Request
from authz.response import Answered
from authz.snapshot import Client
from authz.standing import Cap, Standing
from authz.store import StoreAwayError
from credit.money import CREDITS_PER_USD, NANOS_PER_USD, format_amount
from credit.policy import Policy
from credit.refusal import Reason
from credit.wording import Wording

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
# The least that is shown, in each unit: less than that was spent, and it is said so.
LEAST_NANOS: Final = {"credits": NANOS_PER_USD // CREDITS_PER_USD // 10}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """A person asks for the balance."""

    request: Request
    client: Client
    account_id: int
    model: str


def asked_for(
    request: Request, client: Client, account_id: int, policy: Policy
) -> Asked | Problem | None:
    """Whether this request is for the balance; where its form cannot be met, why not; None: it is not."""
    if request.has_query or not request.hold_id or policy.balance_model is None:
        return None
    if model_name(request.body) != policy.balance_model:
        return None
    if request.path not in (CHAT, RESPONSES):
        return Problem(Reason.BAD_REQUEST, "model", account_id, policy)
    return Asked(request, client, account_id, policy.balance_model)


class Balance:
    """Answers in the person's language and the installation's unit."""

    def __init__(
        self,
        standing: Callable[[int], Awaitable[Standing]],
        wording: Wording,
        now_s: Callable[[], float],
    ) -> None:
        """`standing` says the figures of an account; it may raise."""
        self._standing = standing
        self._wording = wording
        self._now_s = now_s

    async def answer(self, asked: Asked, mode: str) -> Answered:
        """Status 200 whatever happens: the ledger's silence is said in words, so that nobody tries for minutes."""
        request, language = asked.request, asked.client.language
        streamed = request.body.get("stream") is True
        figures: Mapping[str, Any] = {}
        try:
            standing = await self._standing(asked.account_id)
        except Exception as error:  # noqa: BLE001 (away, slow: said to the person)
            if not isinstance(error, StoreAwayError):
                log.info("balance_not_read", hold=request.hold_id, error=type(error).__name__)
            text = texts_in(language)["away"]
        else:
            figures = figures_of(standing)
            # LibreChat asks for titles, and nothing else, without `stream`.
            title = asked.client.style == "librechat" and not streamed
            text = brief(standing, language, self._wording) if title else ""
            text = text or whole(standing, language, self._wording)
        words = completion.Words(request.hold_id, asked.model, text, int(self._now_s()), figures)
        form = _FORMS[request.path, streamed]
        kind = completion.EVENT_TYPE if streamed else completion.JSON_TYPE
        seen = {
            "hold": request.hold_id,
            "client": asked.client.id,
            "mode": mode,
            "account": str(asked.account_id),
        }
        return Answered(form(words), kind, seen)


_FORMS: Final = {
    (CHAT, False): completion.chat,
    (CHAT, True): completion.chat_events,
    (RESPONSES, False): completion.response,
    (RESPONSES, True): completion.response_events,
}


def figures_of(standing: Standing) -> dict[str, Any]:
    """The figures for programs: integers, nano-USD."""
    return {
        "available_nanos": standing.available_nanos,
        "held_nanos": standing.held_nanos,
        "spent_today_nanos": standing.spent_nanos,
        "pools": [
            {"name": p.name, "available_nanos": p.available_nanos, "active": p.active}
            for p in standing.pools
        ],
        "caps": [
            {
                "period": c.period,
                "pool": c.pool,
                "limit_nanos": c.limit_nanos,
                "left_nanos": c.left_nanos,
            }
            for c in standing.caps
        ],
        "coming": [
            {"day": c.day.isoformat(), "amount_nanos": c.amount_nanos} for c in standing.coming
        ],
    }


def brief(standing: Standing, language: str, wording: Wording) -> str:
    """One line without Markdown."""
    available = format_amount(max(standing.available_nanos, 0), language, wording.unit)
    return texts_in(language)["brief"].format(available=available)


def whole(standing: Standing, language: str, wording: Wording) -> str:
    """The Markdown that a person reads: what is left first, then a list."""
    texts = texts_in(language)

    def amount(nanos: int) -> str:
        return format_amount(max(nanos, 0), language, wording.unit)

    available = standing.available_nanos
    head = texts["available"].format(available=amount(available))
    if available < 0:
        head = texts["debt"].format(debt=amount(-available))
    if standing.suspended_since is not None:
        since = wording.date(standing.suspended_since, language)
        head = f"{texts['suspended'].format(date=since)} {head}"
    lines = []
    if standing.held_nanos > 0:
        lines.append(texts["held"].format(held=amount(standing.held_nanos)))
    for pool in standing.pools:
        form = texts["pool" if pool.active else "pool_suspended"]
        lines.append(form.format(pool=pool.name, available=amount(pool.available_nanos)))
    lines += [_cap(cap, texts, amount) for cap in standing.caps]
    lines.append(_spent(standing, language, wording))
    lines += [
        texts["coming"].format(amount=amount(c.amount_nanos), date=wording.date(c.day, language))
        for c in standing.coming
    ]
    if wording.contact:
        lines.append(texts["contact"].format(contact=wording.contact))
    text = "\n".join([head, "", *(f"- {line}" for line in lines)])
    return f"{text}\n\n{texts['link'].format(url=wording.url)}" if wording.url else text


def _cap(cap: Cap, texts: Mapping[str, str], amount: Callable[[int], str]) -> str:
    form = texts["cap_pool" if cap.pool else "cap"]
    left, limit = amount(cap.left_nanos), amount(cap.limit_nanos)
    return form.format(period=texts[cap.period], pool=cap.pool, left=left, limit=limit)


def _spent(standing: Standing, language: str, wording: Wording) -> str:
    texts = texts_in(language)
    least = LEAST_NANOS.get(wording.unit, 1)
    if 0 < standing.spent_nanos < least and not standing.more:
        return texts["spent_little"].format(least=format_amount(least, language, wording.unit))
    spent = format_amount(standing.spent_nanos, language, wording.unit)
    return texts["spent_more" if standing.more else "spent"].format(spent=spent)
