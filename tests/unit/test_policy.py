"""Policies: what their fields mean, how a plan goes over a client, what is refused with its name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.flat import FLAT_ROUTES
from credit.grant import GrantRule, decide
from credit.policy import EMPTY, Policy, PolicyError
from credit.refusal import Reason
from credit.template import CERTAIN, FIELDS, find_problem

TEXT = ["Sem crédito", ", restam {available}", ". (ref. {ref})"]
WHOLE: dict[str, Any] = {
    "models": ["gpt-4o*", "text-[ab]?"],
    "max_output_tokens": 4_000,
    "max_open_holds": 8,
    "grant_rule": {"small_percent": 5, "share_percent": 100},
    "cheaper": {"gpt-4o": "gpt-4o-mini"},
    "degrade": "switch",
    "remaining_header": False,
    "rate_limit_headers": True,
    "texts": {"insufficient_credit": {"pt-BR": TEXT}},
    "list_models": True,
    "flat_holds": {"/v1/images/generations": "US$0.20", "/v1/moderations": "US$0.00"},
    "balance_model": "saldo",
    "balance_line": True,
    "requests": {
        "auto_approve": {"amount": "US$2.00", "per_period": 1},
        "advance": {"amount": "US$0.50"},
        "limit": {"open": 1, "per_period": 3, "amount": "US$50.00"},
        "valid_days": 30,
        "fallback_hours": 0,
        "answer_days": 7,
    },
}
IMAGES, SPEECH = "/v1/images/generations", "/v1/audio/speech"
NAMES = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Said or not."""
    return st.none() | values


POLICIES = st.builds(
    Policy,
    models=optional(st.lists(NAMES).map(tuple)),
    max_output_tokens=optional(st.integers(1, 10_000_000)),
    max_open_holds=optional(st.integers(1, 10_000)),
    small_percent=optional(st.integers(0, 100)),
    share_percent=optional(st.integers(1, 100)),
    cheaper=st.dictionaries(NAMES, NAMES.map(lambda name: f"{name}-mini"), max_size=3),
    degrade=optional(st.sampled_from(["hint", "switch"])),
    remaining_header=optional(st.booleans()),
    rate_limit_headers=optional(st.booleans()),
    texts=st.dictionaries(
        st.sampled_from(sorted(FIELDS)),
        st.dictionaries(st.sampled_from(["pt-BR", "en"]), st.just(("No.", " ({ref})")), min_size=1),
        max_size=2,
    ),
    list_models=optional(st.booleans()),
    flat_holds=st.dictionaries(st.sampled_from(sorted(FLAT_ROUTES)), st.integers(0, 10**17)),
    balance_model=optional(NAMES),
    balance_line=optional(st.booleans()),
    requests=st.fixed_dictionaries(
        {},
        optional={
            "auto_approve": st.fixed_dictionaries({"amount": st.integers(0, 10**15)}),
            "advance": st.fixed_dictionaries({"percent": st.integers(0, 100)}),
            "valid_days": st.integers(1, 366),
        },
    ),
)


def test_policy_with_every_field_reads_as_written() -> None:
    """What is stored is what was given."""
    policy = Policy.from_json(WHOLE)
    assert policy.to_json() == WHOLE
    assert policy.grant_rule == GrantRule(5, 100)
    assert policy.text(Reason.INSUFFICIENT_CREDIT, "pt-BR") == tuple(TEXT)
    assert policy.text(Reason.INSUFFICIENT_CREDIT, "en") is None


def test_policy_that_says_nothing_changes_nothing() -> None:
    """Absent and null are the same; the grant rule is the installation's."""
    assert Policy.from_json(dict.fromkeys(WHOLE)) == Policy.from_json({}) == EMPTY
    assert EMPTY.grant_rule == GrantRule()
    assert EMPTY.allows("anything")
    assert EMPTY.to_json() == {}


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        ("gpt-4o", True),
        ("gpt-4o-mini", True),
        ("GPT-4o", False),
        ("my-gpt-4o", False),
        ("text-a1", True),
        ("text-c1", False),
        ("gpt-4o\nx", True),
        ("", False),
    ],
)
def test_model_is_allowed_when_a_pattern_fits_all_of_it(model: str, *, allowed: bool) -> None:
    """As in a shell, with its case."""
    assert Policy.from_json({"models": WHOLE["models"]}).allows(model) is allowed


