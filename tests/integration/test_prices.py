"""Price books brought by a person: what they change, when they are in force, what they never touch."""

import asyncio
import contextlib
import functools
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from accounting.admin import statements, trial
from accounting.models_sync import sync_models
from accounting.pricing import CurrentModels
from credit.news import News
from protos.pedagio.v1 import admin_pb2, prices_pb2
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub
from tests.integration.admin_service import Service, serve
from tests.integration.model_listing import KEY, Listing, deployment, listing, priced
from tests.integration.test_admin_cli import in_json, pedagio

OLD, NEW = priced(2.5e-06, 1e-05), priced(3e-06, 1.2e-05)
WITHIN_S = 1.0  # the promise
BOUND_S = 10.0
CLOCK = """
    CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$SELECT '{}'::timestamptz$$"""
BOOKS = "SELECT count(*) FROM price_book"


@pytest.fixture
async def litellm() -> AsyncIterator[Listing]:
    """LiteLLM with one priced name."""
    async with listing() as said:
        said.deployments = [deployment("gpt-4o", "openai/gpt-4o", "m1", **OLD)]
        yield said


@pytest.fixture
async def office(pool: asyncpg.Pool, litellm: Listing, tmp_path: Path) -> AsyncIterator[Service]:
    """The service with real synchronisation, its first map made."""
    carried = tmp_path / "carried.json"
    carried.write_bytes(written(OLD))
    sync = functools.partial(sync_models, trial.over(pool), litellm.url, KEY, carried)

    async def sync_for(actor: str = "accounting", reason: str = "kept fresh") -> Any:
        return await sync(actor=actor, reason=reason)

    await sync_for()
    async with serve(pool, sync=sync_for) as service:
        yield service


def written(entry: dict[str, Any], **others: Any) -> bytes:
    """A price file: gpt-4o at these prices, and others."""
    return json.dumps({"gpt-4o": entry, **others}).encode()


def asked(file: bytes, **fields: Any) -> prices_pb2.ImportRequest:
    """An import of this file."""
    given = {"reason": "new list", "request_id": str(uuid.uuid4()), **fields}
    return prices_pb2.ImportRequest(file=file, **given)


async def bring(office: Service, file: bytes, **fields: Any) -> prices_pb2.ImportResponse:
    """Import this file, as Ana."""
    answer: prices_pb2.ImportResponse = await office.ask(
        "Import", asked(file, **fields), actor="ana", stub=PriceServiceStub
    )
    return answer


async def input_picos(office: Service) -> int:
    """The input price of gpt-4o in force."""
    answer = await office.ask("ListModels", admin_pb2.ListModelsRequest(name="gpt-4o"))
    return int(answer.models[0].input_picos)


async def test_import_is_in_force_at_once_with_one_audit_line(office: Service) -> None:
    """Book, prices and audit, then the map with them, though LiteLLM still shows its own prices."""
    assert await input_picos(office) == 2_500_000
    answer = await bring(office, written(NEW))
    assert (answer.imported, answer.not_yet, answer.map_version > 0) == (True, "", True)
    assert [(c.field, c.old_picos, c.new_picos, c.percent) for c in answer.diff.changed] == [
        ("input_cost_per_token", 2_500_000, 3_000_000, 20),
        ("output_cost_per_token", 10_000_000, 12_000_000, 20),
    ]
    assert await input_picos(office) == 3_000_000
    assert office.published == ["models"]
    actor, action, subject, detail = (await office.audit())[1]
    assert (actor, action, subject) == ("ana", "import_prices", str(answer.version))
    assert (detail["reason"], detail["changed"], detail["forced"]) == ("new list", 2, False)
    assert (await office.audit())[2][:2] == ("ana", "sync_models")


async def test_import_survives_the_next_synchronisation(office: Service) -> None:
    """What LiteLLM carries does not take the place of what a person brought."""
    answer = await bring(office, written(NEW))
    again = await office.ask("SyncModels", admin_pb2.SyncModelsRequest(reason="daily"))
    assert (again.version, again.changed) == (answer.map_version, False)
    assert await input_picos(office) == 3_000_000


