"""The free model that says the balance: answered at the door, no hold, no debit, right to the nano."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from authz.balance import figures_of, whole
from authz.response import Allow, Answered, Listed, build
from authz.standing import Cap, Coming, Pool, Standing, Standings
from authz.store import StoreAwayError
from credit.policy import Policy
from credit.refusal import Reason
from credit.wording import Wording
from tests.unit.door import KEY, MARIA, Door, Memory, a_client, a_request, reason_of

SALDO = Policy.from_json({"balance_model": "saldo"})
RICH = Standing(
    1_234_567_890,
    30_000_000,
    5,
    77_000_001,
    more=False,
    suspended_since=None,
    pools=(Pool("vendas", 9_000_000_000, active=True), Pool("old", 5, active=False)),
    caps=(Cap("day", 500_000_000, 400_000_000, ""), Cap("week", 10**9, 10**8, "vendas")),
    coming=(Coming(date(2026, 12, 1), 5_000_000_000),),
)


def a_door(**changes: Any) -> Door:
    """A client whose policy names `saldo`; Maria has something of everything."""
    door = Door(Memory(policies={None: SALDO}, **changes))
    door.standing = RICH
    return door


async def answered(door: Door, **changes: Any) -> Answered:
    """The answer to a question for the balance; nothing was held and nothing noted."""
    body = changes.pop("body", {"model": "saldo"})
    answer = await door.check.decide(a_request(body=body, **changes))
    assert isinstance(answer, Answered), answer
    assert (door.ledger.asked, door.notes) == ([], [])
    return answer


def events_of(text: str) -> list[Any]:
    """The data of each event."""
    blocks = text.removesuffix("\n\n").split("\n\n")
    data = [block.splitlines()[-1].removeprefix("data: ") for block in blocks]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


async def test_balance_in_one_piece_is_a_chat_completion() -> None:
    """Status 200 by the way of a denial: nothing goes upstream. The figures are those of the ledger."""
    answer = await answered(a_door(clients={key_digest(KEY): a_client(style="plain")}))
    response = build(answer)
    assert response.status.code != 0
    assert response.denied_response.status.code == 200
    headers = {h.header.key: h.header.value for h in response.denied_response.headers}
    assert headers == {"content-type": "application/json", "cache-control": "no-store"}
    seen = dict(response.dynamic_metadata.items())
    assert (seen["decision"], seen["account"]) == ("answer", str(MARIA))
    body = json.loads(response.denied_response.body)
    (choice,) = body["choices"]
    assert (body["object"], body["model"], choice["finish_reason"]) == (
        "chat.completion",
        "saldo",
        "stop",
    )
    assert set(body["usage"].values()) == {0}
    assert body["pedagio"] == figures_of(RICH)
    assert body["pedagio"]["available_nanos"] == 1_204_567_895
    assert choice["message"]["content"] == whole(RICH, "pt-BR", _wording("usd"))


async def test_balance_as_a_stream_ends_as_openais_do() -> None:
    """Role, text, finish, [DONE]; each a chunk of the same completion."""
    answer = await answered(a_door(), body={"model": "saldo", "stream": True})
    assert answer.content_type == "text/event-stream"
    *chunks, done = events_of(answer.body)
    assert done == "[DONE]"
    assert len({chunk["id"] for chunk in chunks}) == 1
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == whole(RICH, "pt-BR", _wording("usd"))
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    assert chunks[-1]["pedagio"] == figures_of(RICH)


@pytest.mark.parametrize("streamed", [False, True])
async def test_balance_of_the_responses_api_has_its_form(streamed: bool) -> None:  # noqa: FBT001
    """The same text; events are numbered and end with the whole response."""
    answer = await answered(
        a_door(clients={key_digest(KEY): a_client(style="plain", language="en")}),
        path="/v1/responses",
        body={"model": "saldo", "stream": streamed},
    )
    if streamed:
        events = events_of(answer.body)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert events[-1]["type"] == "response.completed"
        body = events[-1]["response"]
    else:
        body = json.loads(answer.body)
    assert body["status"] == "completed"
    (item,) = body["output"]
    assert item["content"][0]["text"] == whole(RICH, "en", _wording("usd"))
    assert body["pedagio"] == figures_of(RICH)


async def test_balance_asked_for_a_title_is_one_plain_line() -> None:
    """LibreChat asks for titles without `stream`: Markdown would stand in its list of conversations."""
    body = json.loads((await answered(a_door())).body)
    assert body["choices"][0]["message"]["content"] == "Saldo: US$ 1,20"


@pytest.mark.parametrize(
    ("changes", "reason", "param"),
    [
        ({"user_header": None}, Reason.IDENTITY_MISSING, None),
        ({"user_header": "jose"}, Reason.IDENTITY_MISSING, None),
        ({"path": "/v1/embeddings"}, Reason.BAD_REQUEST, "model"),
        ({"has_query": True}, Reason.BAD_REQUEST, "query"),
        ({"hold_id": ""}, Reason.BAD_REQUEST, "x-request-id"),
        ({"body": {"model": "Saldo"}}, Reason.MODEL_UNPRICED, "Saldo"),
    ],
)
async def test_balance_is_told_to_nobody_else(
    changes: dict[str, Any], reason: Reason, param: str | None
) -> None:
    """Who is not known, or asks in a form that is not met, is refused as ever."""
    door = a_door()
    request = a_request(**{"body": {"model": "saldo"}} | changes)
    assert reason_of(await door.check.decide(request)) == (reason, param)
    assert door.looked == []


async def test_balance_is_off_unless_a_policy_names_a_model() -> None:
    """Without one the name is as any other."""
    door = Door(Memory())
    answer = await door.check.decide(a_request(body={"model": "saldo"}))
    assert reason_of(answer) == (Reason.MODEL_UNPRICED, "saldo")


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
async def test_balance_is_answered_where_calls_are_watched(mode: str) -> None:
    """Nobody is harmed by it: LiteLLM knows no such model."""
    assert (await answered(a_door(mode=mode))).seen["mode"] == mode


async def test_balance_in_mode_off_is_litellms_business() -> None:
    """Off is as before the installation."""
    answer = await a_door(mode="off").check.decide(a_request(body={"model": "saldo"}))
    assert isinstance(answer, Allow)


@pytest.mark.parametrize("error", [StoreAwayError(), TimeoutError(), LookupError(1)])
async def test_balance_that_cannot_be_read_is_said_at_once(error: Exception) -> None:
    """With status 200: LibreChat would try a 503 for two minutes. No figure is guessed."""
    door = a_door()
    door.standing = error
    body = json.loads((await answered(door)).body)
    assert "não pode ser consultado" in body["choices"][0]["message"]["content"]
    assert body["pedagio"] == {}


async def test_balance_is_in_the_list_where_the_list_is_shown() -> None:
    """Where LiteLLM's own list is shown, the client's configuration has to name it."""
    shown = Policy.from_json({"balance_model": "saldo", "list_models": True, "models": ["gpt-4o"]})
    door = Door(Memory(policies={None: shown}))
    answer = await door.check.decide(a_request(path="/v1/models", body={}))
    assert isinstance(answer, Listed)
    assert [model["id"] for model in answer.models] == ["gpt-4o", "saldo"]


def test_text_says_what_is_left_spent_and_coming_in_both_languages() -> None:
    """Own credit first, then teams, limits, today, what comes, whom to ask."""
    assert whole(RICH, "pt-BR", _wording("credits")) == (
        "**Você tem 120,4 créditos.**\n\n"
        "- Reservado por respostas em andamento: 3 créditos\n"
        "- Equipe vendas: 900 créditos\n"
        "- Equipe old: suspensa\n"
        "- Limite do dia: restam 40 créditos de 50 créditos\n"
        "- Limite da semana na equipe vendas: restam 10 créditos de 100 créditos\n"
        "- Gasto hoje: 7,7 créditos\n"
        "- Próximo crédito: 500 créditos em 01/12/2026\n"
        "- Dúvidas: ti@example.com\n\n"
        "[Detalhes e mais crédito](https://credit.example.com)"
    )
    english = whole(RICH, "en", _wording("usd")).splitlines()
    assert english[0] == "**You have US$1.20.**"
    assert "- Next credit: US$5.00 on 2026-12-01" in english


def test_text_is_honest_about_debts_small_sums_and_bounds() -> None:
    """Never "0 spent" where something was; never less than what is owed."""
    poor = Standing(-20_000_000, 0, 0, 1, more=False, suspended_since=date(2026, 11, 2))
    text = whole(poor, "en", Wording("en", "credits"))
    assert text.splitlines()[0] == (
        "**Your account is suspended since 2026-11-02.** "
        "**You have no credit: you owe 2 credits, which the next credit pays first.**"
    )
    assert "- Spent today: less than 0.1 credits" in text
    assert "Questions" not in text
    assert "](" not in text
    busy = replace(poor, spent_nanos=10**9, more=True)
    assert "Spent today: more than 100 credits" in whole(busy, "en", Wording("en", "credits"))


async def test_ten_questions_a_second_are_one_for_the_ledger() -> None:
    """Cached for a second by person, together with those who ask at the same moment."""
    now = [100.0]
    asked: list[int] = []
    failing = [False]

    async def ask(account_id: int) -> list[Mapping[str, Any]]:
        asked.append(account_id)
        await asyncio.sleep(0)
        if failing[0]:
            raise ConnectionError
        return [_row(account_id)]

    standings = Standings(ask, lambda: now[0])
    first = await asyncio.gather(*(standings.of(1) for _ in range(10)))
    now[0] += 0.99
    assert {each.posted_nanos for each in first} == {(await standings.of(1)).posted_nanos} == {1}
    assert (await standings.of(2)).posted_nanos == 2
    assert asked == [1, 2]
    now[0] += 0.02
    failing[0] = True
    with pytest.raises(ConnectionError):
        await standings.of(1)
    failing[0] = False
    await standings.of(1)  # a failure is not kept
    assert asked == [1, 2, 1, 1]


async def test_who_leaves_does_not_take_the_answer_away_from_others() -> None:
    """Envoy's second try is another Check: the first one is cancelled."""
    go = asyncio.Event()

    async def ask(account_id: int) -> list[Mapping[str, Any]]:
        await go.wait()
        return [_row(account_id)]

    standings = Standings(ask)
    leaving, staying = (asyncio.create_task(standings.of(7)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    go.set()
    assert (await staying).posted_nanos == 7


def _row(account_id: int) -> dict[str, Any]:
    figures = ("o_posted", "o_held", "o_overdraft", "o_spent")
    empty: dict[str, Any] = {"o_pools": [], "o_caps": [], "o_coming": []}
    state = {"o_more": False, "o_status": "active", "o_status_day": None}
    return dict.fromkeys(figures, account_id) | empty | state


def key_digest(key: str) -> bytes:
    """As the ledger keeps it."""
    return sha256(key.encode()).digest()


def _wording(unit: str) -> Wording:
    return Wording("pt-BR", unit, "ti@example.com", "https://credit.example.com")
