"""Policies at the door: models, limits, texts, what is left, and the cheaper model."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from authz.remaining import decimal_usd
from authz.response import Allow, Refuse
from credit.grant import GrantRule
from credit.ledger import Cheaper, Placed
from credit.policy import Policy
from credit.refusal import SENTENCE_LIMIT, Reason
from tests.unit.door import (
    KEY,
    MARIA,
    Door,
    Memory,
    a_client,
    a_model_map,
    a_price,
    a_request,
    claims_of,
    placed,
    reason_of,
)

MINI = a_price("mini", input_cost_per_token=1e-7, output_cost_per_token=4e-7)
FREE = a_price("gift", input_cost_per_token=0.0, output_cost_per_token=0.0)


def a_memory(mode: str = "enforce", **body: Any) -> Memory:
    """Maria's policy, with gpt-4o, a model of a twenty-fifth of its price, and a free one."""
    models = a_model_map(mini=MINI, gift=FREE)
    return Memory(mode=mode, models=models, policies={MARIA: Policy.from_json(body)})


def short(available_nanos: int = 4_000_000, reason: str = "insufficient_credit") -> Placed:
    """The ledger's no."""
    return replace(
        placed("refused", 0, reason), posted_nanos=available_nanos, held_nanos=0
    )  # fmt: skip


async def test_model_outside_the_policy_is_refused_with_what_may_be_used() -> None:
    """Before the ledger is asked, noted, and with 402 in a sentence that helps."""
    door = Door(a_memory(models=["m*", "gift"]))
    answer = await door.check.decide(a_request())
    assert reason_of(answer) == (Reason.MODEL_NOT_ALLOWED, "gpt-4o")
    assert isinstance(answer, Refuse)
    assert answer.text == "Seu plano não inclui gpt-4o. Você pode usar: gift, mini. (ref. 0d9f4c)"
    assert [(kind, problem.account_id) for kind, problem in door.notes] == [("refuse", MARIA)]
    assert door.ledger.asked == []


async def test_model_outside_the_policy_passes_in_shadow() -> None:
    """Noted as what would have been refused."""
    door = Door(a_memory("shadow", models=["mini"]))
    assert claims_of(await door.check.decide(a_request())).mode == "shadow"
    assert [kind for kind, _ in door.notes] == ["would_refuse"]


@pytest.mark.parametrize(("names", "length"), [(1, 10), (40, 10), (3, 70), (2, 120)])
async def test_models_offered_are_cut_to_fit_the_sentence(names: int, length: int) -> None:
    """Whole names only, and the sentence stays within its limit with its reference."""
    offered = {f"{n:02d}".ljust(length, "x"): MINI for n in range(names)}
    memory = Memory(models=a_model_map(**offered), policies={MARIA: Policy(models=("0*", "1*"))})
    answer = await Door(memory).check.decide(a_request())
    assert isinstance(answer, Refuse)
    assert len(answer.text) <= SENTENCE_LIMIT
    assert answer.text.endswith("(ref. 0d9f4c)")
    shown = answer.text.partition("usar: ")[2].partition(". (")[0]
    assert all(name in offered or name == "…" for name in shown.split(", ") if name)
    assert ("…" in shown) == (names == 40 or (names, length) == (3, 70))


async def test_policy_limit_sizes_the_hold_and_travels_in_the_token() -> None:
    """The door bound counts no longer answer than the policy allows; the callback keeps it."""
    for asked, tokens in ((None, 100), (50.0, 50), (5_000.0, 100)):
        door = Door(a_memory(max_output_tokens=100))
        body = {"model": "gpt-4o"} | ({} if asked is None else {"max_tokens": asked})
        claims = claims_of(await door.check.decide(a_request(body=body)))
        assert (claims.limit, claims.max_out) == (100, 16_384)
        assert door.ledger.asked[0].want_nanos == 2_064 * 2_500 + tokens * 10_000


