"""Credit inside the chat, through the real Envoy, read by the official client."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import grpc
import openai
import pytest

from local.doors import wait_for_doors
from local.office import Office
from local.provider.truth import TruthCall
from local.stack import Stack
from local.story.chat import Person
from local.story.ledger import Ledger
from protos.pedagio.v1 import admin_pb2, plans_pb2, policies_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.policies_pb2_grpc import PolicyServiceStub
from tests.e2e.conftest import PROBE_MODEL, of_people

USD = 10**9
MODEL = "saldo"
QUESTION: Any = [{"role": "user", "content": "quanto tenho?"}]
FIGURES = """
    SELECT a.posted + a.overdraft - a.held AS available,
           (SELECT coalesce(sum(u.cost), 0)::bigint FROM usage_event AS u WHERE u.account_id = a.id) AS spent,
           (SELECT count(*) FROM hold AS h WHERE h.account_id = a.id) AS holds,
           (SELECT count(*) FROM decision AS d WHERE d.account_id = a.id) AS decisions
    FROM account AS a WHERE a.client_id = $1 AND a.external_id = $2"""

OpenaiFor = Callable[[Person], openai.AsyncOpenAI]
Database = asyncpg.Connection


async def person_of_a_client(
    stack: Stack, office: Office, policy_json: str, credit_nanos: int, **style: str
) -> Person:
    """Somebody of a new client with that policy."""
    client = f"chat-{uuid.uuid4().hex[:8]}"
    settings = {"style": "plain", "language": "pt-BR"} | style
    key = await office.create_client(of_people(client, **settings))
    subject = policies_pb2.PolicySubject(kind="client", id=client)
    request = policies_pb2.SetPolicyRequest(subject=subject, body_json=policy_json, reason="test")
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        metadata = (("authorization", f"Bearer {stack.admin_token}"),)
        await PolicyServiceStub(channel).SetPolicy(request, metadata=metadata, timeout=10)
    await wait_for_doors(stack.authz_addresses, key, PROBE_MODEL)
    await asyncio.sleep(1)  # the promise: by then every replica has the policy
    await office.open_account(client, "ana")
    if credit_nanos:
        await office.grant(client, "ana", credit_nanos)
    return Person(client, key, "ana")


@pytest.fixture
async def ana(stack: Stack, keys: Mapping[str, str], office: Office) -> Person:
    """Somebody with 5 USD who may ask for the balance."""
    assert keys
    policy = f'{{"balance_model": "{MODEL}", "list_models": true}}'
    return await person_of_a_client(stack, office, policy, 5 * USD)


async def test_balance_is_read_by_the_official_client_to_the_nano(
    stack: Stack,
    ana: Person,
    openai_for: OpenaiFor,
    ledger: Ledger,
    database: "Database[asyncpg.Record]",
    truth: Callable[[], list[TruthCall]],
) -> None:
    """Whole and as a stream, by both of OpenAI's interfaces; nothing is held, debited or sent on."""
    client = openai_for(ana)
    await client.chat.completions.create(model="gpt-4o", messages=QUESTION, max_tokens=50)
    await ledger.all_closed()
    before = await database.fetchrow(FIGURES, ana.client, ana.name)
    assert before is not None
    assert before["spent"] > 0
    calls = len(truth())
    await asyncio.sleep(1.1)  # an answer is a second old at most

    chat = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    said: dict[str, Any] = chat.model_extra["pedagio"] if chat.model_extra else {}
    assert said["available_nanos"] == before["available"] == 5 * USD - before["spent"]
    assert said["spent_today_nanos"] == before["spent"]
    text = chat.choices[0].message.content or ""
    assert text.startswith("**Você tem 49")
    assert "Gasto hoje" in text
    assert chat.usage is not None
    assert chat.usage.total_tokens == 0

    streamed = ""
    stream = await client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
    async for chunk in stream:
        streamed += chunk.choices[0].delta.content or ""
    assert streamed == text

    response = await client.responses.create(model=MODEL, input="quanto tenho?")
    assert response.output_text == text
    events = await client.responses.create(model=MODEL, input="quanto tenho?", stream=True)
    kinds, last = [], None
    async for event in events:
        kinds.append(event.type)
        last = event
    assert kinds[0] == "response.created"
    assert last is not None
    assert last.type == "response.completed"
    assert last.response.output_text == text

    assert [model.id async for model in await client.models.list()][-1] == MODEL
    assert await database.fetchrow(FIGURES, ana.client, ana.name) == before
    assert len(truth()) == calls

    await asyncio.sleep(1)  # Envoy sends its log each half second
    hold = chat.id.removeprefix("chatcmpl-")
    for table, column in (("call_record", "hold_id::text"), ("exception", "subject")):
        rows = f"SELECT count(*) FROM {table} WHERE {column} = $1"
        assert await database.fetchval(rows, hold) == 0


