"""LiteLLM's models brought into the ledger, then listed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from accounting.admin.errors import ConflictError, UpstreamError
from accounting.models_sync import SyncResult, sync_models
from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import Service
from tests.integration.model_listing import KEY, Listing, deployment, listing, priced

CHEAP, DEAR = priced(1.5e-07, 6e-07), priced(2.5e-06, 1e-05)
BOOK = {"gpt-4o-mini": CHEAP, "gpt-4o": DEAR}


@pytest.fixture
async def litellm() -> AsyncIterator[Listing]:
    """LiteLLM with two priced names."""
    async with listing() as said:
        said.deployments = [
            deployment("gpt-4o-mini", "openai/gpt-4o-mini", "m1", **CHEAP),
            deployment("gpt-4o", "openai/gpt-4o", "m2", **DEAR),
        ]
        yield said


@pytest.fixture
def price_file(tmp_path: Path) -> Path:
    """A price file with two models."""
    path = tmp_path / "prices.json"
    write(path, BOOK)
    return path


def write(path: Path, prices: dict[str, Any]) -> None:
    """Put another price file in its place."""
    path.write_text(json.dumps(prices))


async def model(admin: Service, name: str) -> pb.Model:
    """One name as administrators see it."""
    answer: pb.ListModelsResponse = await admin.ask("ListModels", pb.ListModelsRequest(name=name))
    (found,) = answer.models
    return found


async def test_sync_of_new_models_is_one_version_with_an_audit_line(
    admin: Service, litellm: Listing, price_file: Path
) -> None:
    """Prices, map, audit in one transaction; the replicas hear of it through the news."""
    result = await sync_models(
        admin.pool, litellm.url, KEY, price_file, actor="ana", reason="new deployment"
    )
    assert result == SyncResult(result.version, changed=True, names=2, unpriced=())
    assert await admin.audit() == [
        ("ana", "sync_models", str(result.version), {"reason": "new deployment", "price_book": 1})
    ]
    prices = await admin.pool.fetch("SELECT model FROM price ORDER BY model")
    assert [row["model"] for row in prices] == ["gpt-4o", "gpt-4o-mini"]
    assert await admin.pool.fetchval("SELECT version FROM news WHERE topic = 'models'") == 2
    found = await model(admin, "gpt-4o")
    assert (found.priced, found.input_picos, found.output_picos) == (True, 2_500_000, 10_000_000)
    assert (found.context_tokens, found.max_output_tokens) == (128_000, 16_384)


async def test_sync_of_the_same_models_changes_nothing(
    pool: asyncpg.Pool, litellm: Listing, price_file: Path
) -> None:
    """Daily synchronisation leaves no trace when there is nothing new."""
    first = await sync_models(pool, litellm.url, KEY, price_file)
    again = await sync_models(pool, litellm.url, KEY, price_file)
    assert (again.version, again.changed) == (first.version, False)
    counts = "SELECT count(*) FROM "
    for table in ("model_map", "price_book", "audit"):
        assert await pool.fetchval(counts + table) == 1


async def test_syncs_at_once_make_one_version(
    pool: asyncpg.Pool, litellm: Listing, price_file: Path
) -> None:
    """Two accounting replicas start together."""
    results = await asyncio.gather(
        *(sync_models(pool, litellm.url, KEY, price_file) for _ in range(4))
    )
    assert sorted(result.changed for result in results) == [False, False, False, True]
    assert len({result.version for result in results}) == 1


async def test_sync_with_another_price_file_is_a_new_version(
    pool: asyncpg.Pool, litellm: Listing, price_file: Path
) -> None:
    """A price book is never changed in place: the old one stays for the old debits."""
    first = await sync_models(pool, litellm.url, KEY, price_file)
    write(price_file, BOOK | {"gpt-4o": priced(3e-06, 1e-05)})
    second = await sync_models(pool, litellm.url, KEY, price_file)
    assert (second.changed, second.version > first.version) == (True, True)
    assert await pool.fetchval("SELECT count(*) FROM price WHERE model = 'gpt-4o'") == 2


async def test_sync_takes_aliases_fallbacks_of_any_kind_with_the_dearest_price(
    admin: Service, litellm: Listing, price_file: Path
) -> None:
    """Whatever makes LiteLLM answer with another deployment counts for the bound."""
    litellm.deployments.append(deployment("fast", "openai/gpt-4o-mini", "m3", **CHEAP))
    litellm.router = {
        "fallbacks": [{"fast": ["gpt-4o-mini"]}],
        "context_window_fallbacks": [{"fast": [{"model": "gpt-4o"}]}],
        "content_policy_fallbacks": None,
        "model_group_alias": {"quick": "fast", "hidden": {"model": "fast", "hidden": True}},
    }
    await sync_models(admin.pool, litellm.url, KEY, price_file)
    for name in ("fast", "quick", "hidden"):
        found = await model(admin, name)
        assert list(found.fallbacks) == ["gpt-4o-mini", "gpt-4o"]
        assert (found.input_picos, found.deployments[0].input_picos) == (2_500_000, 150_000)


async def test_sync_finds_default_fallbacks_that_the_settings_leave_out(
    admin: Service, litellm: Listing, price_file: Path
) -> None:
    """LiteLLM shows them only when asked about a name that has no chain of its own."""
    litellm.router = {"fallbacks": [{"gpt-4o": ["gpt-4o-mini"]}]}
    litellm.general_fallbacks = ["gpt-4o"]
    await sync_models(admin.pool, litellm.url, KEY, price_file)
    assert list((await model(admin, "gpt-4o-mini")).fallbacks) == ["gpt-4o"]


async def test_sync_names_models_without_a_price(
    admin: Service, litellm: Listing, price_file: Path
) -> None:
    """They are refused, never free; a fallback to one of them counts too."""
    litellm.deployments.append(deployment("odd", "openai/odd", "m4"))
    litellm.router = {"fallbacks": [{"gpt-4o": ["odd"]}]}
    result = await sync_models(admin.pool, litellm.url, KEY, price_file)
    assert result.unpriced == ("gpt-4o", "odd")
    found = await model(admin, "odd")
    assert (found.priced, found.deployments[0].priced) == (False, False)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ((500, "oops"), "answered 500 to /model/info: see PEDAGIO_LITELLM_KEY; the old map stays"),
        ((200, "<html>"), "in a way that cannot be read (JSONDecodeError)"),
        ((200, "[]"), "in a way that cannot be read (TypeError)"),
        ((200, "{}"), "in a way that cannot be read (KeyError)"),
        ((200, '{"data": 5, "current_values": {}}'), "in a way that cannot be read"),
        ((200, '{"data": [{}], "current_values": {}}'), "in a way that cannot be read"),
        ((200, '{"data": [], "current_values": {}}'), "names no model: the old map stays"),
    ],
)
async def test_sync_with_a_litellm_that_answers_nonsense_keeps_the_old_map(
    admin: Service, litellm: Listing, price_file: Path, raw: tuple[int, str], sentence: str
) -> None:
    """Whatever LiteLLM says, it ends in a sentence, and the models in force stay."""
    await sync_models(admin.pool, litellm.url, KEY, price_file)
    litellm.raw = raw
    with pytest.raises(UpstreamError) as caught:
        await sync_models(admin.pool, litellm.url, KEY, price_file)
    assert sentence in str(caught.value)
    assert (await model(admin, "gpt-4o")).priced


async def test_sync_without_litellm_says_where_it_was_sought(
    pool: asyncpg.Pool, price_file: Path
) -> None:
    """The address and the variable that holds it."""
    with pytest.raises(UpstreamError, match=r"http://127.0.0.1:1 .*PEDAGIO_LITELLM_URL"):
        await sync_models(pool, "http://127.0.0.1:1", KEY, price_file)


@pytest.mark.parametrize("text", [None, "no json", "[]"])
async def test_sync_without_a_price_file_says_so(
    pool: asyncpg.Pool, litellm: Listing, tmp_path: Path, text: str | None
) -> None:
    """Missing or broken: a sentence, and nothing is asked of LiteLLM."""
    path = tmp_path / "prices.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConflictError, match="LiteLLM's price file cannot be read"):
        await sync_models(pool, litellm.url, KEY, path)


async def test_sync_through_the_service_names_who_asked(admin: Service) -> None:
    """The audit line of a synchronisation asked for is the administrator's, not the process's."""
    request = pb.SyncModelsRequest(reason="new deployment")
    answer: Any = await admin.ask("SyncModels", request, actor="ana")
    assert (answer.version, answer.changed, answer.names) == (7, True, 3)
    assert list(answer.unpriced) == ["gpt-9"]
    assert admin.published == ["sync by ana: new deployment", "models"]


async def test_models_before_the_first_sync_are_none(admin: Service) -> None:
    """An empty list in version 0."""
    answer = await admin.ask("ListModels", pb.ListModelsRequest())
    assert answer == pb.ListModelsResponse()
