"""The decision at the door, case by case: who passes, with which headers, who does not, with which reason."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from authz.response import Allow, Refuse
from credit.models import ModelMap
from credit.policy import Policy
from credit.refusal import Reason
from tests.unit.door import (
    BAD,
    HOLD,
    KEY,
    MARIA,
    NOW_S,
    SCRIPT,
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

MODES = ["off", "shadow", "enforce", "closed"]
IMAGES = "/v1/images/generations"


def service_memory(mode: str = "enforce", **changes: Any) -> Memory:
    """A script with a key of its own."""
    client = a_client(id="script", kind="service", style="plain", language="en", **changes)
    return Memory(mode=mode, clients={sha256(KEY.encode()).digest(): client})


async def test_request_that_is_granted_passes_with_its_token() -> None:
    """The headers of the contract, and claims with the prices that the bound was made of."""
    door = Door(answer=placed(granted=77))
    answer = await door.check.decide(a_request(body={"model": "gpt-4o", "max_tokens": 100.0}))
    claims = claims_of(answer)
    assert isinstance(answer, Allow)
    assert {k: v for k, v in answer.headers.items() if k != "x-pedagio-hold"} == {
        "x-litellm-call-id": HOLD,
        "x-litellm-end-user-id": str(MARIA),
        "x-pedagio-client": "librechat",
    }
    assert (claims.hold, claims.account, claims.client) == (HOLD, str(MARIA), "librechat")
    assert (claims.mode, claims.route, claims.model) == ("enforce", "chat", "gpt-4o")
    assert (claims.granted, claims.input_picos, claims.output_picos) == (77, 2_500_000, 10_000_000)
    assert (claims.context, claims.max_out, claims.min_out) == (128_000, 16_384, 256)
    assert (claims.style, claims.lang, claims.issued) == ("librechat", "pt-BR", NOW_S)
    (asked,) = door.ledger.asked
    # 2,000 bytes and the 64 around them at 2,500 nanos and 100 tokens at 10,000 nanos.
    assert (asked.want_nanos, asked.account_id) == (2_064 * 2_500 + 100 * 10_000, MARIA)
    assert asked.minimum_nanos == 1_000 * 2_500 + 100 * 10_000
    assert not asked.shadow
    assert answer.seen == {
        "hold": HOLD,
        "client": "librechat",
        "mode": "enforce",
        "account": "1007",
    }


async def test_hold_names_the_version_of_the_prices_that_bound_it() -> None:
    """So that it can be said later by which prices a call was let in."""
    models = ModelMap(a_model_map().entries, version=41)
    door = Door(Memory(models=models))
    await door.check.decide(a_request())
    assert [asked.price_version for asked in door.ledger.asked] == [41]


async def test_markup_of_the_plan_is_on_the_hold_and_in_the_token() -> None:
    """The hold covers what will be debited; the callback is told the prices without it, and the markup."""
    memory = Memory(models=ModelMap(a_model_map().entries, version=41))
    memory.policies = {MARIA: Policy(markup_percent=15)}
    door = Door(memory)
    answer = await door.check.decide(a_request(body={"model": "gpt-4o", "max_tokens": 100.0}))
    (asked,) = door.ledger.asked
    without = 2_064 * 2_500 + 100 * 10_000
    assert (asked.want_nanos, asked.markup_percent) == (without + without * 15 // 100, 15)
    claims = claims_of(answer)
    assert (claims.input_picos, claims.markup, claims.prices) == (2_500_000, 15, 41)
    assert not claims.house


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
async def test_token_has_the_markup_that_its_hold_was_placed_with(mode: str) -> None:
    """Envoy's second try may meet a replica that knows a newer policy; the debit goes by the hold."""
    memory = Memory(mode=mode, policies={MARIA: Policy(markup_percent=0)})
    answer = replace(placed("replay", 77), markup_percent=15, shadow=mode == "shadow")
    claims = claims_of(await Door(memory, answer).check.decide(a_request()))
    assert (claims.granted, claims.markup) == (77, 15)


async def test_call_that_passes_without_a_hold_carries_prices_and_markup_too() -> None:
    """Mode off: debits go on, as they would have been."""
    memory = Memory(mode="off", models=ModelMap(a_model_map().entries, version=41))
    memory.policies = {MARIA: Policy(markup_percent=15)}
    claims = claims_of(await Door(memory).check.decide(a_request()))
    assert (claims.markup, claims.prices, claims.account) == (15, 41, str(MARIA))