def test_empty_list_of_models_allows_none() -> None:
    """Whoever writes an empty list means it."""
    assert not Policy.from_json({"models": []}).allows("gpt-4o")


def test_plan_wins_where_it_says_something() -> None:
    """Elsewhere its client's policy holds; texts and cheaper models go entry by entry."""
    client = Policy.from_json(WHOLE)
    texts = {"insufficient_credit": {"en": ["No.", " ({ref})"]}}
    plan = Policy.from_json(
        {"models": ["*"], "remaining_header": True, "cheaper": {"o3": "o3-mini"}, "texts": texts}
    )
    merged = client.merge(plan)
    assert (merged.models, merged.remaining_header, merged.max_output_tokens) == (
        ("*",),
        True,
        4_000,
    )
    assert merged.cheaper == {"gpt-4o": "gpt-4o-mini", "o3": "o3-mini"}
    assert set(merged.texts[Reason.INSUFFICIENT_CREDIT]) == {"pt-BR", "en"}


def test_flat_hold_of_a_plan_goes_over_its_clients_path_by_path() -> None:
    """In nano-USD, whatever the unit; zero is said, never the lack of an amount."""
    client = Policy.from_json({"flat_holds": {IMAGES: "20cr", SPEECH: None}})
    plan = Policy.from_json({"flat_holds": {IMAGES: "US$0", SPEECH: "US$ 1.50"}})
    assert client.flat_holds == {IMAGES: 200_000_000}
    assert client.merge(plan).flat_holds == {IMAGES: 0, SPEECH: 1_500_000_000}
    assert client.merge(EMPTY).flat_holds == client.flat_holds


def _text(*clauses: Any, reason: str = "insufficient_credit") -> dict[str, Any]:
    return {"texts": {reason: {"en": list(clauses)}}}


AT = "texts.insufficient_credit.en"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "policy"),
        ([], "policy"),
        ({"model": ["*"]}, "model"),
        ({1: 2}, "1"),
        ({"models": "gpt-4o"}, "models"),
        ({"models": ["*"] * 201}, "models"),
        ({"models": ["*", ""]}, "models[1]"),
        ({"models": [3]}, "models[0]"),
        ({"models": ["a\nb"]}, "models[0]"),
        ({"models": ["gpt-[4"]}, "models[0]"),
        ({"models": ["[]"]}, "models[0]"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"max_output_tokens": 4.0}, "max_output_tokens"),
        ({"max_open_holds": 10_001}, "max_open_holds"),
        ({"grant_rule": 2}, "grant_rule"),
        ({"grant_rule": {"share_percent": 0}}, "grant_rule.share_percent"),
        ({"grant_rule": {"small_percent": 101}}, "grant_rule.small_percent"),
        ({"grant_rule": {"share": 1}}, "grant_rule.share"),
        ({"cheaper": ["a"]}, "cheaper"),
        ({"cheaper": {"a": 1}}, "cheaper.a"),
        ({"cheaper": {"a": "a"}}, "cheaper.a"),
        ({"degrade": "swap"}, "degrade"),
        ({"degrade": ["hint"]}, "degrade"),
        ({"list_models": "yes"}, "list_models"),
        ({"balance_model": True}, "balance_model"),
        ({"balance_model": ""}, "balance_model"),
        ({"balance_line": 1}, "balance_line"),
        ({"remaining_header": 1}, "remaining_header"),
        ({"flat_holds": ["US$1"]}, "flat_holds"),
        ({"flat_holds": {"/v1/files": "US$1"}}, "flat_holds./v1/files"),
        ({"flat_holds": {IMAGES: 0.2}}, f"flat_holds.{IMAGES}"),
        ({"flat_holds": {IMAGES: "0"}}, f"flat_holds.{IMAGES}"),
        ({"flat_holds": {IMAGES: "R$ 1"}}, f"flat_holds.{IMAGES}"),
        ({"flat_holds": {IMAGES: "US$-1"}}, f"flat_holds.{IMAGES}"),
        ({"flat_holds": {IMAGES: "US$1000000000"}}, f"flat_holds.{IMAGES}"),
        ({"texts": []}, "texts"),
        ({"texts": {"too_poor": {}}}, "texts.too_poor"),
        ({"texts": {"unknown_key": {"en": ["No.", " {ref}"]}}}, "texts.unknown_key"),
        ({"texts": {"insufficient_credit": {"fr": ["Non.", "{ref}"]}}}, "texts.insufficient_credit.fr"),
        ({"texts": {"insufficient_credit": {"en": "No."}}}, AT),
        (_text(), f"{AT}[0]"),
        (_text("No. {ref}"), f"{AT}[0]"),
        (_text("No.", 7, " {ref}"), f"{AT}[1]"),
        (_text("No.\n", " {ref}"), f"{AT}[0]"),
        (_text("x" * 161, " {ref}"), f"{AT}[0]"),
        (_text("x" * 150, "y" * 60 + " {ref}"), f"{AT}[1]"),
        (_text("No.", " {password}", " {ref}"), f"{AT}[1]"),
        (_text("No.", " {}", " {ref}"), f"{AT}[1]"),
        (_text("No.", " {0}", " {ref}"), f"{AT}[1]"),
        (_text("No.", " {ref.__class__}"), f"{AT}[1]"),
        (_text("No.", " {ref[0]}"), f"{AT}[1]"),
        (_text("No.", " {ref!r}"), f"{AT}[1]"),
        (_text("No.", " {ref:{url}}"), f"{AT}[1]"),
        (_text("No.", " {ref"), f"{AT}[1]"),
        (_text("No {available}.", " {ref}"), f"{AT}[0]"),
        (_text("No.", " Ask."), f"{AT}[1]"),
        (_text("No.", " {models}", " {ref}", reason="model_unpriced"), "texts.model_unpriced.en[1]"),
    ],
)  # fmt: skip
def test_policy_that_cannot_be_used_is_refused_by_field(body: Any, field: str) -> None:
    """Nothing is guessed, and the sentence begins with the name of what must be mended."""
    with pytest.raises(PolicyError) as caught:
        Policy.from_json(body)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} ")


