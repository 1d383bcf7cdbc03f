"""Modes of the control: each reaches both replicas within a second, and a change drops nobody.

Whatever a test sets, `in_mode` sets `enforce` again before it ends.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import pytest

from credit.prices import Price
from local.office import Office
from local.stack import Stack
from local.story.chat import Person
from tests.e2e.attempts import (
    CHAT,
    LIBRECHAT,
    MODEL,
    PLAIN,
    SECRET,
    TEXT,
    chat_body,
    chat_with,
    check_refusal,
    leaks,
)
from tests.e2e.mode_scene import EFFECTIVE_WITHIN_S, Scene, headers_of

USD = 10**9
WORKERS = 4
CALLS_A_MODE = 8
IMAGES = "/v1/images/generations"
OUTSIDE_OF_ENFORCE = ("shadow", "off")
# Refused in enforce, and known to LiteLLM: what a system without us would answer.
REFUSED_IN_ENFORCE = {
    "unknown key": (chat_with('"frobnicate":1'), "application/json"),
    "empty key": (b'{"":1,' + chat_body()[1:], "application/json"),
    "key of LiteLLM": (chat_with('"no-cache":true'), "application/json"),
    "another type": (chat_body(), "text/plain"),
    "no type": (chat_body(), ""),
}


@pytest.fixture
def scene(
    stack: Stack,
    office: Office,
    keys: Mapping[str, str],
    person: Callable[..., Awaitable[Person]],
    database: "asyncpg.Connection[asyncpg.Record]",
    eventually: Callable[..., Awaitable[None]],
    prices: Mapping[str, Price],
) -> Scene:
    """The running system, in mode enforce."""
    return Scene(stack, office, keys, person, database, eventually, prices)


async def chats_until(stop: asyncio.Event, scene: Scene, who: Person, seen: list[int]) -> None:
    """One person chatting, one call after the other; `seen` gathers the statuses."""
    while not stop.is_set():
        seen.append((await scene.send(headers_of(who), chat_body())).status)


async def test_change_of_mode_under_load_drops_nobody(scene: Scene) -> None:
    """On both replicas within a second, every request answered, every answer debited to the nano."""
    who = await scene.person(50 * USD)
    seen: list[int] = []
    stop = asyncio.Event()
    workers = [asyncio.create_task(chats_until(stop, scene, who, seen)) for _ in range(WORKERS)]
    try:
        for mode in ("shadow", "off", "enforce", "shadow", "enforce", "off", "enforce"):
            assert await scene.switch(mode) < EFFECTIVE_WITHIN_S
            goal = len(seen) + CALLS_A_MODE

            async def served(goal: int = goal) -> bool:
                return len(seen) >= goal

            await scene.eventually(served, f"{CALLS_A_MODE} calls in mode {mode}")
    finally:
        stop.set()
        await asyncio.gather(*workers)
        await scene.switch("enforce")
    assert set(seen) == {200}
    assert len(scene.reached()) == len(seen)
    await scene.spent(who, 50 * USD)


@pytest.mark.parametrize("credit_nanos", [0, 50_000])
async def test_shadow_lets_a_broke_person_pass_and_says_so(scene: Scene, credit_nanos: int) -> None:
    """Answered without a clamp, debited into the red, with the decision on record."""
    who = await scene.person(credit_nanos)
    async with scene.in_mode("shadow"):
        answer = await scene.send(headers_of(who), chat_body())
        assert answer.status == 200, answer.body
        (call,) = scene.reached()
        assert call.output_limit is None
        await scene.would_refuse(answer, "insufficient_credit")
        await scene.spent(who, credit_nanos)
    refused = await scene.send(headers_of(who), chat_body())
    check_refusal(refused, 402, "insufficient_credit", "", style=PLAIN)


async def test_shadow_of_one_account_leaves_the_others_enforced(scene: Scene) -> None:
    """Cohorts are rolled out by account: an override of one is nobody else's."""
    lenient, strict = await scene.person(0), await scene.person(0)
    account = await scene.office.balance(lenient.client, lenient.name)
    await scene.database.execute(
        "UPDATE account SET mode_override = 'shadow' WHERE id = $1", account.id
    )
    answer = await scene.send(headers_of(lenient), chat_body())
    assert answer.status == 200, answer.body
    await scene.would_refuse(answer, "insufficient_credit")
    assert (await scene.send(headers_of(strict), chat_body())).status == 402
    await scene.spent(lenient, 0)


@pytest.mark.parametrize("mode", OUTSIDE_OF_ENFORCE)
@pytest.mark.parametrize(
    ("body", "content_type"), REFUSED_IN_ENFORCE.values(), ids=REFUSED_IN_ENFORCE
)
async def test_bad_input_outside_of_enforce_is_answered_and_paid(
    scene: Scene, mode: str, body: bytes, content_type: str
) -> None:
    """Nothing of ours refuses or alters a call that LiteLLM takes; who sent it pays for it."""
    who = await scene.person(1 * USD)
    async with scene.in_mode(mode):
        answer = await scene.send(headers_of(who, content_type), body)
        assert answer.status == 200, answer.body
        await scene.spent(who, 1 * USD)
    assert len(scene.reached()) == 1


