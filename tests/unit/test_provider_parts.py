"""The simulated provider's rules: tokens, images, prose, caching, directives, plans."""

import base64
import struct
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.provider.behaviour import (
    Defaults,
    DirectiveError,
    Faults,
    changed,
    parse_directives,
    resolve,
)
from local.provider.cache import PrefixCache
from local.provider.images import tokens_of_image
from local.provider.models import family_of
from local.provider.plan import Plan, plan_answer
from local.provider.prompt import prompt_of_chat, prompt_of_responses
from local.provider.text import LANGUAGES, Prose
from local.provider.tokens import RuleCounter
from local.provider.truth import TruthCall, TruthLog, read_truth


@given(st.text())
def test_tokens_of_any_text_never_exceed_its_bytes(text: str) -> None:
    """A byte-level encoding has at most one token a byte: the bound of every hold rests on it."""
    assert RuleCounter().count(text) <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(min_size=1))
def test_tokens_of_text_are_at_least_one(text: str) -> None:
    """Nothing is read for free."""
    assert RuleCounter().count(text) >= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_has_four_characters_a_token(language: str) -> None:
    """Characters / 4 must be an unbiased estimate of an answer's tokens, within 3 %."""
    pieces = Prose(RuleCounter()).pieces(40_000, language, Random(3))
    assert len("".join(pieces)) / len(pieces) == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_counted_again_has_the_tokens_it_was_made_of(language: str) -> None:
    """A piece is one token, so usage, text and a recount agree."""
    counter = RuleCounter()
    pieces = Prose(counter).pieces(500, language, Random(5))
    assert len(pieces) == 500
    assert counter.count("".join(pieces)) == pytest.approx(500, abs=1)


def data_url(header: bytes) -> str:
    """A base64 data URL of a file that starts with `header`."""
    return "data:image/any;base64," + base64.b64encode(header + bytes(30)).decode()


def png(width: int, height: int) -> str:
    """A PNG as far as its size."""
    return data_url(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height))


def jpeg(width: int, height: int) -> str:
    """A JPEG as far as its size, behind a block of EXIF."""
    exif = b"\xff\xe1" + struct.pack(">H", 1002) + bytes(1000)
    return data_url(
        b"\xff\xd8" + exif + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width)
    )


@pytest.mark.parametrize(
    ("model", "url", "detail", "tokens"),
    [
        ("gpt-4o", png(1024, 1024), "high", 765),
        ("gpt-4o", png(2048, 4096), "auto", 1105),
        ("gpt-4o", jpeg(2048, 4096), "auto", 1105),
        ("gpt-4o", png(4096, 8192), "low", 85),
        ("gpt-4o", "https://example.org/photo.jpg", "auto", 765),
        ("gpt-4o", "data:image/png;base64,????", "auto", 765),
        ("gpt-4o-mini", png(512, 512), "high", 8500),
        ("gpt-4.1-mini", png(1024, 1024), "auto", 1659),
        ("o4-mini", png(8000, 8000), "auto", 2642),
        ("gpt-5", png(1024, 1024), "high", 630),
    ],
)
def test_image_tokens_follow_the_rule_of_the_family(
    model: str, url: str, detail: str, tokens: int
) -> None:
    """OpenAI's published examples; an image that shows no size counts as 1024 x 1024."""
    assert tokens_of_image(family_of(model).images, url, detail) == tokens


def test_cache_meets_a_long_prefix_again_counts_it_in_steps() -> None:
    """Multiples of 128 tokens from 1,024 on, for the same model only."""
    cache, start = PrefixCache(), "a conversa " * 1000
    assert cache.cached_tokens("gpt-4o", start + "um", 2_752) == 0
    again = cache.cached_tokens("gpt-4o", start + "dois", 2_753)
    assert 2_560 <= again <= 2_753
    assert again % 128 == 0
    assert cache.cached_tokens("gpt-4.1", start + "um", 2_752) == 0


def test_cache_of_a_short_prompt_stays_empty() -> None:
    """Below 1,024 tokens nothing is cached."""
    cache = PrefixCache()
    assert [cache.cached_tokens("gpt-4o", "x " * 1000, 1_000) for _ in range(2)] == [0, 0]


