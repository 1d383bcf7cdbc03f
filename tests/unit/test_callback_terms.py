"""What a call may cost, and the limit that keeps it below its grant."""

import dataclasses
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pedagio_callback.clamp import asked_tokens, choices, set_limit
from pedagio_callback.terms import Prices, clamp_tokens, plan_output, settle_terms
from pedagio_callback.token import Above, HoldToken

TOKEN = HoldToken(
    hold="4fb73fc8",
    account="7",
    client="librechat",
    mode="enforce",
    route="chat",
    model="gpt-5",
    granted_nanos=10**9,
    input_picos=1_250_000,
    output_picos=10_000_000,
    above=Above(272_000, 2_500_000, 15_000_000),
    audio_input_picos=32_000_000,
    audio_output_picos=64_000_000,
    fee_nanos=0,
    context_tokens=400_000,
    max_output_tokens=128_000,
    min_output_tokens=4_096,
    image_tokens=1_100,
    style="librechat",
    language="pt-BR",
    issued_s=0,
)
PICOS = st.integers(0, 10**9)
TOKENS = st.integers(0, 2_000_000)


PRICING = st.tuples(PICOS, PICOS, st.integers(0, 10**4), st.integers(0, 1000))


@given(TOKENS, PRICING, st.integers(0, 10**12), st.integers(1, 8))
def test_clamped_call_never_costs_more_than_its_grant(
    tokens: int, pricing: tuple[int, int, int, int], granted: int, n: int
) -> None:
    """Bound >= cost: with the clamp, input and every choice at its limit stay within the grant, markup and all."""
    input_picos, output_picos, fee, markup = pricing
    token = dataclasses.replace(
        TOKEN,
        input_picos=input_picos,
        output_picos=output_picos,
        above=None,
        fee_nanos=fee,
        markup_percent=markup,
    )
    terms = settle_terms(token, None, tokens, audio_in=False, audio_out=False)
    output = plan_output(token, None, n)
    assume(granted >= terms.cost_nanos(output.least_total))
    limit = clamp_tokens(terms, output, granted)
    total = output.full_total if limit is None else limit * n
    assert terms.cost_nanos(total) <= granted


@given(TOKENS, st.integers(1, 127_999), st.integers(1, 8), st.integers(0, 1000))
def test_clamp_spends_the_grant_to_the_last_token(
    tokens: int, paid: int, n: int, markup: int
) -> None:
    """One more token for every choice would not be paid: the user can spend to the last cent."""
    token = dataclasses.replace(TOKEN, markup_percent=markup)
    terms = settle_terms(token, None, tokens, audio_in=False, audio_out=False)
    granted = terms.cost_nanos(paid * n)
    assert clamp_tokens(terms, plan_output(TOKEN, None, n), granted) == paid
    assert terms.cost_nanos((paid + 1) * n) > granted


@pytest.mark.parametrize(
    ("asked", "max_out", "granted", "limit"),
    [
        (None, 1_000, 10**10, None),  # the grant covers the model's whole limit
        (500, 1_000, 10**10, None),  # or all that was asked
        (5_000, 1_000, 10**10, None),  # more was asked than the model has
        (None, 1_000, 5_000_000, 500),
        (400, 0, 10**10, None),  # unknown limit, but the client set one
        (None, 0, 5_000_000, 500),  # unknown limit: always clamped
    ],
)
def test_clamp_only_where_needed(
    asked: int | None, max_out: int, granted: int, limit: int | None
) -> None:
    """A limit nobody asked for makes some backends refuse."""
    token = dataclasses.replace(TOKEN, max_output_tokens=max_out, min_output_tokens=1)
    terms = settle_terms(token, None, 0, audio_in=False, audio_out=False)
    assert clamp_tokens(terms, plan_output(token, asked, 1), granted) == limit