async def test_balance_is_refused_in_forms_that_cannot_carry_it(
    ana: Person, openai_for: OpenaiFor
) -> None:
    """Embeddings of a balance there are none; who is nobody reads why."""
    client = openai_for(ana)
    with pytest.raises(openai.BadRequestError) as bad:
        await client.embeddings.create(model=MODEL, input="x")
    assert bad.value.code == "bad_request"
    stranger = client.with_options(default_headers={"x-user-id": "{{LIBRECHAT_USER_ID}}"})
    with pytest.raises(openai.PermissionDeniedError) as nobody:
        await stranger.chat.completions.create(model=MODEL, messages=QUESTION)
    assert nobody.value.code == "identity_missing"


async def on_a_plan(stack: Stack, who: Person, allowance_nanos: int) -> None:
    """A whole period's allowance, from now on."""
    metadata = (("authorization", f"Bearer {stack.admin_token}"),)
    name = f"plan-{uuid.uuid4().hex[:8]}"
    plan = plans_pb2.Plan(
        id=name, period="month", allowance_nanos=allowance_nanos, whole_first_period=True
    )
    holder = plans_pb2.Holder(
        account=admin_pb2.AccountName(client=who.client, external_id=who.name)
    )
    assign = plans_pb2.AssignPlanRequest(holder=holder, plan=name, now=True, reason="test")
    async with grpc.aio.insecure_channel(stack.admin_address) as channel:
        stub = PlanServiceStub(channel)
        request = plans_pb2.PutPlanRequest(plan=plan, reason="test")
        await stub.PutPlan(request, metadata=metadata, timeout=10)
        await stub.AssignPlan(assign, metadata=metadata, timeout=10)


async def answer(client: openai.AsyncOpenAI, tokens: int, most: int, *, streamed: bool) -> str:
    """What is read of an answer with so many tokens, or as many as credit pays for."""
    messages: Any = [{"role": "user", "content": f"oi [[tokens={tokens} rate=9000]]"}]
    if not streamed:
        whole = await client.chat.completions.create(
            model="gpt-4o", messages=messages, max_tokens=most
        )
        return whole.choices[0].message.content or ""
    text = ""
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=messages, max_tokens=most, stream=True
    )
    async for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    return text


@pytest.mark.parametrize("streamed", [True, False])
async def test_line_about_credit_is_read_by_the_official_client(
    stack: Stack,
    keys: Mapping[str, str],
    office: Office,
    openai_for: OpenaiFor,
    ledger: Ledger,
    consumed: Callable[[], int],
    *,
    streamed: bool,
) -> None:
    """Four fifths spent: the next answer, which credit cuts, says both; the one after that neither."""
    assert keys
    who = await person_of_a_client(stack, office, '{"balance_line": true}', 0)
    await on_a_plan(stack, who, USD // 10)
    client = openai_for(who)
    before = consumed()

    async def ask(tokens: int, most: int = 16_000) -> str:
        return await answer(client, tokens, most, streamed=streamed)

    for _ in range(4):
        assert "crédito" not in await ask(2200, 2200)  # 22,000 micro-USD each
        await ledger.all_closed()
    told = await ask(3000)
    assert "*Esta resposta foi encurtada para caber no seu crédito (havia" in told
    last = told.splitlines()[-1]
    left = USD // 10 - (consumed() - before)
    assert last.startswith("*Restam 1,")
    assert "% da sua cota. A próxima, 10 créditos, chega em" in last
    await ledger.all_closed()
    assert "*" not in await ask(20)
    await ledger.all_closed()
    account = await office.balance(who.client, who.name)
    assert account.posted_nanos == USD // 10 - (consumed() - before) < left


async def test_line_for_librechat_stands_under_the_answer_not_in_the_title(
    stack: Stack, keys: Mapping[str, str], office: Office, openai_for: OpenaiFor, ledger: Ledger
) -> None:
    """The title is asked for at the same time, without `stream`: it neither shows nor uses up the day's line."""
    assert keys
    policy = f'{{"balance_line": true, "balance_model": "{MODEL}"}}'
    who = await person_of_a_client(stack, office, policy, 0, style="librechat", language="en")
    await on_a_plan(stack, who, USD // 10)
    client = openai_for(who)
    for _ in range(4):
        await answer(client, 2200, 2200, streamed=True)
        await ledger.all_closed()
    title, text = await asyncio.gather(
        answer(client, 10, 20, streamed=False), answer(client, 30, 60, streamed=True)
    )
    assert "*" not in title
    assert "% of your allowance. The next one, 10 credits, comes on" in text.splitlines()[-1]
    assert "*" not in await answer(client, 30, 60, streamed=True)
    titled = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert (titled.choices[0].message.content or "").startswith("Balance: 1")
