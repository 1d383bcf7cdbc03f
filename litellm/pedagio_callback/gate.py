"""The use case before a call: verify, bound, extend if need be, record the start, clamp."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import flat, records, refusal
from .body import EndpointRules, find_problem
from .bound import Measured, bound_tokens, measure
from .calls import Call, Calls
from .clamp import asked_tokens, choices, continued, set_limit, thinks
from .counting import CountText, estimate_tokens
from .evidence import TOKEN_HEADER, Evidence
from .extend import Denied, Extended, ExtendUnansweredError, PostAsync, extend
from .journal import Journal
from .metadata import strip_metadata
from .reading import Reading, UnacceptableBodyError
from .refusal import Refusal, RefusedCallError, Sentences
from .replay import LONGEST_TOKEN_AGE_S, StartedCalls
from .terms import Prices, Terms, clamp_tokens, plan_output, settle_terms
from .token import HoldToken, TokenError, read_token

# Reading a body of this size takes a few milliseconds: longer ones leave the event loop.
LARGE_BODY_BYTES = 64 * 1024

log = logging.getLogger("pedagio")


class Host(Protocol):
    """What LiteLLM itself knows about a model."""

    def billed_prices(self, model: str, service_tier: str | None) -> Prices | None:
        """The dearest price LiteLLM may bill; None when it has none."""

    def takes_completion_limit(self, model: str) -> bool:
        """Whether the model's provider takes `max_completion_tokens`."""


@dataclass(frozen=True)
class Request:
    """A call as the pre-call hook sees it: `body` is the client's, `data` goes upstream."""

    call_id: str
    route: str
    headers: Mapping[str, Any]
    body: Mapping[str, Any]
    data: MutableMapping[str, Any]


