"""The door bound: whatever a call may do, it costs no more than was held for it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedagio_callback.bound import bound_tokens, measure

from credit.bounds import REQUEST_TOKENS, UNKNOWN_CONTEXT_TOKENS, DoorRequest, door_bound
from credit.cost import cost_nanos
from credit.prices import Price
from credit.terms import dearest_terms
from tests.unit.pricing_cases import TIERS, price_of, prices, usages

ROUTES = ("chat", "responses", "embeddings")
MODEL = price_of(max_input_tokens=128_000, max_output_tokens=16_000)

requests = st.builds(
    DoorRequest,
    route=st.sampled_from(ROUTES),
    body_bytes=st.integers(0, 2_000_000),
    output_asked_tokens=st.none() | st.integers(1, 300_000),
    choices=st.integers(1, 8),
    continued=st.booleans(),
)


def served(tier: str | None) -> st.SearchStrategy[str | None]:
    """The tiers a provider may bill for the one asked: never a dearer one that nobody asked for."""
    name = (tier or "").lower()
    if name in {"", "default", "scale"}:
        return st.just(None)
    if name == "auto":
        return st.sampled_from([None, "default", "priority"])
    return (
        st.sampled_from([None, "default", name]) if name in TIERS[:-1] else st.sampled_from(TIERS)
    )


@settings(max_examples=300)
@given(st.data(), requests, st.lists(prices(), min_size=1, max_size=3), st.sampled_from(TIERS))
def test_bound_any_usage_the_request_allows_costs_no_more(
    data: st.DataObject, request: DoorRequest, deployments: list[Price], tier: str | None
) -> None:
    """Whichever deployment answers, in whichever tier, however it splits the tokens: bound >= cost."""
    bound = door_bound(request, dearest_terms(deployments, tier))
    usage = data.draw(usages(bound.input_tokens, bound.output_tokens))
    answered = data.draw(st.sampled_from(deployments))
    assert cost_nanos(answered, usage, data.draw(served(tier))) <= bound.want_nanos


@settings(max_examples=300)
@given(requests, prices(), st.sampled_from(TIERS), st.integers(0, 10**6))
def test_bound_any_request_orders_minimum_target_and_want(
    request: DoorRequest, price: Price, tier: str | None, usual: int
) -> None:
    """The grant rule relies on 0 <= minimum <= target <= want."""
    bound = door_bound(request, dearest_terms([price], tier))
    assert 0 <= bound.min_nanos <= bound.target_nanos(usual) <= bound.want_nanos


def ask(**changes: object) -> DoorRequest:
    """A chat of as many bytes as make 5,000 tokens."""
    fields: dict[str, object] = {
        "route": "chat",
        "body_bytes": 5_000 - REQUEST_TOKENS,
        "output_asked_tokens": None,
        "choices": 1,
        "continued": False,
    }
    return DoorRequest(**(fields | changes))  # type: ignore[arg-type]  # the test names real fields


def sizes(request: DoorRequest, price: Price = MODEL) -> tuple[int, int]:
    """Input and output tokens of the bound."""
    bound = door_bound(request, dearest_terms([price], None))
    return bound.input_tokens, bound.output_tokens


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        (ask(), (5_000, 16_000)),
        (ask(body_bytes=2_000_000), (128_000, 16_000)),
        (ask(output_asked_tokens=100, choices=3), (5_000, 300)),
        (ask(route="responses", continued=True), (128_000, 16_000)),
        (ask(route="embeddings", body_bytes=2_000_000), (2_000_000, 0)),
        (ask(route="embeddings", continued=True, body_bytes=5_000), (5_000, 0)),
    ],
)
def test_bound_sizes_follow_the_body_within_the_window(
    request_: DoorRequest, tokens: tuple[int, int]
) -> None:
    """Bytes as tokens, the window for a kept conversation; embeddings hold many inputs: no cap."""
    assert sizes(request_) == tokens


def test_bound_of_a_model_without_limits_uses_bytes_and_a_large_answer() -> None:
    """Unknown limits never make a bound smaller."""
    unknown = price_of()
    assert sizes(ask(body_bytes=10**6), unknown) == (10**6 + 64, UNKNOWN_CONTEXT_TOKENS)
    assert sizes(ask(continued=True), unknown)[0] == UNKNOWN_CONTEXT_TOKENS


def test_minimum_of_a_small_call_is_what_it_asks_for() -> None:
    """1,000 input tokens, or the bytes and 64 if fewer; 256 output tokens, or those asked for if fewer."""
    terms = dearest_terms([MODEL], None)
    assert door_bound(ask(), terms).min_nanos == 1_000 * 1_000 + 256 * 2_000
    assert door_bound(ask(body_bytes=26, output_asked_tokens=10), terms).min_nanos == 110_000


def test_minimum_of_a_reasoning_model_leaves_room_to_think() -> None:
    """A reasoning model cut short returns nothing and is billed."""
    price = price_of(supports_reasoning=True, max_input_tokens=128_000, max_output_tokens=16_000)
    bound = door_bound(ask(), dearest_terms([price], None))
    assert bound.min_nanos == 1_000 * 1_000 + 4_096 * 2_000


def test_target_is_the_usual_answer_never_below_the_minimum_one() -> None:
    """Room for the input, and for an answer as long as this client's usually are."""
    bound = door_bound(ask(), dearest_terms([MODEL], None))
    assert bound.target_nanos(8_192) == 5_000 * 1_000 + 8_192 * 2_000
    assert bound.target_nanos(1) == 5_000 * 1_000 + 256 * 2_000
    assert bound.target_nanos(10**6) == bound.want_nanos