def test_directives_are_read_from_the_last_block() -> None:
    """A user's text orders the answer; earlier blocks belong to earlier turns."""
    orders = parse_directives("[[status=500]] e depois [[tokens=30 no_usage tag=a-1]]")
    assert orders == {"tokens": 30.0, "no_usage": True, "tag": "a-1"}


@pytest.mark.parametrize("block", ["tokenz=3", "tokens", "tokens=many", "hang=1", "note"])
def test_directives_with_an_unknown_word_are_refused(block: str) -> None:
    """A test never orders in vain."""
    with pytest.raises(DirectiveError):
        parse_directives(f"[[{block}]]")


def test_behaviour_of_a_reasoning_model_draws_hidden_tokens_in_range() -> None:
    """Reasoning lengths come from the configured range; other models have none."""
    defaults = Defaults(reasoning_range=(200, 8_000))

    def drawn(model: str, seed: int) -> int:
        random = Random(seed)
        return resolve(defaults, Faults(), family_of(model), {}, random).reasoning_tokens

    lengths = [drawn("gpt-5", seed) for seed in range(200)]
    assert min(lengths) >= 200
    assert max(lengths) <= 8_000
    assert len(set(lengths)) > 150
    assert drawn("gpt-4o", 1) == 0


def test_changed_with_an_unknown_field_raises() -> None:
    """A misspelt control order is an error, not silence."""
    assert changed(Defaults(), {"answer_range": [1, 2]}).answer_range == (1, 2)
    with pytest.raises(TypeError):
        changed(Faults(), {"eror_rate": 1})


def test_plan_spends_the_limit_on_reasoning_first() -> None:
    """A reasoning model cut short returns nothing, ends for `length`, and is billed."""
    plan = plan_answer(50, 500, 300, 80, 1000)
    assert (plan.reasoning_tokens, plan.visible_tokens, plan.finish_reason) == (300, 0, "length")
    partly = plan_answer(50, 500, 520, 80, 1000)
    assert (partly.reasoning_tokens, partly.visible_tokens) == (500, 20)
    assert plan_answer(50, 500, 550, 80, 1000).finish_reason == "stop"


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.floats(0, 60), st.floats(0, 60))
def test_plan_progress_only_grows_until_all_is_there(
    reasoning: int, visible: int, early_s: float, late_s: float
) -> None:
    """Hidden tokens come before visible ones, none is ever taken back, the end has them all."""
    plan = Plan(reasoning, visible, 80, 1000, "stop")
    first, second = plan.progress(min(early_s, late_s)), plan.progress(max(early_s, late_s))
    assert first[0] <= second[0] <= reasoning
    assert first[1] <= second[1] <= visible
    assert second[1] == 0 or second[0] == reasoning
    assert plan.progress(plan.duration_s) == (reasoning, visible)


def test_prompt_of_chat_counts_text_messages_and_images() -> None:
    """Three tokens a message and three for the reply, as OpenAI counts; images by family."""
    counter, family = RuleCounter(), family_of("gpt-4o")
    parts = [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": png(1024, 1024), "detail": "low"}},
    ]
    prompt = prompt_of_chat({"messages": [{"role": "user", "content": parts}]})
    assert prompt.tokens(counter, family) == 1 + 3 + 85 + 3 + 3
    assert prompt.orders_text == "what is this"


def test_prompt_of_responses_reads_text_items_and_instructions() -> None:
    """The same words count the same in each form the Responses API takes."""
    counter, family = RuleCounter(), family_of("gpt-4o")
    plain = prompt_of_responses({"input": "good day"})
    item = {"role": "user", "content": [{"type": "input_text", "text": "good day"}]}
    listed = prompt_of_responses({"input": [item]})
    assert plain.tokens(counter, family) == listed.tokens(counter, family)
    told = prompt_of_responses({"input": "good day", "instructions": "be brief"})
    assert told.tokens(counter, family) > plain.tokens(counter, family)


def test_truth_written_is_read_back_without_an_unfinished_line(tmp_path: Path) -> None:
    """A reader beside the writer sees whole calls only."""
    path = tmp_path / "logs" / "truth.jsonl"
    assert read_truth(path) == []
    log, call = TruthLog(path), TruthCall("chat", model="gpt-4o", prompt_tokens=7, status=200)
    log.write(call)
    with path.open("a") as file:
        file.write('{"endpoint": "ch')
    assert read_truth(path) == [call]
    log.close()
