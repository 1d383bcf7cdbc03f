"""The use case: whether a request may pass, with how much credit reserved.

Read together with credit/grant.py and place_batch.sql: these three say exactly when a person
is blocked. A refusal is a value, an unknown outcome is `enforcement_unavailable`, never a guess.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import astuple, replace

import structlog

from authz.answers import NOTHING, Answers, Problem
from authz.asked import read_asked
from authz.balance import Asked, Balance, asked_for
from authz.batcher import QueueFullError
from authz.bounded import UnknownAccountError
from authz.call import METERED, Call, Sizes, bare_claims, pinned
from authz.degrade import HINTED, cheaper_call, fits
from authz.line import with_lines
from authz.listing import as_object, list_for
from authz.person import Person, person_of
from authz.remaining import remaining_headers
from authz.request import Request
from authz.response import Allow, Answered, Known, Listed, Refuse
from authz.shortage import say_shortage
from authz.snapshot import Client
from authz.state import State
from authz.store import StoreAwayError
from credit.flat import FLAT_ROUTES
from credit.ledger import Cheaper, Place, Placed
from credit.refusal import Reason
from credit.token import Claims
from credit.wording import Wording

__all__ = ["Check", "Problem"]

FREE = {"/v1/models"}
NEW_CLIENT_OUTPUT_TOKENS = 8192  # DESIGN 4: until 200 calls are known
# Account 0 in a token: accounting books it to the client's `unattributed` account.
UNATTRIBUTED = 0
# Where nothing of ours may refuse (shadow, off), one question to the ledger may take this long: two of
# them end before Envoy's limit of 0.45 s per try, after which Envoy would refuse in our name.
LENIENT_WITHIN_S = 0.2

log = structlog.get_logger()


class Check:
    """Decides one request at a time; holds no state of its own."""

    def __init__(
        self,
        state: State,
        place: Callable[[Place], Awaitable[Placed]],
        note: Callable[[Request, Client, str, Problem], None],
        *,
        balance: Balance,
        token_keys: list[bytes],
        wording: Wording,
        now_s: Callable[[], float],
    ) -> None:
        """`place` asks the ledger, `note` records a refusal made at the door without waiting."""
        self._state = state
        self._place = place
        self._note = note
        self._balance = balance
        self._answers = Answers(token_keys, wording)
        self._wording = wording
        self._now_s = now_s

    def recognise(self, request: Request) -> Known | Refuse:
        """Whether the key is anybody's: asked before Envoy reads a large body, decides nothing else."""
        if self._client(request) is None:
            return self._stranger(request)
        return Known()

    def _client(self, request: Request) -> Client | None:
        return self._state.clients.get(request.key_sha256) if request.key_sha256 else None

    async def decide(self, request: Request) -> Allow | Refuse | Listed | Answered:
        """The whole decision for one request."""
        client = self._client(request)
        if client is None:
            return self._stranger(request)
        if request.path in FREE:
            return await self._list(request, client)
        mode = self._state.mode
        if mode == "closed":
            return await self._refuse(request, client, Problem(Reason.ENFORCEMENT_UNAVAILABLE))
        if mode == "off":
            return await self._pass(request, client, "off")
        if request.path not in METERED and request.path not in self._state.flat_paths:
            return await self._decide_unmetered(request, client, shadow=mode == "shadow")
        return await self._decide_metered(request, client, shadow=mode == "shadow")

    async def _decide_unmetered(
        self, request: Request, client: Client, *, shadow: bool
    ) -> Allow | Refuse:
        """A path without tokens or an amount: nobody's, but for those who are only watched."""
        if not shadow:
            account_id, _ = await self._whose(request, client)
            problem = Problem(Reason.UNKNOWN_PATH, None, account_id)
            shadow = await self._is_lenient(account_id, shadow=False)
            self._note(request, client, "would_refuse" if shadow else "refuse", problem)
            if not shadow:
                return await self._refuse(request, client, problem)
        return await self._pass(request, client, "shadow")

    async def _decide_metered(
        self, request: Request, client: Client, *, shadow: bool
    ) -> Allow | Refuse | Answered:
        within_s = LENIENT_WITHIN_S if shadow else None
        try:
            async with asyncio.timeout(within_s):
                call = await self._read_call(request, client)
        except Exception as error:  # noqa: BLE001 (the store is away: unknown, hence the typed refusal)
            _say("account_lookup_failed", request, error)
            call = Problem(Reason.ENFORCEMENT_UNAVAILABLE)
        if isinstance(call, Problem):
            shadow = await self._is_lenient(call.account_id, shadow=shadow)
            self._note(request, client, "would_refuse" if shadow else "refuse", call)
            if shadow:
                return await self._pass(request, client, "shadow")
            return await self._refuse(request, client, call)
        if isinstance(call, Asked):
            return await self._balance.answer(call, self._state.mode)
        cheaper = cheaper_call(call, self._state.models)
        place = self._hold(call, cheaper, shadow=shadow)
        try:
            async with asyncio.timeout(within_s):
                placed = await self._place(place)
        except Exception as error:  # noqa: BLE001 (timeout, lost connection, full queue: the outcome is unknown)
            _say("place_unknown", request, error)
            placed = None
        # The ledger knows the account's own mode; where it did not answer, the ledger-wide one holds.
        shadow = shadow if placed is None else placed.shadow
        return await self._answer(call, cheaper, placed, shadow=shadow)

    def _hold(self, call: Call, cheaper: Call | None, *, shadow: bool) -> Place:
        """What to ask the ledger for; where the policy says so, a cheaper model would do as well."""
        instead = None
        if cheaper is not None and call.policy.degrade == "switch":
            instead = Cheaper(cheaper.body.model, *astuple(self._sizes(cheaper)))
        return call.hold(self._sizes(call), instead, shadow=shadow)

    async def _answer(
        self, call: Call, cheaper: Call | None, placed: Placed | None, *, shadow: bool
    ) -> Allow | Refuse:
        request, client = call.request, call.client
        if shadow:
            held = placed is not None and placed.result in {"placed", "replay"}
            granted = placed.granted_nanos if placed is not None and held else 0
            claims = pinned(call.claims(granted, "shadow", self._now_s()), placed)
            return self._allow(request, client, claims)
        if placed is not None and placed.result in {"placed", "replay"}:
            answering, asked = call, ""
            if placed.model not in {"", call.body.model}:
                if cheaper is None or cheaper.body.model != placed.model:
                    # Its policy changed between the placing and Envoy's second try: no terms, no token.
                    return await self._refuse(
                        request, client, Problem(Reason.ENFORCEMENT_UNAVAILABLE)
                    )
                answering, asked = cheaper, call.body.model
            claims = answering.claims(placed.granted_nanos, "enforce", self._now_s(), asked)
            shown = remaining_headers(call.policy, placed)
            claims = with_lines(pinned(claims, placed), call, placed, self._wording)
            return self._allow(request, client, claims, shown)
        if placed is None or placed.result == "closed":
            return await self._refuse(request, client, Problem(Reason.ENFORCEMENT_UNAVAILABLE))
        return await self._refuse(request, client, await self._shortage(call, cheaper, placed))

    async def _shortage(self, call: Call, cheaper: Call | None, placed: Placed) -> Problem:
        """The ledger's no in words, with the model that would have been paid for, if there is one."""
        reason = Reason(placed.reason or Reason.INSUFFICIENT_CREDIT)
        spared = cheaper is not None and reason in HINTED
        spared = spared and fits(self._sizes(cheaper or call), placed, call.policy)
        hint = cheaper.body.model if cheaper is not None and spared else ""
        return await say_shortage(self._state, self._wording, call, placed, hint)

    async def _read_call(self, request: Request, client: Client) -> Call | Asked | Problem:
        """Identify, check the body, find the price; the first problem wins."""
        whose = await person_of(self._state, request, client)
        if isinstance(whose, Problem):
            return whose
        account_id = await self._state.account(whose.client, whose.external_id, whose.email)
        if account_id is None:
            return Problem(Reason.IDENTITY_MISSING)
        client = await self._state.speaking(client, account_id)
        policy = await self._state.policy(client, account_id)
        if (free := asked_for(request, client, account_id, policy)) is not None:
            return free
        flat_nanos = policy.flat_holds.get(request.path)
        if request.path not in METERED and flat_nanos is None:
            return Problem(Reason.UNKNOWN_PATH, None, account_id, policy)
        asked = read_asked(request, policy, self._state.models)
        if isinstance(asked, Problem):
            return replace(asked, account_id=account_id, policy=policy, language=client.language)
        body, terms = asked
        # No await since the terms were read: the map is still the one that they are from.
        version = self._state.models.version if self._state.models else None
        if request.path in FLAT_ROUTES:
            return Call(
                request, client, body, terms, account_id, FLAT_ROUTES[request.path].name, policy,
                flat_nanos=flat_nanos,
            )  # fmt: skip
        route = METERED[request.path]
        return Call(request, client, body, terms, account_id, route, policy, version)

    def _sizes(self, call: Call) -> Sizes:
        usual = self._state.p99_output_tokens.get(
            (call.client.id, call.body.model), NEW_CLIENT_OUTPUT_TOKENS
        )
        return call.sizes(usual)

    async def _is_lenient(self, account_id: int | None, *, shadow: bool) -> bool:
        """Whether this person is only watched: by their own mode, else the ledger's. Placed holds say so themselves."""
        if account_id is None:
            return shadow
        try:
            async with asyncio.timeout(LENIENT_WITHIN_S):
                own = await self._state.mode_override(account_id)
        except Exception:  # noqa: BLE001 (unknown: the ledger-wide mode holds)
            return shadow
        return shadow if own is None else own == "shadow"

    async def _pass(self, request: Request, client: Client, mode: str) -> Allow:
        """Without a hold: mode off, or what shadow would have refused. Debits go on by the token."""
        account_id, markup = await self._whose(request, client)
        models = self._state.models
        claims = bare_claims(
            request,
            client,
            account_id or UNATTRIBUTED,
            mode,
            self._now_s(),
            prices=(models.version if models else None) or 0,
            markup=markup,
        )
        return self._allow(request, client, claims)

    async def _whose(self, request: Request, client: Client) -> tuple[int | None, int]:
        """The account, if it can be told soon, and its markup: nothing that passes may depend on the ledger."""
        try:
            async with asyncio.timeout(LENIENT_WITHIN_S):
                whose: Person | Problem = Person(client, None)
                if client.kind != "service":
                    whose = await person_of(self._state, request, client)
                if isinstance(whose, Problem):
                    return None, 0
                account_id = await self._state.account(whose.client, whose.external_id, whose.email)
                policy = await self._state.policy(client, account_id)
                return account_id, policy.markup_percent or 0
        except Exception as error:  # noqa: BLE001 (unknown: booked to the client, by its token)
            _say("account_lookup_failed", request, error)
            return None, 0

    async def _list(self, request: Request, client: Client) -> Allow | Listed:
        names = await list_for(self._state, request, client)
        if names is None:
            return self._allow(request, client, None)
        seen = {"hold": request.hold_id, "client": client.id, "mode": self._state.mode}
        return Listed([as_object(name) for name in names], seen)

    def _allow(
        self,
        request: Request,
        client: Client,
        claims: Claims | None,
        shown: Mapping[str, str] = NOTHING,
    ) -> Allow:
        return self._answers.allow(request, client, self._state.mode, claims, shown)

    async def _refuse(self, request: Request, client: Client, problem: Problem) -> Refuse:
        if problem.policy is None:
            problem = replace(problem, policy=await self._state.policy(client, None))
        return self._answers.refuse(request, client, self._state.mode, problem)

    def _stranger(self, request: Request) -> Refuse:
        problem = Problem(Reason.UNKNOWN_KEY)
        return self._answers.refuse(request, None, self._state.mode, problem)


def _say(event: str, request: Request, error: Exception) -> None:
    if isinstance(error, StoreAwayError | UnknownAccountError):
        return  # said when the outage began, not for each request
    level = log.info if isinstance(error, QueueFullError) else log.warning
    level(event, hold=request.hold_id, error=type(error).__name__)
