"""The story's own arithmetic: amounts are cut, never embellished, and books must match exactly."""

import io
import json

import pytest
from rich.console import Console

from credit.models import Deployment, ModelEntry, ModelMap
from credit.prices import Price
from local.provider.truth import TruthCall
from local.story.books import Debit, Difference, compare
from local.story.chat import Chat, Refusal, StoryError, sentence_of
from local.story.fault import Told, away_s
from local.story.screen import Screen, share, usd
from local.story.tale import QUESTIONS

PRICE = {
    "litellm_provider": "openai",
    "mode": "chat",
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
}


def prices() -> dict[str, Price]:
    """One model."""
    price = Price.from_litellm("gpt-4o", PRICE)
    assert price is not None
    return {"gpt-4o": price}


def told(asked_s: float, status: int) -> Told:
    """A chat asked at that second, answered or told to wait."""
    wait = Refusal(status, "enforcement_unavailable", "espere")
    return Told(asked_s, Chat("hold", "", None if status == 200 else wait, 1))


def test_away_lasts_from_the_kill_until_nobody_is_told_to_wait() -> None:
    """An approval between two that had to wait does not end it; without any wait there was no gap."""
    chats = [told(1.0, 200), told(2.1, 503), told(2.2, 200), told(2.4, 503), told(2.5, 200)]
    assert away_s(chats, 2.0) == 0.5
    assert away_s([told(1.0, 200), told(2.5, 200)], 2.0) == 0
    with pytest.raises(StoryError):
        away_s(chats[:-1], 2.0)


def call(response_id: str, **changes: object) -> TruthCall:
    """A call of 100 input and 10 output tokens: 350,000 nano-USD."""
    figures = {"model": "gpt-4o", "status": 200, "prompt_tokens": 100, "completion_tokens": 10}
    return TruthCall("chat", response_id=response_id, **{**figures, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("nanos", "places", "text"),
    [
        (6_105_999, 6, "0.006105"),
        (50_000_000, 2, "0.05"),
        (12_345_678_901, 9, "12.345678901"),
        (-1_500_000_000, 1, "-1.5"),
    ],
)
def test_usd_of_nanos_is_cut_not_rounded(nanos: int, places: int, text: str) -> None:
    """Credit left is never shown as more than it is."""
    assert usd(nanos, places) == text


def test_answered_chat_fits_in_80_columns() -> None:
    """Every question of the story, with an amount below 10 USD and a slow machine's milliseconds."""
    told = io.StringIO()
    screen = Screen(Console(file=told, width=80))
    for question in (*QUESTIONS, "Uma pergunta que não cabe na coluna dela"):
        screen.answered(
            question, held_nanos=10**9, cost_nanos=10**9, left_nanos=10**9, added="+123.4 ms"
        )
    assert [len(line) for line in told.getvalue().splitlines()] == [80] * (len(QUESTIONS) + 1)
    assert all(question in told.getvalue() for question in QUESTIONS)


def test_share_of_a_whole_is_rounded_up() -> None:
    """What went unused is never shown as less than it is."""
    assert share(1, 1_000_000) == "0.1 %"
    assert share(0, 10) == "0.0 %"


def test_sentence_of_a_librechat_refusal_is_the_inner_text() -> None:
    """LibreChat shows the inner text of its known JSON form alone."""
    inner = json.dumps({"type": "google_error", "info": "Seu crédito acabou."})
    assert sentence_of({"message": inner}) == "Seu crédito acabou."
    assert sentence_of({"message": "plain words"}) == "plain words"


def debit(nanos: int) -> Debit:
    """A debit for the deployment `own` of gpt-4o."""
    return Debit(nanos, "gpt-4o", "own")


def test_books_price_a_call_by_the_deployment_that_answered() -> None:
    """A price of its own in LiteLLM's configuration is the right one; a difference shows both figures."""
    own = Price.from_litellm("gpt-4o", {**PRICE, "input_cost_per_token": 5e-06})
    models = ModelMap({"gpt-4o": ModelEntry("gpt-4o", (Deployment("own", "gpt-4o", own, True),))})  # noqa: FBT003
    debits = {"a": debit(600_000), "b": debit(350_000), "d": debit(1)}
    books = compare(
        [call("a"), call("b"), call("c")],
        debits,
        models,
        prices(),
        ledger_nanos=950_001,
        open_holds=0,
        overage_nanos=0,
    )
    assert books.provider_nanos == 600_000 + 600_000 + 350_000
    assert books.differing == (
        Difference("b", "gpt-4o", 350_000, 600_000),
        Difference("c", "gpt-4o", None, 350_000),
        Difference("d", "gpt-4o", 1, None),
    )


def test_books_of_equal_sides_agree() -> None:
    """A call that the provider refused costs nothing on either side."""
    truth = [call("a"), call("b"), call("refused", status=500)]
    debits = {"a": debit(350_000), "b": debit(350_000)}
    books = compare(
        truth,
        debits,
        ModelMap({}),
        prices(),
        ledger_nanos=700_000,
        open_holds=0,
        overage_nanos=0,
    )
    assert books.agree
    assert (books.matched, books.calls) == (2, 2)


@pytest.mark.parametrize(
    ("costs", "ledger_nanos", "open_holds"),
    [
        ({"a": 350_001}, 350_001, 0),  # a nano too much
        ({}, 0, 0),  # a call that was never debited
        ({"a": 350_000, "b": 1}, 350_001, 0),  # a debit without a call
        ({"a": 350_000}, 350_001, 0),  # a sum that its parts do not explain
        ({"a": 350_000}, 350_000, 1),  # a hold still open
    ],
)
def test_books_with_any_difference_do_not_agree(
    costs: dict[str, int], ledger_nanos: int, open_holds: int
) -> None:
    """To the nano, call by call, with every hold closed: or it is said."""
    books = compare(
        [call("a")],
        {name: debit(nanos) for name, nanos in costs.items()},
        ModelMap({}),
        prices(),
        ledger_nanos=ledger_nanos,
        open_holds=open_holds,
        overage_nanos=0,
    )
    assert not books.agree
