"""The state of the simulated provider, and how a request becomes a call."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from aiohttp import web

from local.provider import behaviour as rules
from local.provider.cache import PrefixCache
from local.provider.call import Answer, Call
from local.provider.models import Family, family_of
from local.provider.plan import plan_answer
from local.provider.prompt import Prompt
from local.provider.text import Prose
from local.provider.tokens import Counter, load_counter
from local.provider.toolcall import pieces_of_tool_call, tool_asked_for
from local.provider.truth import TruthCall, TruthLog

REMEMBERED_RESPONSES = 50_000
HANG_S = 3_600.0
THREAD_CHARS = 200_000  # longer prompts are counted beside the event loop
LIMIT_KEYS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
HINT_HEADERS = ("x-litellm-call-id", "x-request-id", "x-client-request-id")


class ApiError(Exception):
    """An answer in the shape of OpenAI's errors, before anything was generated."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class ConnectionCutError(Exception):
    """The provider itself ends the connection without another byte."""


@dataclass
class Provider:
    """Everything that outlives a call; only the event loop touches it."""

    log: TruthLog
    defaults: rules.Defaults = field(default_factory=rules.Defaults)
    faults: rules.Faults = field(default_factory=rules.Faults)
    counter: Counter = field(default_factory=load_counter)
    cache: PrefixCache = field(default_factory=PrefixCache)
    remembered: OrderedDict[str, int] = field(default_factory=OrderedDict)
    calls: int = 0
    draws: int = 0

    def __post_init__(self) -> None:
        self.prose = Prose(self.counter)

    @contextmanager
    def record(self, request: web.Request, endpoint: str) -> Iterator[TruthCall]:
        """A line of truth, written when the block ends, however it ends."""
        hints = (request.headers.get(name) for name in HINT_HEADERS)
        truth = TruthCall(endpoint, call_id=next(filter(None, hints), None))
        truth.started_at = time.time()
        self.calls += 1
        try:
            yield truth
        except (asyncio.CancelledError, ConnectionResetError):
            truth.disconnected = True
            raise
        except ApiError as error:
            truth.status = error.status
            raise
        except (TypeError, ValueError, AttributeError, KeyError):
            truth.status = 500  # a body of a shape nobody foresaw: aiohttp answers 500
            raise
        finally:
            truth.at = time.time()
            self.log.write(truth)

    def behave(self, truth: TruthCall, text: str) -> tuple[rules.Behaviour, Family]:
        """What this call does. Raises ApiError 400 on an unknown directive."""
        try:
            orders = rules.parse_directives(text)
        except rules.DirectiveError as error:
            raise ApiError(400, str(error), "unknown_directive") from error
        family = family_of(truth.model)
        random = self._random()
        resolved = rules.resolve(self.defaults, self.faults, family, orders, random)
        truth.tag = resolved.tag
        return replace(resolved, status=self._status(resolved.status, truth.model)), family

    def _random(self) -> Random:
        """A source of its own for each draw: concurrent calls never draw alike."""
        self.draws += 1
        return Random(f"{self.defaults.seed}:{self.draws}")

    def _status(self, drawn: int, model: str) -> int:
        """The HTTP status after the faults that name a number of calls or a model."""
        if self.faults.fail_next > 0:
            self.faults = replace(self.faults, fail_next=self.faults.fail_next - 1)
            return self.faults.error_status
        return self.faults.fail_models.get(model, drawn)

    async def admit(self, behaviour: rules.Behaviour) -> None:
        """Latency, then the faults that happen before generation: nothing is consumed by them."""
        await asyncio.sleep(HANG_S if behaviour.hang else behaviour.latency_s)
        if behaviour.close:
            raise ConnectionCutError
        if behaviour.status != 200:  # noqa: PLR2004
            message = "The simulated provider was told to fail."
            raise ApiError(behaviour.status, message, f"simulated_{behaviour.status}")

    async def read(self, truth: TruthCall, body: dict[str, Any], prompt: Prompt) -> Call:
        """Count the prompt and draw the answer. Raises ApiError when the prompt is too long."""
        behaviour, family = self.behave(truth, prompt.orders_text)
        truth.service_tier = behaviour.tier or _tier(body)
        truth.stream = body.get("stream") is True
        tokens = await self._count(prompt, family)
        tokens += self._continued(body)
        await self.admit(behaviour)
        if tokens > family.input_window:
            message = f"This model reads {family.input_window} tokens; the input has {tokens}."
            raise ApiError(400, message, "context_length_exceeded", "messages")
        truth.prompt_tokens = tokens
        if family.caches and self.defaults.caching:
            cached = self.cache.cached_tokens(truth.model, prompt.text, tokens)
            truth.cached_tokens = cached if behaviour.cached is None else behaviour.cached
        call = Call(truth, body, behaviour, family)
        self._draw_answers(call, prompt)
        call.begin()
        return call

    async def _count(self, prompt: Prompt, family: Family) -> int:
        if sum(map(len, prompt.texts)) < THREAD_CHARS:
            return prompt.tokens(self.counter, family)
        return await asyncio.to_thread(prompt.tokens, self.counter, family)

    def _continued(self, body: dict[str, Any]) -> int:
        """Tokens of the remembered conversation that the body continues; 0 when it does not."""
        previous = body.get("previous_response_id")
        if previous is None:
            return 0
        if previous not in self.remembered:
            message = f"Previous response with id '{previous}' not found."
            raise ApiError(400, message, "previous_response_not_found", "previous_response_id")
        return self.remembered[previous]

    def remember(self, response_id: str, tokens: int) -> None:
        """Keep the size of a conversation; the oldest are forgotten."""
        self.remembered[response_id] = tokens
        while len(self.remembered) > REMEMBERED_RESPONSES:
            self.remembered.popitem(last=False)

    def _draw_answers(self, call: Call, prompt: Prompt) -> None:
        """One answer for each of `n`, each under the same limit."""
        limit = output_limit(call.body)
        call.truth.output_limit = limit
        limit = min(call.family.max_output, limit or call.family.max_output)
        orders = call.behaviour
        random = self._random()
        tool = tool_asked_for(call.body, prompt, ordered=orders.tool)
        effort = call.body.get("reasoning_effort") or (call.body.get("reasoning") or {}).get(
            "effort"
        )
        reasoning = 0 if effort in rules.MINIMAL_EFFORTS else orders.reasoning_tokens
        for _ in range(choices(call.body)):
            pieces = (
                pieces_of_tool_call(tool, self.counter)
                if tool
                else self.prose.pieces(orders.answer_tokens, orders.language, random)
            )
            plan = plan_answer(len(pieces), reasoning, limit, orders.rate, orders.reasoning_rate)
            name = str(tool["name"]) if tool else None
            call.answers.append(Answer(plan, pieces[: plan.visible_tokens], name))


def output_limit(body: dict[str, Any]) -> int | None:
    """The output limit of a body, in tokens; None when it has none.

    Raises ApiError when it is not a positive integer.
    """
    for key in LIMIT_KEYS:
        value = body.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ApiError(400, f"Invalid '{key}': expected a positive integer.", "invalid", key)
        return value
    return None


def choices(body: dict[str, Any]) -> int:
    """The number of answers asked for: `n`, 1 when absent, at most 128 as OpenAI has it."""
    value = body.get("n")
    if value is None:
        return 1
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 128:  # noqa: PLR2004
        raise ApiError(400, "Invalid 'n': expected an integer from 1 to 128.", "invalid", "n")
    return value


def _tier(body: dict[str, Any]) -> str:
    """The tier that serves the call: the one asked for; `auto` or nothing is the default."""
    asked = body.get("service_tier")
    return asked if isinstance(asked, str) and asked != "auto" else "default"