async def test_import_of_the_same_file_again_is_no_new_version(office: Service) -> None:
    """By another request id too, and by several at once."""
    first = await bring(office, written(NEW))
    answers = await asyncio.gather(*(bring(office, written(NEW)) for _ in range(4)))
    assert {(a.version, a.imported, a.diff.same) for a in answers} == {(first.version, False, True)}
    assert await office.pool.fetchval(BOOKS) == 2


async def test_import_of_earlier_prices_takes_the_change_back(office: Service) -> None:
    """Going back is an import like any other, with a version of its own."""
    later = await bring(office, written(NEW))
    back = await bring(office, written(OLD))
    assert (back.imported, back.version > later.version) == (True, True)
    assert await input_picos(office) == 2_500_000


async def test_import_repeated_by_request_id_is_one_import(office: Service) -> None:
    """A retry after a lost answer; the same id with other prices is a conflict."""
    first = await bring(office, written(NEW), request_id="r1")
    await bring(office, written(OLD))
    again = await bring(office, written(NEW), request_id="r1")
    assert (again.version, again.imported) == (first.version, False)
    status, sentence = await office.refused(
        "Import", asked(written(OLD), request_id="r1"), stub=PriceServiceStub
    )
    assert (status, sentence) == (
        "FAILED_PRECONDITION",
        "request_id r1 was used for other prices",
    )


async def test_import_of_tenfold_prices_needs_force(office: Service) -> None:
    """A slipped decimal point is named before it is in force."""
    file = written(priced(2.5e-05, 1e-05))
    status, sentence = await office.refused("Import", asked(file), stub=PriceServiceStub)
    assert status == "FAILED_PRECONDITION"
    assert "gpt-4o: input_cost_per_token from 2500000 to 25000000" in sentence
    assert "--force" in sentence
    assert await office.pool.fetchval(BOOKS) == 1
    assert (await bring(office, file, force=True)).imported
    assert (await office.audit())[1][3]["forced"] is True


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"file": written(OLD | {"output_cost_per_token": None})}, "file cannot be used: gpt-4o: output_cost"),
        ({"file": written(OLD | {"input_cost_per_token": -1})}, "gpt-4o: input_cost_per_token must be"),
        ({"file": b""}, "file cannot be used: not JSON"),
        ({"reason": " "}, "reason must not be empty"),
        ({"request_id": ""}, "request_id must not be empty"),
        ({"effective_at_ms": -1}, "effective_at_ms must be milliseconds since 1970"),
        ({"effective_at_ms": 1}, "effective_at lies in the past"),
        ({"effective_at_ms": 253_402_300_799_000}, "effective_at lies more than 731 days ahead"),
    ],
)  # fmt: skip
async def test_import_that_cannot_be_used_writes_nothing(
    office: Service, fields: dict[str, Any], sentence: str
) -> None:
    """Refused with the field named, nothing half-applied."""
    request = asked(**{"file": written(NEW), **fields})
    status, said = await office.refused("Import", request, stub=PriceServiceStub)
    assert status == "INVALID_ARGUMENT"
    assert sentence in said
    assert await office.pool.fetchval(BOOKS) == 1
    assert len(await office.audit()) == 1


async def test_import_without_a_token_is_refused(office: Service) -> None:
    """The same door as every administrator's call."""
    status, _ = await office.refused(
        "Import", asked(written(NEW)), token="x" * 40, stub=PriceServiceStub
    )
    assert status == "UNAUTHENTICATED"


async def test_import_for_later_is_in_force_when_its_moment_comes(office: Service) -> None:
    """Until then the old prices hold; then the next look makes the map with the new ones."""
    at = datetime.now(UTC) + timedelta(days=3)
    answer = await bring(office, written(NEW), effective_at_ms=int(at.timestamp() * 1000))
    assert (answer.map_version, answer.not_yet) == (0, "its moment has not come")
    await office.ask("SyncModels", admin_pb2.SyncModelsRequest(reason="daily"))
    assert await input_picos(office) == 2_500_000
    assert not await waiting(office)
    await office.pool.execute(CLOCK.format(at + timedelta(seconds=1)))
    assert await waiting(office)
    await office.ask("SyncModels", admin_pb2.SyncModelsRequest(reason="daily"))
    assert await input_picos(office) == 3_000_000
    assert not await waiting(office)