async def test_constants_of_the_policy_reach_the_ledger() -> None:
    """With the installation's where nobody says anything."""
    door = Door(a_memory(grant_rule={"share_percent": 100}, max_open_holds=3))
    await door.check.decide(a_request())
    (asked,) = door.ledger.asked
    assert (asked.rule, asked.max_open_holds) == (GrantRule(2, 100), 3)
    door = Door()
    await door.check.decide(a_request())
    assert (door.ledger.asked[0].rule, door.ledger.asked[0].max_open_holds) == (GrantRule(), None)


async def test_texts_of_the_policy_are_what_the_person_reads() -> None:
    """In their language; a clause nobody can fill is dropped here, too."""
    clauses = ["Acabou", ", restam {available}", ", volta em {next_date}", " ({ref})"]
    memory = a_memory(texts={"insufficient_credit": {"pt-BR": clauses}})
    answer = await Door(memory, short()).check.decide(a_request())
    assert isinstance(answer, Refuse)
    assert answer.text == "Acabou, restam US$ 0,004 (0d9f4c)"


async def test_texts_of_the_client_are_read_by_whom_nobody_knows() -> None:
    """Who it is is not known yet, whose application it is, is."""
    house = Policy.from_json({"texts": {"identity_missing": {"pt-BR": ["Quem é?", " ({ref})"]}}})
    answer = await Door(Memory(policies={None: house})).check.decide(a_request(user_header=None))
    assert isinstance(answer, Refuse)
    assert answer.text == "Quem é? (0d9f4c)"


@pytest.mark.parametrize("degrade", [None, "hint"])
async def test_refusal_for_credit_names_the_cheaper_model_that_fits(degrade: str | None) -> None:
    """4 milli-dollars pay for a call of mini, not for one of gpt-4o."""
    memory = a_memory(cheaper={"gpt-4o": "mini"}, degrade=degrade)
    door = Door(memory, short())
    answer = await door.check.decide(a_request())
    assert isinstance(answer, Refuse)
    assert "Ainda dá para usar mini." in answer.text
    assert door.ledger.asked[0].cheaper is None


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"cheaper": {"gpt-4o": "mini"}}, short(1_000)),  # too little for that one, too
        ({"cheaper": {"gpt-4o": "mini"}}, short(reason="credit_in_flight")),
        ({"cheaper": {"gpt-4o": "mini"}, "models": ["gpt-4o"]}, short()),  # not allowed
        ({"cheaper": {"gpt-4o": "mystery"}}, short()),  # without a price
        ({"cheaper": {"o3": "mini"}}, short()),
        ({}, short()),
    ],
)
async def test_refusal_offers_no_model_that_would_be_refused(
    body: dict[str, Any], answer: Placed
) -> None:
    """A hint that leads to the next refusal is worse than none."""
    refused = await Door(a_memory(**body), answer).check.decide(a_request())
    assert isinstance(refused, Refuse)
    assert "mini" not in refused.text
    assert "mystery" not in refused.text


async def test_free_model_is_offered_to_whoever_has_nothing() -> None:
    """It always passes."""
    memory = a_memory(cheaper={"gpt-4o": "gift"})
    answer = await Door(memory, short(-5)).check.decide(a_request())
    assert isinstance(answer, Refuse)
    assert "Ainda dá para usar gift." in answer.text


async def test_free_model_asks_the_ledger_for_nothing() -> None:
    """A want of zero is granted also in debt (credit/grant.py)."""
    door = Door(a_memory())
    claims = claims_of(await door.check.decide(a_request(body={"model": "gift"})))
    assert door.ledger.asked[0].want_nanos == door.ledger.asked[0].minimum_nanos == 0
    assert (claims.input_picos, claims.output_picos) == (0, 0)


async def test_unpriced_model_is_refused_with_the_one_to_use_instead() -> None:
    """Named by the policy, and priced."""
    answer = await Door(a_memory(cheaper={"mystery": "mini"})).check.decide(
        a_request(body={"model": "mystery"})
    )
    assert isinstance(answer, Refuse)
    assert "Use mini por enquanto." in answer.text