@pytest.mark.parametrize(("way", "removed"), [("inject", ("authorization",)), ("pass_through", ())])
async def test_key_of_the_client_is_removed_where_envoy_adds_litellms(
    way: str, removed: tuple[str, ...]
) -> None:
    """The client's own LiteLLM key, however, must reach LiteLLM."""
    clients = {sha256(KEY.encode()).digest(): a_client(litellm_key=way)}
    for request in (a_request(), a_request(path="/v1/models")):
        answer = await Door(Memory(clients=clients)).check.decide(request)
        assert isinstance(answer, Allow)
        assert answer.remove == removed


@pytest.mark.parametrize(("changes", "reason", "param"), BAD)
async def test_request_that_cannot_be_priced_is_refused_before_the_ledger(
    changes: dict[str, Any], reason: Reason, param: str | None
) -> None:
    """Each with its own reason, noted, and nothing held."""
    door = Door()
    answer = await door.check.decide(a_request(**changes))
    assert reason_of(answer) == (reason, param)
    assert [(kind, problem.reason) for kind, problem in door.notes] == [("refuse", reason)]
    assert door.ledger.asked == []


async def test_service_that_names_a_person_is_refused() -> None:
    """Only trusted clients may speak for people."""
    answer = await Door(service_memory()).check.decide(a_request(user_header="maria"))
    assert reason_of(answer) == (Reason.BAD_REQUEST, "x-user-id")


@pytest.mark.parametrize("mode", ["off", "shadow", "enforce"])
async def test_service_draws_on_its_own_account(mode: str) -> None:
    """Also in the modes that refuse nobody, a name given by a service counts for nothing."""
    memory = service_memory(mode)
    named = None if mode == "enforce" else "maria"
    answer = await Door(memory).check.decide(a_request(user_header=named))
    assert claims_of(answer).account == str(SCRIPT)


async def test_replay_is_allowed_with_the_same_grant() -> None:
    """Envoy's retry on the other replica."""
    answer = await Door(answer=placed("replay", 55)).check.decide(a_request())
    assert claims_of(answer).granted == 55


async def test_hold_that_is_closed_is_not_reusable() -> None:
    """Its id has been used up: unavailable in enforce, no hold in shadow."""
    answer = await Door(answer=placed("closed", 0)).check.decide(a_request())
    assert reason_of(answer)[0] == Reason.ENFORCEMENT_UNAVAILABLE
    memory = Memory(mode="shadow")
    lenient = await Door(memory, answer=placed("closed", 0)).check.decide(a_request())
    assert claims_of(lenient).granted == 0


@pytest.mark.parametrize("reason", ["insufficient_credit", "credit_in_flight", "account_suspended"])
async def test_refusal_of_the_ledger_reaches_the_person(reason: str) -> None:
    """With the figures it was decided on, the reference, and the account for the log."""
    answer = await Door(answer=placed("refused", 0, reason)).check.decide(a_request())
    assert isinstance(answer, Refuse)
    assert answer.reason == reason
    assert "(ref. 0d9f4c)" in answer.text
    shown = {
        "insufficient_credit": "US$ 0,004",
        "credit_in_flight": "US$ 0,001",
        "account_suspended": "21/11/2026",
    }
    assert shown[reason] in answer.text
    assert answer.seen["account"] == str(MARIA)
    assert answer.style == "librechat"


async def test_usual_output_of_the_client_sizes_the_target() -> None:
    """Once 200 calls are known, their 99th percentile; until then 8,192 tokens."""
    for known, tokens in (({}, 8_192), ({("librechat", "gpt-4o"): 300}, 300)):
        door = Door(Memory(p99_output_tokens=known))
        await door.check.decide(a_request())
        assert door.ledger.asked[0].target_nanos == 2_064 * 2_500 + tokens * 10_000


async def test_absurd_prices_never_leave_the_range_of_the_ledger() -> None:
    """A number beyond bigint would fail the whole batch, with other people's requests in it."""
    dear = a_price("dear", output_cost_per_token=1e6)
    door = Door(Memory(models=a_model_map(dear=dear)))
    await door.check.decide(a_request(body={"model": "dear", "n": 128.0}))
    (asked,) = door.ledger.asked
    assert 0 < asked.minimum_nanos <= asked.target_nanos <= asked.want_nanos < 2**63


async def test_token_fits_into_a_header_whatever_the_model_is_called() -> None:
    """Names come from clients, also in the modes that refuse nothing."""
    name = "\U0001f600" * 256
    price = a_price(name)
    for mode in ("enforce", "shadow", "off"):
        door = Door(Memory(mode=mode, models=a_model_map(**{name: price})))
        answer = await door.check.decide(a_request(body={"model": name}))
        assert isinstance(answer, Allow)
        assert len(answer.headers["x-pedagio-hold"]) < 8_192