@dataclass
class Gate:
    """Admits calls. `clock` is monotonic seconds, `now_s` epoch seconds."""

    keys: Sequence[bytes]
    rules: Mapping[str, EndpointRules]
    sentences: Sentences
    calls: Calls
    started: StartedCalls
    journal: Journal
    evidence: Evidence
    post_extend: PostAsync
    host: Host
    count: CountText
    clock: Callable[[], float]
    now_s: Callable[[], float]
    new_id: Callable[[], str]

    async def admit(self, request: Request) -> None:
        """Let a call pass, perhaps with a smaller output limit; raises RefusedCallError."""
        token_text, token = self._identify(request)
        if token.route == "unmetered" and token.mode != "enforce" and request.route in flat.ROUTES:
            return  # nothing is held for it; what it cost is booked when it ends
        call = Call(request.call_id, token_text, token, self.clock())
        call.stream = request.body.get("stream") is True
        tier = request.body.get("service_tier")
        call.service_tier = tier if isinstance(tier, str) else None
        problem = self._foreign(request, token)
        if token.mode != "enforce":
            await self._watch(call, token, request, problem)
            return
        if problem is None and not self._claimed(token):
            problem = "x-request-id"
        if problem is not None:
            # No record: the hold may belong to another call, which an end would close.
            raise RefusedCallError(self._refuse_foreign(token, problem))
        self.calls.add(call)
        try:
            await self._enforce(call, token, request)
        except asyncio.CancelledError:
            self.evidence.end(call, "refused", "client_left")
            raise
        except RefusedCallError as error:
            self.evidence.end(call, "refused", error.refusal.reason, error.refusal.field)
            raise

    def stumbled(self, request: Request) -> Refusal | None:
        """After a bug of ours: enforce fails closed, every other mode lets the call pass."""
        _, token = self._identify(request)
        if token.mode != "enforce":
            return None
        call = self.calls.get(request.call_id)
        if call is not None:
            self.evidence.end(call, "refused", refusal.UNAVAILABLE)
        return self._unavailable(token)

    def _identify(self, request: Request) -> tuple[str, HoldToken]:
        """Without a token that authz signed, the request did not come through Envoy."""
        text = request.headers.get(TOKEN_HEADER)
        try:
            if isinstance(text, str):
                return text, read_token(text, self.keys)
        except TokenError as error:
            log.warning("pedagio: a forged or damaged token (%s)", error)
        raise RefusedCallError(
            refusal.refuse(
                self.sentences,
                refusal.BAD_REQUEST,
                refusal.STATUS_NOT_FROM_GATE,
                hold=request.call_id,
                language="en",
                style="plain",
                field=TOKEN_HEADER,
            )
        )

    def _foreign(self, request: Request, token: HoldToken) -> str | None:
        """The field by which a token shows that it was made for another request."""
        if token.hold != request.call_id:
            return "x-litellm-call-id"
        if self.now_s() - token.issued_s > LONGEST_TOKEN_AGE_S:
            return TOKEN_HEADER
        if token.route != request.route:
            return "path"
        return "model" if flat.is_foreign(token, request.body) else None

    def _claimed(self, token: HoldToken) -> bool:
        try:
            return self.started.claim(token.hold, token.issued_s)
        except OSError as error:
            raise RefusedCallError(self._unavailable(token)) from error

    async def _watch(
        self, call: Call, token: HoldToken, request: Request, problem: str | None
    ) -> None:
        """Shadow and off: nothing is refused or altered, what would have been is counted."""
        self.calls.add(call)
        try:
            reading = await self._read(token, request)
        except UnacceptableBodyError as error:
            problem = problem or error.field
        else:
            problem = problem or reading.problem
            self._start(call, reading, token.granted_nanos, would_refuse=problem)
        if problem:
            log.info("pedagio: %s would have been refused (%s)", token.hold, ascii(problem))

    async def _enforce(self, call: Call, token: HoldToken, request: Request) -> None:
        try:
            reading = await self._read(token, request)
        except UnacceptableBodyError as error:
            raise RefusedCallError(self._refuse(token, error.field)) from error
        granted_nanos = await self._cover(token, reading)
        strip_metadata(request.data)
        if token.asked_model:  # a cheaper model answers in its place: this is what the hold is for
            request.data["model"] = token.model
        limit = clamp_tokens(reading.terms, reading.output, granted_nanos)
        if limit is not None:
            modern = self.host.takes_completion_limit(token.model)
            set_limit(request.data, token.route, limit, modern=modern)
            # By credit, which a person can be told to ask for; what a policy allows is another matter.
            call.clamped = not reading.output.imposed or limit < reading.output.full_tokens
        self.evidence.lines.expect(call, request.body)
        call.limit_tokens = limit if limit is not None else self._asked(request)
        try:
            self._start(call, reading, granted_nanos)
        except OSError as error:
            raise RefusedCallError(self._unavailable(token)) from error

    async def _read(self, token: HoldToken, request: Request) -> Reading:
        length = request.headers.get("content-length")
        small = isinstance(length, str) and length.isdigit() and int(length) <= LARGE_BODY_BYTES
        if small:
            return self._read_body(token, request)
        return await asyncio.to_thread(self._read_body, token, request)

    def _read_body(self, token: HoldToken, request: Request) -> Reading:
        """Check and measure a body; raises UnacceptableBodyError."""
        body, route = request.body, token.route
        if route in flat.ROUTES:
            return flat.read_flat(self.rules[route], token, body)
        try:
            problem = find_problem(self.rules[route], body)
            if problem and token.mode == "enforce":
                raise UnacceptableBodyError(problem)
            measured = measure(route, body)
            tokens = bound_tokens(measured, route, token.image_tokens, token.context_tokens)
            if tokens is None:
                raise UnacceptableBodyError(measured.hidden or "image_url")
            count_tokens = estimate_tokens(route, body, measured, self.count, token.image_tokens)
        except RecursionError as error:
            raise UnacceptableBodyError("body") from error
        return Reading(
            problem=problem,
            thinks=thinks(body),
            continues=continued(body),
            measured=measured,
            input_tokens=tokens,
            count_tokens=min(count_tokens, tokens),
            terms=self._terms(token, body, measured, tokens),
            output=plan_output(token, self._asked(request), choices(body)),
        )

    def _terms(
        self, token: HoldToken, body: Mapping[str, Any], measured: Measured, tokens: int
    ) -> Terms:
        tier = body.get("service_tier")
        billed = self.host.billed_prices(token.model, tier if isinstance(tier, str) else None)
        modalities = body.get("modalities")
        audio_out = isinstance(modalities, list) and "audio" in modalities
        return settle_terms(token, billed, tokens, audio_in=measured.audio, audio_out=audio_out)

    async def _cover(self, token: HoldToken, reading: Reading) -> int:
        """The nanos the call may spend: the grant, or an extended one; raises RefusedCallError."""
        least = reading.terms.cost_nanos(reading.output.least_total)
        if token.granted_nanos >= least:
            return token.granted_nanos
        want = reading.terms.cost_nanos(reading.output.full_total)
        try:
            answer = await extend(self.post_extend, token.hold, want, least)
        except ExtendUnansweredError as error:
            log.warning("pedagio: no answer to an extension (%s)", error)
            raise RefusedCallError(self._unavailable(token)) from error
        match answer:
            case Extended(granted_nanos) if granted_nanos >= least:
                return granted_nanos
            case Denied(reason, error_object):
                status = refusal.STATUS_BESIDES_CREDIT.get(reason, refusal.STATUS_CREDIT)
                raise RefusedCallError(Refusal(reason, status, error_object))
        raise RefusedCallError(self._unavailable(token))

    def _start(
        self, call: Call, reading: Reading, granted_nanos: int, would_refuse: str | None = None
    ) -> None:
        """Write the start record; raises OSError when the evidence cannot be kept."""
        output, terms = reading.output, reading.terms
        limit = call.limit_tokens
        total = output.full_total if limit is None else limit * output.choices
        start = records.Start(
            stream=call.stream,
            input_bound_tokens=reading.input_tokens,
            input_count_tokens=reading.count_tokens,
            images=reading.measured.images,
            granted_nanos=granted_nanos,
            bound_nanos=terms.cost_nanos(total),
            price_stale=terms.price_stale,
            would_refuse=would_refuse,
            choices=output.choices,
            thinks=reading.thinks,
            unseen=reading.measured.unseen,
            continues=reading.continues,
        )
        at_ms = int(self.now_s() * 1000)
        self.journal.write(records.start_record(call, start, self.new_id(), at_ms))

    def _asked(self, request: Request) -> int | None:
        return asked_tokens(request.body, self.rules[request.route].output_limits)

    def _refuse(self, token: HoldToken, name: str) -> Refusal:
        return self._ours(token, refusal.BAD_REQUEST, refusal.STATUS_BAD_REQUEST, name)

    def _refuse_foreign(self, token: HoldToken, name: str) -> Refusal:
        return self._ours(token, refusal.BAD_REQUEST, refusal.STATUS_NOT_FROM_GATE, name)

    def _unavailable(self, token: HoldToken) -> Refusal:
        return self._ours(token, refusal.UNAVAILABLE, refusal.STATUS_UNAVAILABLE, None)

    def _ours(self, token: HoldToken, reason: str, status: int, name: str | None) -> Refusal:
        return refusal.refuse(
            self.sentences,
            reason,
            status,
            hold=token.hold,
            language=token.language,
            style=token.style,
            field=name,
        )