def test_want_reckons_with_the_higher_price_only_when_the_bytes_can_reach_it() -> None:
    """A short body cannot be billed beyond the threshold."""
    price = price_of(
        max_input_tokens=10**6,
        max_output_tokens=1_000,
        input_cost_per_token_above_200k_tokens=2e-6,
        output_cost_per_token_above_200k_tokens=4e-6,
    )
    terms = dearest_terms([price], None)
    short, long = ask(body_bytes=199_936), ask(body_bytes=199_937)
    assert door_bound(short, terms).want_nanos == 200_000 * 1_000 + 1_000 * 2_000
    assert door_bound(long, terms).want_nanos == 200_001 * 2_000 + 1_000 * 4_000


def test_want_reckons_with_sound_where_the_model_hears_or_speaks() -> None:
    """The door cannot see whether a body is sound: what it would want covers it."""
    price = price_of(
        max_output_tokens=1_000, input_cost_per_audio_token=4e-5, output_cost_per_audio_token=8e-5
    )
    bound = door_bound(ask(), dearest_terms([price], None))
    assert bound.want_nanos == 5_000 * 40_000 + 1_000 * 80_000
    assert bound.target_nanos(1_000) == 5_000 * 1_000 + 1_000 * 2_000


TEXTS = st.text(max_size=30) | st.text(alphabet='ãç€😀\n"\\', max_size=20)
PARTS = st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), max_size=3)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system"]), "content": TEXTS | PARTS},
        optional={"name": TEXTS},
    ),
    max_size=40,
)
TEXT_BODIES: dict[str, st.SearchStrategy[Any]] = {
    "chat": st.fixed_dictionaries({"messages": TURNS}, optional={"stop": TEXTS}),
    "responses": st.fixed_dictionaries({"input": TEXTS | TURNS}, optional={"instructions": TEXTS}),
    "embeddings": st.fixed_dictionaries({"input": TEXTS | st.lists(TEXTS, max_size=40)}),
}


@given(
    data=st.data(),
    route=st.sampled_from(ROUTES),
    context=st.sampled_from([0, 50, 128_000]),
    plain=st.booleans(),
)
def test_bound_of_a_text_body_covers_what_the_callback_needs(
    *, data: st.DataObject, route: str, context: int, plain: bool
) -> None:
    """A call that got what it wanted at the door extends nothing, so that it works without Postgres."""
    assert covers(route, data.draw(TEXT_BODIES[route]), context, plain=plain)


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": ""}] * 300}),
        ("responses", {"input": [{"role": "user", "content": []}] * 300}),
        ("embeddings", {"input": [""] * 300}),
    ],
)
def test_bound_of_many_empty_items_covers_what_the_callback_adds_for_each(
    route: str, body: dict[str, Any]
) -> None:
    """Its allowance for an item is no more than the JSON around that item."""
    assert covers(route, body, 0, plain=True)


def covers(route: str, body: dict[str, Any], context: int, *, plain: bool) -> bool:
    """Whether the input at the door is at least what the callback finds in the body."""
    whole = {"model": "m", **body}
    sent = json.dumps(whole, ensure_ascii=plain, separators=(",", ":"))
    terms = replace(dearest_terms([MODEL], None), context_tokens=context)
    needed = bound_tokens(measure(route, whole), route, 0, context)
    request = ask(route=route, body_bytes=len(sent.encode()))
    return needed is not None and door_bound(request, terms).input_tokens >= needed