async def test_switch_lets_the_ledger_choose_and_the_token_say_which() -> None:
    """The hold, the prices and the model of the token are those of the cheaper one."""
    memory = a_memory(cheaper={"gpt-4o": "mini"}, degrade="switch")
    door = Door(memory, replace(placed(), model="mini"))
    claims = claims_of(await door.check.decide(a_request()))
    assert (claims.model, claims.asked, claims.input_picos) == ("mini", "gpt-4o", 100_000)
    (asked,) = door.ledger.asked
    assert asked.model == "gpt-4o"
    assert asked.cheaper == Cheaper(
        "mini",
        206_400 + 16_384 * 400,
        206_400 + 8_192 * 400,
        100_000 + 256 * 400,
    )


@pytest.mark.parametrize("model", ["", "gpt-4o"])
async def test_switch_that_was_not_needed_changes_nothing(model: str) -> None:
    """Whoever can pay gets what they asked for."""
    memory = a_memory(cheaper={"gpt-4o": "mini"}, degrade="switch")
    claims = claims_of(await Door(memory, replace(placed(), model=model)).check.decide(a_request()))
    assert (claims.model, claims.asked, claims.input_picos) == ("gpt-4o", "", 2_500_000)


async def test_switch_is_never_made_in_shadow() -> None:
    """Nothing of ours alters a call there."""
    memory = a_memory("shadow", cheaper={"gpt-4o": "mini"}, degrade="switch")
    door = Door(memory)
    claims = claims_of(await door.check.decide(a_request()))
    assert (claims.model, claims.asked) == ("gpt-4o", "")
    asked = door.ledger.asked[0].cheaper
    assert asked is not None, (
        "asked for, so that the report can say what enforcement would have done"
    )
    assert asked.model == "mini"


async def test_replay_of_a_switch_whose_policy_is_gone_is_unavailable() -> None:
    """There are no terms for its token: unknown is a 503, never a guess."""
    answer = await Door(answer=replace(placed("replay"), model="mini")).check.decide(a_request())
    assert reason_of(answer)[0] == Reason.ENFORCEMENT_UNAVAILABLE


@pytest.mark.parametrize(("result", "left"), [("placed", 3_999_900), ("replay", 4_000_000)])
async def test_answer_says_what_is_left_after_its_hold(result: str, left: int) -> None:
    """The figures of the decision; those of a replay count its hold already."""
    answer = await Door(a_memory(), placed(result)).check.decide(a_request())
    assert isinstance(answer, Allow)
    assert answer.shown == {
        "x-pedagio-remaining": str(left),
        "x-pedagio-remaining-usd": decimal_usd(left),
    }


async def test_answer_carries_ratelimit_fields_where_the_policy_says_so() -> None:
    """Structured fields in micro-USD; the plain header can be switched off."""
    memory = a_memory(rate_limit_headers=True, remaining_header=False)
    answer = await Door(memory).check.decide(a_request())
    assert isinstance(answer, Allow)
    assert answer.shown == {
        "ratelimit-policy": '"credit";q=5000;qu="micro-usd"',
        "ratelimit": '"credit";r=3999',
    }


@pytest.mark.parametrize("mode", ["shadow", "off"])
async def test_answer_says_nothing_where_nothing_is_enforced(mode: str) -> None:
    """What is left limits nobody there."""
    answer = await Door(a_memory(mode)).check.decide(a_request())
    assert isinstance(answer, Allow)
    assert answer.shown == {}


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (-50_000_000, "-0.05"),
        (12_345_678_901, "12.345678901"),
        (3 * 10**9, "3.00"),
    ],
)
def test_remaining_usd_is_exact(nanos: int, text: str) -> None:
    """To the nano, since a program may read it."""
    assert decimal_usd(nanos) == text


async def test_policy_that_cannot_be_known_is_unavailable_in_enforce() -> None:
    """The ledger would have to say the person's plan, and does not answer."""

    class Away(Memory):
        async def policy(self, client: Any, account_id: int | None) -> Policy:
            if account_id is not None:
                raise ConnectionError
            return await super().policy(client, account_id)

    answer = await Door(Away()).check.decide(a_request())
    assert reason_of(answer)[0] == Reason.ENFORCEMENT_UNAVAILABLE
    clients = {sha256(KEY.encode()).digest(): a_client()}
    lenient = await Door(Away(mode="shadow", clients=clients)).check.decide(a_request())
    assert claims_of(lenient).mode == "shadow"