@pytest.mark.parametrize(
    ("asked", "max_out", "granted", "output_picos", "limit"),
    [
        (None, 1_000, 10**10, 10**7, 300),  # the model would go on
        (500, 1_000, 10**10, 10**7, 300),  # so would the client
        (200, 1_000, 10**10, 10**7, None),  # the client asked for less
        (None, 300, 10**10, 10**7, None),  # the model stops there by itself
        (None, 0, 10**10, 10**7, 300),
        (None, 1_000, 10**10, 0, 300),  # output that costs nothing has a longest answer, too
        (None, 1_000, 1_000_000, 10**7, 100),  # the grant pays less still
    ],
)
def test_output_is_clamped_to_what_the_policy_allows(
    asked: int | None, max_out: int, granted: int, output_picos: int, limit: int | None
) -> None:
    """Only where neither the client nor the model stops there by itself."""
    token = dataclasses.replace(
        TOKEN,
        max_output_tokens=max_out,
        min_output_tokens=1,
        output_picos=output_picos,
        limit_tokens=300,
    )
    terms = settle_terms(token, None, 0, audio_in=False, audio_out=False)
    assert clamp_tokens(terms, plan_output(token, asked, 1), granted) == limit


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_policy_limit_alters_nothing_where_nothing_is_enforced(mode: Any) -> None:
    """The bound in the records is that of the call as it goes upstream."""
    token = dataclasses.replace(TOKEN, mode=mode, limit_tokens=300)
    assert plan_output(token, None, 1) == plan_output(TOKEN, None, 1)


def test_terms_use_the_price_above_the_threshold_only_when_the_bound_reaches_it() -> None:
    """The dearer tier counts from the first token beyond it."""
    below = settle_terms(TOKEN, None, 272_000, audio_in=False, audio_out=False)
    above = settle_terms(TOKEN, None, 272_001, audio_in=False, audio_out=False)
    assert (below.input_picos, below.output_picos) == (1_250_000, 10_000_000)
    assert (above.input_picos, above.output_picos) == (2_500_000, 15_000_000)


def test_terms_with_audio_use_audio_prices() -> None:
    """Any token of a spoken call may be an audio token."""
    terms = settle_terms(TOKEN, None, 10, audio_in=True, audio_out=True)
    assert (terms.input_picos, terms.output_picos) == (32_000_000, 64_000_000)


@pytest.mark.parametrize(("factor", "stale"), [(1, False), (2, True)])
def test_terms_take_the_dearer_of_two_prices(factor: int, *, stale: bool) -> None:
    """A token from before a price rise must not under-bound the call: bounded and reported."""
    billed = Prices(1_250_000 * factor, 1, None)
    terms = settle_terms(TOKEN, billed, 10, audio_in=False, audio_out=False)
    assert terms.input_picos == 1_250_000 * factor
    assert terms.output_picos == 10_000_000
    assert terms.price_stale is stale


def test_embeddings_have_no_output() -> None:
    """Nothing to clamp, whatever the limits say."""
    token = dataclasses.replace(TOKEN, route="embeddings", output_picos=0)
    output = plan_output(token, None, 1)
    terms = settle_terms(token, None, 1_000, audio_in=False, audio_out=False)
    assert output.full_total == output.least_total == 0
    assert clamp_tokens(terms, output, 1_250_000) is None


@pytest.mark.parametrize(
    ("route", "given", "modern", "left"),
    [
        ("chat", {}, True, {"max_completion_tokens": 9}),
        ("chat", {}, False, {"max_tokens": 9}),
        ("chat", {"max_tokens": 50}, True, {"max_tokens": 9}),
        (
            "chat",
            {"max_tokens": 5, "max_completion_tokens": 6},
            False,
            {"max_completion_tokens": 9},
        ),
        ("responses", {"max_output_tokens": 5}, True, {"max_output_tokens": 9}),
        ("responses", {"max_tokens": 5}, True, {"max_output_tokens": 9}),
    ],
)
def test_limit_is_written_once_under_the_key_the_client_used(
    route: str, given: dict[str, int], *, modern: bool, left: dict[str, int]
) -> None:
    """One key, and no second one that some backend might prefer."""
    data = dict(given)
    set_limit(data, route, 9, modern=modern)
    assert data == left


def test_asked_tokens_is_the_smallest_limit_and_choices_default_to_one() -> None:
    """The provider may go by either limit; `null` is none."""
    limits = ("max_completion_tokens", "max_tokens")
    assert asked_tokens({"max_tokens": 7, "max_completion_tokens": 5}, limits) == 5
    assert asked_tokens({"max_tokens": None}, limits) is None
    assert (choices({"n": 3}), choices({}), choices({"n": None})) == (3, 1, 1)


def test_prices_set_here_are_the_terms_though_litellm_bills_more() -> None:
    """Nobody is refused by a price that is not debited."""
    dearer = Prices(5_000_000, 40_000_000, None)
    token = dataclasses.replace(TOKEN, house_prices=True)
    terms = settle_terms(token, dearer, 10, audio_in=False, audio_out=False)
    assert (terms.input_picos, terms.output_picos, terms.price_stale) == (
        1_250_000,
        10_000_000,
        False,
    )
