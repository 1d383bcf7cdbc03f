"""One running system for every end-to-end test, people with credit in it, and both sides' records.

The system starts once a session (10 s). Tests share it, so each uses people of its own (`person`)
and looks only at their calls. A test that hurts a process restarts it before it ends.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import asyncpg
import openai
import pytest

from credit.pricebook import load_price_book
from credit.prices import Price
from local.doors import wait_for_doors
from local.office import Office
from local.provider.truth import TruthCall, read_truth
from local.stack import Options, Stack
from local.story.books import truth_nanos
from local.story.chat import Person
from local.story.ledger import Ledger
from protos.pedagio.v1 import admin_pb2
from tests.e2e.attempts import CREDIT_NANOS, LIBRECHAT, Intruder, check_unharmed
from tests.e2e.flat_models import with_flat_models
from tests.e2e.redis_faults import SEED_VARIABLE, VARIABLE, Hurter, condition, seed
from tests.e2e.traffic import Reckoning

SEED = seed()
FIRED: Counter[str] = Counter()
REPLICAS = 3
BOUND_S = 15.0
POLL_S = 0.05
PROBE_MODEL = "gpt-4o-mini"
# Shortened, so that what never reports is settled while a test waits for it.
HOLD_DEADLINE_S = 30
COST_WAIT_S = 2.0

PAID = """
    SELECT coalesce(sum(CASE WHEN t.debit_account = a.id THEN t.amount ELSE -t.amount END), 0)::bigint
    FROM account AS a JOIN transfer AS t ON a.id IN (t.debit_account, t.credit_account)
    WHERE a.client_id = $1 AND a.external_id = $2 AND t.kind <> 'grant'"""

NewPerson = Callable[..., Awaitable[Person]]
OpenaiFor = Callable[[Person], openai.AsyncOpenAI]
Eventually = Callable[..., Awaitable[None]]
Truth = Callable[[], list[TruthCall]]
IntruderAt = Callable[[str], Awaitable[Intruder]]

numbers = itertools.count(1)


def pytest_report_header() -> str:
    """Say which Redis this run has, and how to repeat its faults."""
    chosen = condition()
    repeat = f", faults of {SEED_VARIABLE}={SEED}" if chosen == "hurt" else ""
    return f"redis: {chosen} ({VARIABLE}{repeat})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often Redis was hurt."""
    if FIRED:
        told = ", ".join(f"{name} {times}" for name, times in sorted(FIRED.items()))
        terminalreporter.write_line(f"redis was hurt: {told}")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system, in mode enforce, with the models of LiteLLM's configuration."""
    options = Options(
        state=tmp_path_factory.mktemp("state"),
        redis=condition() != "absent",
        authz_replicas=REPLICAS,
        hold_deadline_s=HOLD_DEADLINE_S,
        cost_wait_s=COST_WAIT_S,
        litellm_config=with_flat_models(tmp_path_factory.mktemp("models")),
        provider_arguments=("--tokens-per-second", "2000", "--latency-ms", "10"),
    )
    system = Stack(options)
    asyncio.run(system.start())
    yield system
    asyncio.run(system.stop())


@pytest.fixture(scope="session")
def redis_hurter(running: Stack) -> Iterator[Hurter | None]:
    """What hurts the system's Redis from here on; None unless this run is `hurt`."""
    if condition() != "hurt":
        yield None
        return
    if running.redis_url is None:
        pytest.fail(f"no redis-server here: install one, or set {VARIABLE}=absent", pytrace=False)
    with Hurter(running.children["redis"], running.redis_url, SEED) as hurter:
        yield hurter
    FIRED.update(hurter.fired)


@pytest.fixture(scope="session")
def stack(running: Stack, redis_hurter: Hurter | None) -> Stack:
    """The whole system, with its Redis in the condition that this run has chosen."""
    return running


@pytest.fixture(scope="session")
def keys(stack: Stack) -> Mapping[str, str]:
    """Keys of three clients: `librechat`, `plain` (a script, in English), `service` (no people)."""
    return asyncio.run(open_for_business(stack))


def of_people(name: str, *, style: str, language: str) -> admin_pb2.Client:
    """A client that names its people in `x-user-id`, and may bring new ones."""
    return admin_pb2.Client(
        id=name,
        kind="trusted",
        litellm_key="inject",
        unknown_users="create",
        style=style,
        language=language,
    )


async def open_for_business(stack: Stack) -> Mapping[str, str]:
    """Turn the control on, and make the clients; every replica knows all of it afterwards."""
    wanted = (
        of_people("librechat", style="librechat", language="pt-BR"),
        of_people("plain", style="plain", language="en"),
        admin_pb2.Client(
            id="service", kind="service", litellm_key="inject", style="plain", language="en"
        ),
    )
    async with Office(stack.admin_address, stack.admin_token) as office:
        await office.sync_models()
        await office.set_mode("enforce")
        keys = {client.id: await office.create_client(client) for client in wanted}
    for client in ("librechat", "plain"):
        await wait_for_doors(stack.authz_addresses, keys[client], PROBE_MODEL)
    return keys