async def waiting(office: Service) -> bool:
    """Whether accounting's look finds a book to make the map with."""
    row = await statements.row(office.pool, "is_book_waiting")
    assert row is not None
    return bool(row["waiting"])


async def test_import_while_litellm_is_away_waits_for_it(office: Service, litellm: Listing) -> None:
    """The book stands, the answer says why it is not used yet, and accounting's look finds it."""
    litellm.raw = (500, "oops")
    answer = await bring(office, written(NEW))
    assert (answer.imported, answer.map_version) == (True, 0)
    assert "answered 500 to /model/info" in answer.not_yet
    assert await waiting(office)


async def test_import_reaches_every_replica_within_a_second(office: Service) -> None:
    """Through the news of the models, also without Redis."""
    replicas = [CurrentModels(office.pool) for _ in range(3)]
    heard: asyncio.Queue[int] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as stack:
        for replica in replicas:
            await stack.enter_async_context(watching(office.pool, replica, heard))
        async with asyncio.timeout(BOUND_S):
            first = [await heard.get() for _ in replicas]
        version = (await bring(office, written(NEW))).map_version
        assert version > max(first)
        async with asyncio.timeout(WITHIN_S):
            assert [await heard.get() for _ in replicas] == [version] * len(replicas)


@contextlib.asynccontextmanager
async def watching(
    pool: asyncpg.Pool, replica: CurrentModels, heard: asyncio.Queue[int]
) -> AsyncIterator[None]:
    """A process that keeps its models by the news, and says each version it takes."""

    async def on_change(topics: set[str]) -> None:
        await replica.reload(topics)
        if "models" in topics:
            heard.put_nowait(replica.version or 0)

    task = asyncio.create_task(News(pool, None).watch(on_change))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_prices_commands_show_a_table_and_json(office: Service, tmp_path: Path) -> None:
    """What a file changes, the import, and the books, for people and for programs."""
    file = tmp_path / "prices.json"
    file.write_bytes(written(priced(2.5e-05, 1e-05), extra=OLD))
    shown = (await pedagio(office, "prices", "diff", str(file))).stdout
    for part in ("US$2.50", "US$25.00", "+900 %", "needs --force", "added", "extra"):
        assert part in shown
    words = ("prices", "import", str(file), "--reason", "list of December")
    refused = await pedagio(office, *words, code=1)
    assert "use --force if that is meant" in refused.stderr
    made = await in_json(office, *words, "--force")
    assert (made["imported"], made["diff"]["added"]) == (True, ["extra"])
    assert made["diff"]["changed"][0]["new_picos"] == 25_000_000
    books = (await in_json(office, "prices", "list"))["books"]
    assert [(book["state"], book["imported"]) for book in books] == [
        ("in_force", True),
        ("past", False),
    ]
    assert "in force" in (await pedagio(office, "prices", "list")).stdout


async def test_prices_import_with_an_effective_date_reads_the_time_zone_given(
    office: Service, tmp_path: Path
) -> None:
    """A time without a zone is the person's own; nonsense is a sentence."""
    file = tmp_path / "prices.json"
    file.write_bytes(written(NEW))
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    words = ("prices", "import", str(file), "--reason", "soon", "--effective-at")
    made = await in_json(office, *words, at.isoformat())
    assert made["effective_at_ms"] == int(at.timestamp()) * 1000
    refused = await pedagio(office, *words, "tomorrow", code=1)
    assert "--effective-at 'tomorrow' is no time" in refused.stderr
    missing = await pedagio(office, "prices", "diff", str(tmp_path / "none"), code=1)
    assert "cannot be read (FileNotFoundError)" in missing.stderr


async def test_import_of_a_file_of_litellms_size_is_taken(office: Service) -> None:
    """Thousands of models, and room to grow."""
    others = {f"provider/model-{number}": OLD for number in range(4_000)}
    answer = await bring(office, written(OLD, **others))
    assert (answer.imported, answer.diff.models) == (True, 4_001)