@pytest.mark.parametrize("mode", OUTSIDE_OF_ENFORCE)
@pytest.mark.parametrize("model", [f"{MODEL}\0", "m" * 300, "nobody-offers-this", "", 5, None])
async def test_model_nobody_offers_outside_of_enforce_is_litellms_business(
    scene: Scene, mode: str, model: object
) -> None:
    """LiteLLM turns it away in its own words, and no report of it blocks those behind it."""
    who = await scene.person(1 * USD)
    async with scene.in_mode(mode):
        answer = await scene.send(headers_of(who), chat_body(model=model))
        assert answer.status >= 400
        assert b"ref. " not in answer.body, "one of our refusals"
        assert (await scene.send(headers_of(who), chat_body())).status == 200
        await scene.spent(who, 1 * USD)
    assert len(scene.reached()) == 1


@pytest.mark.parametrize("mode", OUTSIDE_OF_ENFORCE)
@pytest.mark.parametrize("identity", [None, "", "{{LIBRECHAT_USER_ID}}", "a" * 129, "a,b"])
async def test_unknown_identity_outside_of_enforce_is_booked_as_unattributed(
    scene: Scene, mode: str, identity: str | None
) -> None:
    """As before installation: nobody is turned away, and nothing that was consumed is lost."""
    nobody = Person(LIBRECHAT, scene.keys[LIBRECHAT], "")
    had_nanos = (await scene.office.balance(LIBRECHAT, "")).posted_nanos
    headers = headers_of(nobody)
    if identity is not None:
        headers = (*headers, ("x-user-id", identity))
    async with scene.in_mode(mode):
        assert (await scene.send(headers, chat_body())).status == 200
        await scene.spent(nobody, had_nanos)
    assert len(scene.reached()) == 1


async def test_off_holds_nothing_and_debits_all_the_same(scene: Scene) -> None:
    """A broke person is answered; authz places no hold and decides nothing; the debit comes."""
    who = await scene.person(0)
    async with scene.in_mode("off"):
        answer = await scene.send(headers_of(who), chat_body())
        assert answer.status == 200
        await scene.spent(who, 0)
    row = await scene.database.fetchrow(
        "SELECT h.placed_by, h.granted, c.outcome, c.overage FROM hold AS h"
        " JOIN hold_close AS c ON c.hold_id = h.id WHERE h.id = $1",
        answer.hold_id,
    )
    assert row is not None
    assert tuple(row) == ("report", 0, "captured", 0)
    decided = "SELECT FROM decision WHERE hold_id = $1"
    assert not await scene.database.fetch(decided, answer.hold_id)


@pytest.mark.parametrize("mode", OUTSIDE_OF_ENFORCE)
async def test_path_without_a_meter_passes_outside_of_enforce(scene: Scene, mode: str) -> None:
    """Image tools work as before installation, and are paid for; in enforce it is 404 again."""
    who = await scene.person(1 * USD)
    body = json.dumps({"model": MODEL, "prompt": TEXT}).encode()
    async with scene.in_mode(mode):
        answer = await scene.send(headers_of(who), body, IMAGES)
        assert answer.status == 200, answer.body
        assert [call.endpoint for call in scene.reached()] == ["images"]
        await scene.spent(who, 1 * USD)
    refused = await scene.send(headers_of(who), body, IMAGES)
    check_refusal(refused, 404, "unknown_path", "", style=PLAIN)


@pytest.mark.parametrize("mode", ["shadow", "off", "closed"])
async def test_unknown_key_is_refused_in_every_mode(scene: Scene, mode: str) -> None:
    """The check of the key is the one thing that never rests."""
    stranger = Person(PLAIN, "pk-nobody-has-this-key", "maria")
    async with scene.in_mode(mode):
        answer = await scene.send(headers_of(stranger), chat_body())
        check_refusal(answer, 401, "unknown_key", "", style=PLAIN)
    assert not scene.reached()


@pytest.mark.parametrize("client", [LIBRECHAT, PLAIN])
async def test_closed_refuses_everything_metered(scene: Scene, client: str) -> None:
    """503 in the form that the client shows; the list of models stays; open again at once."""
    who = await scene.person(1 * USD, client)
    async with scene.in_mode("closed"):
        for path in (CHAT, "/v1/responses", "/v1/embeddings", IMAGES):
            answer = await scene.send(headers_of(who), chat_body(), path)
            check_refusal(answer, 503, "enforcement_unavailable", "", style=client)
        models = await scene.send(headers_of(who), path="/v1/models", method="GET")
        assert models.status == 200
    assert not scene.reached()
    assert (await scene.send(headers_of(who), chat_body())).status == 200
    await scene.spent(who, 1 * USD)


async def test_prompts_of_all_modes_are_kept_nowhere(scene: Scene) -> None:
    """Shadow counts what it would refuse without quoting it; off keeps figures only."""
    assert not leaks(scene.stack.state_folder, postgres=True)
    kept = "SELECT FROM call_record AS r WHERE strpos(r::text, $1) > 0"
    assert not await scene.database.fetch(kept, SECRET)