@pytest.fixture
async def office(stack: Stack) -> AsyncIterator[Office]:
    """The administrator."""
    async with Office(stack.admin_address, stack.admin_token) as connected:
        yield connected


@pytest.fixture
def person(keys: Mapping[str, str], office: Office) -> NewPerson:
    """Opens an account for somebody new, with that much credit, at one of the clients."""

    async def new(credit_nanos: int, client: str = "plain") -> Person:
        name = f"person-{next(numbers)}"
        await office.open_account(client, name)
        if credit_nanos:
            await office.grant(client, name, credit_nanos)
        return Person(client, keys[client], name)

    return new


@pytest.fixture
async def openai_for(stack: Stack) -> AsyncIterator[OpenaiFor]:
    """`openai_for(person)`: the official client, through Envoy, without retries of its own."""
    opened: list[openai.AsyncOpenAI] = []

    def make(who: Person) -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(
            base_url=f"{stack.envoy_url}/v1",
            api_key=who.key,
            default_headers={"x-user-id": who.name},
            max_retries=0,
            timeout=60.0,
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        await client.close()


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the ledger's database, as the owner of the schema."""
    connection = await asyncpg.connect(stack.database_url)
    yield connection
    await connection.close()


@pytest.fixture
def ledger(database: "asyncpg.Connection[asyncpg.Record]") -> Ledger:
    """What the ledger says about calls; its waits are bounded."""
    return Ledger(database)


@pytest.fixture
def truth(stack: Stack) -> Truth:
    """`truth()`: every call that reached the provider so far, oldest first."""
    return lambda: read_truth(stack.truth_path)


@pytest.fixture(scope="session")
def prices(stack: Stack) -> Mapping[str, Price]:
    """The price book that the system uses, by model."""
    return load_price_book(stack.price_file).prices


@pytest.fixture
def consumed(truth: Truth, prices: Mapping[str, Price]) -> Callable[[], int]:
    """The function `consumed` says what the provider's calls since the test began cost by the book, nano-USD."""
    before = len(truth())
    return lambda: sum(truth_nanos(call, prices) for call in truth()[before:])


@pytest.fixture
def paid(database: "asyncpg.Connection[asyncpg.Record]") -> Callable[[Person], Awaitable[int]]:
    """The function `paid` says what was debited to a person, less what was reversed, nano-USD."""

    async def ask(who: Person) -> int:
        return int(await database.fetchval(PAID, who.client, who.name))

    return ask


@pytest.fixture
def eventually() -> Eventually:
    """Waits for an async condition, within a bound, else fails naming what was awaited."""

    async def wait(
        condition: Callable[[], Awaitable[bool]], what: str, within_s: float = BOUND_S
    ) -> None:
        deadline = time.monotonic() + within_s
        while not await condition():
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
            await asyncio.sleep(POLL_S)

    return wait


@pytest.fixture
def reckoning(
    stack: Stack, office: Office, prices: Mapping[str, Price], eventually: Eventually
) -> Reckoning:
    """Compares what a person was answered with the ledger, once everything is well again."""
    return Reckoning(stack, office, prices, eventually)


@pytest.fixture
async def intruder_at(
    stack: Stack,
    office: Office,
    person: NewPerson,
    keys: Mapping[str, str],
    database: "asyncpg.Connection[asyncpg.Record]",
    prices: Mapping[str, Price],
    eventually: Eventually,
) -> AsyncIterator[IntruderAt]:
    """Awaiting `intruder_at` gives somebody with credit who sends bad input; damage is found at the end."""
    came: list[Intruder] = []

    async def come(client: str) -> Intruder:
        if client == "service":
            who = Person(client, keys[client], "")
            await office.grant(client, "", CREDIT_NANOS)
        else:
            who = await person(CREDIT_NANOS, client)

        async def quiet() -> bool:
            return (await office.balance(client, who.name)).held_nanos == 0

        await eventually(quiet, "what came before is settled")
        account = await office.balance(client, who.name)
        came_at = await database.fetchval("SELECT now()")
        one = Intruder(
            stack, office, database, prices, eventually, who, account.posted_nanos, came_at
        )
        came.append(one)
        return one

    yield come
    if came:
        await check_unharmed(came)


@pytest.fixture
async def intruder(intruder_at: IntruderAt) -> Intruder:
    """Somebody with credit who sends bad input through LibreChat."""
    return await intruder_at(LIBRECHAT)
