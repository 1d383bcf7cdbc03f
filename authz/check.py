"""The use case: whether a request may pass, with how much credit reserved.

Read together with credit/grant.py and place_batch.sql: these three say exactly when a person
is blocked. A refusal is a value, an unknown outcome is `enforcement_unavailable`, never a guess.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from authz.batcher import QueueFullError
from authz.body import BadField, Body, read_body
from authz.bounded import UnknownAccountError
from authz.call import METERED, Call, bare_claims
from authz.request import Request
from authz.response import Allow, Known, Refuse
from authz.snapshot import Client
from authz.store import StoreAwayError
from credit.ledger import Place, Placed
from credit.models import ModelMap
from credit.refusal import Reason
from credit.terms import Terms
from credit.token import Claims, sign
from credit.wording import Wording

FREE = {"/v1/models"}
NEW_CLIENT_OUTPUT_TOKENS = 8192  # DESIGN 4: until 200 calls are known
# Account 0 in a token: accounting books it to the client's `unattributed` account.
UNATTRIBUTED = 0
# Where nothing of ours may refuse (shadow, off), one question to the ledger may take this long: two of
# them end before Envoy's limit of 0.45 s per try, after which Envoy would refuse in our name.
LENIENT_WITHIN_S = 0.2

log = structlog.get_logger()


class State(Protocol):
    """What the door knows without asking (authz.snapshot.Snapshot)."""

    mode: str
    clients: Mapping[bytes, Client]
    models: ModelMap | None
    p99_output_tokens: Mapping[tuple[str, str], int]

    async def account(self, client: Client, external_id: str | None) -> int | None:
        """The account of a person, or of the client itself."""

    async def in_shadow(self, account_id: int) -> bool:
        """Whether an account overrides the mode enforce with shadow."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused; `param` names the field or the model, where one is to blame."""

    reason: Reason
    param: str | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Whose credit: the client's name for the person, None for a service client's own account."""

    external_id: str | None


class Check:
    """Decides one request at a time; holds no state of its own."""

    def __init__(
        self,
        state: State,
        place: Callable[[Place], Awaitable[Placed]],
        note: Callable[[Request, Client, str, Problem], None],
        *,
        token_keys: list[bytes],
        wording: Wording,
        now_s: Callable[[], float],
    ) -> None:
        """`place` asks the ledger, `note` records a refusal made at the door without waiting."""
        self._state = state
        self._place = place
        self._note = note
        self._token_keys = token_keys
        self._wording = wording
        self._now_s = now_s

    def recognise(self, request: Request) -> Known | Refuse:
        """Whether the key is anybody's: asked before Envoy reads a large body, decides nothing else."""
        if self._client(request) is None:
            return self._refuse(request, None, Problem(Reason.UNKNOWN_KEY))
        return Known()

    def _client(self, request: Request) -> Client | None:
        return self._state.clients.get(request.key_sha256) if request.key_sha256 else None

    async def decide(self, request: Request) -> Allow | Refuse:
        """The whole decision for one request."""
        client = self._client(request)
        if client is None:
            return self._refuse(request, None, Problem(Reason.UNKNOWN_KEY))
        if request.path in FREE:
            return self._allow(request, client, None)
        mode = self._state.mode
        if mode == "closed":
            return self._refuse(request, client, Problem(Reason.ENFORCEMENT_UNAVAILABLE))
        if mode == "off":
            return await self._pass(request, client, "off")
        if request.path not in METERED:
            if mode == "shadow":
                return await self._pass(request, client, "shadow")
            problem = Problem(Reason.UNKNOWN_PATH)
            self._note(request, client, "refuse", problem)
            return self._refuse(request, client, problem)
        return await self._decide_metered(request, client, shadow=mode == "shadow")

    async def _decide_metered(
        self, request: Request, client: Client, *, shadow: bool
    ) -> Allow | Refuse:
        within_s = LENIENT_WITHIN_S if shadow else None
        try:
            async with asyncio.timeout(within_s):
                call = await self._read_call(request, client)
        except Exception as error:  # noqa: BLE001 (the store is away: unknown, hence the typed refusal)
            _say("account_lookup_failed", request, error)
            call = Problem(Reason.ENFORCEMENT_UNAVAILABLE)
        if isinstance(call, Problem):
            shadow = shadow or await self._in_shadow_cohort(call.account_id)
            self._note(request, client, "would_refuse" if shadow else "refuse", call)
            if shadow:
                return await self._pass(request, client, "shadow")
            return self._refuse(request, client, call)
        try:
            async with asyncio.timeout(within_s):
                placed = await self._place(call.hold(self._usual_output(call), shadow=shadow))
        except Exception as error:  # noqa: BLE001 (timeout, lost connection, full queue: the outcome is unknown)
            _say("place_unknown", request, error)
            placed = None
        return self._answer(call, placed, shadow=shadow or (placed is not None and placed.shadow))

    def _answer(self, call: Call, placed: Placed | None, *, shadow: bool) -> Allow | Refuse:
        if placed is not None and placed.result in {"placed", "replay"}:
            claims = call.claims(
                placed.granted_nanos, "shadow" if shadow else "enforce", self._now_s()
            )
            return self._allow(call.request, call.client, claims)
        if shadow:
            return self._allow(call.request, call.client, call.claims(0, "shadow", self._now_s()))
        if placed is None or placed.result == "closed":
            return self._refuse(call.request, call.client, Problem(Reason.ENFORCEMENT_UNAVAILABLE))
        reason = Reason(placed.reason or Reason.INSUFFICIENT_CREDIT)
        language = call.client.language
        fields = self._wording.amounts(placed.available_nanos, placed.held_nanos, language)
        fields["date"] = self._wording.date(placed.status_at, language)
        return self._refuse(
            call.request, call.client, Problem(reason), fields, account=call.account_id
        )

    async def _read_call(self, request: Request, client: Client) -> Call | Problem:
        """Identify, check the body, find the price; the first problem wins."""
        whose = self._person(request, client)
        if isinstance(whose, Problem):
            return whose
        account_id = await self._state.account(client, whose.external_id)
        if account_id is None:
            return Problem(Reason.IDENTITY_MISSING)
        asked = self._read_body(request)
        if isinstance(asked, Problem):
            return replace(asked, account_id=account_id)
        body, terms = asked
        # No await since the terms were read: the map is still the one that they are from.
        version = self._state.models.version if self._state.models else None
        route = METERED[request.path]
        return Call(request, client, body, terms, account_id, route, version)

    def _read_body(self, request: Request) -> tuple[Body, Terms] | Problem:
        if request.has_query:
            return Problem(Reason.BAD_REQUEST, "query")
        if not request.hold_id:
            return Problem(Reason.BAD_REQUEST, "x-request-id")
        body = read_body(request.body)
        if isinstance(body, BadField):
            return Problem(Reason.BAD_REQUEST, body.name)
        models = self._state.models
        terms = models.terms(body.model, body.service_tier) if models else None
        return (body, terms) if terms else Problem(Reason.MODEL_UNPRICED, body.model)

    def _person(self, request: Request, client: Client) -> Person | Problem:
        if client.kind == "service":
            # One key, one account: a name here would be somebody pretending to be a trusted client.
            return (
                Problem(Reason.BAD_REQUEST, "x-user-id")
                if request.user_header is not None
                else Person(None)
            )
        external_id = request.external_id
        return Problem(Reason.IDENTITY_MISSING) if external_id is None else Person(external_id)

    def _usual_output(self, call: Call) -> int:
        return self._state.p99_output_tokens.get(
            (call.client.id, call.body.model), NEW_CLIENT_OUTPUT_TOKENS
        )

    async def _in_shadow_cohort(self, account_id: int | None) -> bool:
        """Whether the person's own account overrides enforce; placed holds say so by themselves."""
        if account_id is None:
            return False
        try:
            async with asyncio.timeout(LENIENT_WITHIN_S):
                return await self._state.in_shadow(account_id)
        except Exception:  # noqa: BLE001 (unknown: the ledger-wide mode holds)
            return False

    async def _pass(self, request: Request, client: Client, mode: str) -> Allow:
        """Without a hold: mode off, or what shadow would have refused. Debits go on by the token."""
        account_id: int | None = None
        external_id = None if client.kind == "service" else request.external_id
        if external_id is not None or client.kind == "service":
            try:
                async with asyncio.timeout(LENIENT_WITHIN_S):
                    account_id = await self._state.account(client, external_id)
            except Exception:  # noqa: BLE001 (these modes must not depend on the ledger)
                account_id = None
        claims = bare_claims(request, client, account_id or UNATTRIBUTED, mode, self._now_s())
        return self._allow(request, client, claims)

    def _allow(self, request: Request, client: Client, claims: Claims | None) -> Allow:
        # An injected key is Envoy's to add, and only when the client's own is gone.
        remove = ("authorization",) if client.litellm_key == "inject" else ()
        headers = {"x-pedagio-client": client.id}
        if request.hold_id:
            headers["x-litellm-call-id"] = request.hold_id
        seen = {
            "hold": request.hold_id,
            "client": client.id,
            "mode": claims.mode if claims else self._state.mode,
        }
        if claims is not None:
            headers |= {
                "x-litellm-end-user-id": claims.account,
                "x-pedagio-hold": sign(claims, self._token_keys),
            }
            seen["account"] = claims.account
        return Allow(headers, remove, seen)

    def _refuse(
        self,
        request: Request,
        client: Client | None,
        problem: Problem,
        fields: dict[str, str] | None = None,
        account: int | None = None,
    ) -> Refuse:
        language = client.language if client else self._wording.language
        text = self._wording.sentence(
            problem.reason, language, request.hold_id, problem.param, fields or {}
        )
        seen = {
            "hold": request.hold_id,
            "client": client.id if client else "",
            "mode": self._state.mode,
        }
        refusal = Refuse(
            problem.reason, text, client.style if client else "plain", problem.param, seen
        )
        return (
            refusal if account is None else replace(refusal, seen={**seen, "account": str(account)})
        )


def _say(event: str, request: Request, error: Exception) -> None:
    if isinstance(error, StoreAwayError | UnknownAccountError):
        return  # said when the outage began, not for each request
    level = log.info if isinstance(error, QueueFullError) else log.warning
    level(event, hold=request.hold_id, error=type(error).__name__)