def test_template_naming_an_unknown_field_is_told_which_there_are() -> None:
    """The administrator need not look it up."""
    problem = find_problem(Reason.BAD_REQUEST, ["No: {feild}.", " {ref}"])
    assert problem == (
        0,
        "names the unknown field {feild}; it may name contact, field, ref, url",
    )


def test_fields_that_are_certain_are_among_those_that_may_be_named() -> None:
    """Every reason that a policy may word is in the table."""
    assert set(Reason) - set(FIELDS) == {Reason.UNKNOWN_KEY}
    assert all(certain <= FIELDS[reason] for reason, certain in CERTAIN.items())


@given(POLICIES)
def test_policy_survives_its_storage(policy: Policy) -> None:
    """from_json is the inverse of to_json."""
    assert Policy.from_json(policy.to_json()) == policy


@given(POLICIES, POLICIES, POLICIES)
def test_merging_is_associative_with_nothing_as_neutral(a: Policy, b: Policy, c: Policy) -> None:
    """So it does not matter who merges first; and each field is that of the plan or of the client."""
    assert a.merge(EMPTY) == EMPTY.merge(a) == a
    assert a.merge(b).merge(c) == a.merge(b.merge(c))


KEYS = st.sampled_from(sorted(WHOLE)) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(KEYS, some),
)


@given(JSON)
def test_policy_of_any_json_is_read_or_refused_by_field(body: Any) -> None:
    """No other error, whatever is sent."""
    try:
        policy = Policy.from_json(body)
    except PolicyError:
        return
    assert Policy.from_json(policy.to_json()) == policy


@given(st.lists(st.text(max_size=12), max_size=4), st.text(max_size=20))
def test_matching_any_model_against_any_pattern_never_fails(
    patterns: list[str], model: str
) -> None:
    """What a policy accepts as a pattern can be matched at the door."""
    try:
        policy = Policy.from_json({"models": patterns})
    except PolicyError:
        return
    assert isinstance(policy.allows(model), bool)
    if model in patterns and not set(model) & set("*?["):
        assert policy.allows(model)


@given(*[st.integers(0, 10**15)] * 4, st.integers(0, 100), st.integers(1, 100))
def test_grant_under_any_rule_fits_and_pays_at_least_the_minimum(
    available: int, a: int, b: int, c: int, small: int, share: int
) -> None:
    """A policy may move the constants, never the promise."""
    minimum, target, want = sorted((a, b, c))
    granted = decide(available, want, target, minimum, GrantRule(small, share))
    assert (granted is None) == (minimum > available)
    if granted is not None:
        assert minimum <= granted <= min(want, available)
