"""Prices set here for one name: held and debited whatever LiteLLM says, from their moment on, and never before."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from accounting.admin import statements
from accounting.pricing import CurrentModels
from protos.pedagio.v1 import admin_pb2
from protos.pedagio.v1 import prices_pb2 as pb
from protos.pedagio.v1.prices_pb2_grpc import PriceServiceStub
from tests.integration.admin_service import Service
from tests.integration.model_listing import Listing, deployment
from tests.integration.test_admin_cli import in_json, pedagio
from tests.integration.test_prices import CLOCK, OLD, bring, input_picos, litellm, office, written
from tests.integration.trials import attempt, digests

__all__ = ["litellm", "office"]  # fixtures
OWN = pb.OwnPrice(input_picos=3_000_000, output_picos=12_000_000)
OVERRIDES = "SELECT count(*) FROM price_override"


@pytest.fixture
def models(pool: asyncpg.Pool) -> CurrentModels:
    """The map as accounting has it."""
    return CurrentModels(pool)


def asked(
    model: str = "gpt-4o", price: pb.OwnPrice | None = OWN, **fields: Any
) -> pb.OverrideRequest:
    """A change of a price."""
    given = {"reason": "new contract", "request_id": str(uuid.uuid4()), **fields}
    return pb.OverrideRequest(model=model, price=price, **given)


async def override(office: Service, request: pb.OverrideRequest) -> pb.OverrideResponse:
    """As Ana."""
    answer: pb.OverrideResponse = await office.ask(
        "Override", request, actor="ana", stub=PriceServiceStub
    )
    return answer


async def test_override_is_in_force_at_once_with_one_audit_line(
    office: Service, models: CurrentModels
) -> None:
    """The bound is of it, the debit too, and replicas are told."""
    answer = await override(office, asked())
    assert (answer.changed, answer.not_yet, answer.map_version > 0) == (True, "", True)
    assert not answer.HasField("before")
    assert await input_picos(office) == 3_000_000
    assert office.published == ["models"]
    await models.reload({"models"})
    assert models.models is not None
    price = models.models.find_price("gpt-4o", "m1")
    assert price is not None
    assert (price.house, price.context_tokens) == (True, 128_000)
    actor, action, subject, detail = (await office.audit())[1]
    assert (actor, action, subject) == ("ana", "override_price", "gpt-4o")
    assert (detail["reason"], detail["price"]["input"], detail["forced"]) == (
        "new contract",
        3_000_000,
        False,
    )


async def test_override_goes_before_an_imported_book_and_ends(office: Service) -> None:
    """Whichever came first; once ended, the book holds again."""
    await override(office, asked())
    await bring(office, written(OLD | {"input_cost_per_token": 2.6e-06}))
    assert await input_picos(office) == 3_000_000
    answer = await override(office, asked(price=None))
    assert (answer.changed, answer.before) == (True, OWN)
    assert await input_picos(office) == 2_600_000
    listed = await office.ask("ListOverrides", pb.ListOverridesRequest(), stub=PriceServiceStub)
    assert [(each.state, each.HasField("price")) for each in listed.overrides] == [
        ("past", False),
        ("past", True),
    ]


async def test_override_for_later_is_in_force_when_its_moment_comes(office: Service) -> None:
    """Until then LiteLLM's price holds, and a synchronisation changes nothing."""
    at = datetime.now(UTC) + timedelta(days=3)
    answer = await override(office, asked(effective_at_ms=int(at.timestamp() * 1000)))
    assert (answer.map_version, answer.not_yet) == (0, "its moment has not come")
    await office.ask("SyncModels", admin_pb2.SyncModelsRequest(reason="daily"))
    assert (await input_picos(office), await waiting(office)) == (2_500_000, False)
    await office.pool.execute(CLOCK.format(at + timedelta(seconds=1)))
    assert await waiting(office)
    await office.ask("SyncModels", admin_pb2.SyncModelsRequest(reason="daily"))
    assert (await input_picos(office), await waiting(office)) == (3_000_000, False)


async def test_override_while_litellm_is_away_waits_for_it(
    office: Service, litellm: Listing
) -> None:
    """It stands, the answer says why it is not used yet, and accounting's look finds it."""
    litellm.raw = (500, "oops")
    answer = await override(office, asked())
    assert (answer.changed, answer.map_version) == (True, 0)
    assert "answered 500 to /model/info" in answer.not_yet
    assert await waiting(office)


async def test_default_price_makes_unpriced_names_usable(
    office: Service, litellm: Listing, models: CurrentModels
) -> None:
    """Refused before, never free after; names with a price keep theirs."""
    bare = {
        "model_name": "mystery",
        "litellm_params": {"model": "vllm/x"},
        "model_info": {"id": "m9"},
    }
    litellm.deployments = [deployment("gpt-4o", "openai/gpt-4o", "m1", **OLD), bare]
    answer = await office.ask("SyncModels", admin_pb2.SyncModelsRequest(reason="daily"))
    assert list(answer.unpriced) == ["mystery"]
    await override(office, asked("*"))
    await models.reload({"models"})
    assert models.models is not None
    price = models.models.find_price("mystery", "m9")
    assert price is not None
    assert (price.picos["output_cost_per_token"], price.house) == (12_000_000, True)
    assert await input_picos(office) == 2_500_000


async def test_override_repeated_by_request_id_is_one_change(office: Service) -> None:
    """A retry after a lost answer; the same id with other content is a conflict."""
    first = await override(office, asked(request_id="r1"))
    again = await override(office, asked(request_id="r1"))
    assert (again.version, again.changed) == (first.version, False)
    for other in (asked(price=None, request_id="r1"), asked("*", request_id="r1")):
        status, sentence = await office.refused("Override", other, stub=PriceServiceStub)
        assert (status, sentence) == (
            "FAILED_PRECONDITION", "request_id r1 was used for another change")  # fmt: skip
    assert await office.pool.fetchval(OVERRIDES) == 1


async def test_override_to_what_holds_already_writes_nothing(office: Service) -> None:
    """Ending what is not there, and the same price again."""
    assert not (await override(office, asked(price=None))).changed
    await override(office, asked())
    assert not (await override(office, asked())).changed
    assert await office.pool.fetchval(OVERRIDES) == 1


async def test_dry_run_checks_and_writes_nothing(office: Service) -> None:
    """Neither the change nor an audit line."""
    answer = await override(office, asked(dry_run=True))
    assert (answer.changed, answer.version) == (True, 0)
    assert await office.pool.fetchval(OVERRIDES) == 0
    assert len(await office.audit()) == 1


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (asked(""), "INVALID_ARGUMENT", "model must not be empty"),
        (asked(" gpt-4o"), "INVALID_ARGUMENT", "model must not begin or end with a space"),
        (asked("gpt-4p"), "FAILED_PRECONDITION", "LiteLLM has no model 'gpt-4p' (there are gpt-4o): --force"),
        (asked(price=pb.OwnPrice(input_picos=-1)), "INVALID_ARGUMENT", "price.input_picos must be from 0"),
        (asked(price=pb.OwnPrice(output_picos=10**11)), "INVALID_ARGUMENT", "price.output_picos must be"),
        (asked(price=pb.OwnPrice(cached_picos=-1)), "INVALID_ARGUMENT", "price.cached_picos must be"),
        (asked(price=pb.OwnPrice(context_tokens=-1)), "INVALID_ARGUMENT", "price.context_tokens must be"),
        (asked(price=pb.OwnPrice()), "FAILED_PRECONDITION", "input from 2500000 to 0"),
        (asked(price=pb.OwnPrice(input_picos=25_000_000, output_picos=10_000_000)), "FAILED_PRECONDITION",
         "input from 2500000 to 25000000 pico-USD per token is tenfold or more: --force"),
        (asked("*", price=pb.OwnPrice()), "FAILED_PRECONDITION", "* would be free: --force"),
        (asked(effective_at_ms=1), "INVALID_ARGUMENT", "effective_at lies in the past"),
        (asked(reason=" "), "INVALID_ARGUMENT", "reason must not be empty"),
        (asked(request_id=""), "INVALID_ARGUMENT", "request_id must not be empty"),
    ],
)  # fmt: skip
async def test_override_that_cannot_be_meant_writes_nothing(
    office: Service, request_: pb.OverrideRequest, status: str, sentence: str
) -> None:
    """Refused with the field named, or with what would make it meant."""
    refused = await office.refused("Override", request_, stub=PriceServiceStub)
    assert refused[0] == status
    assert sentence in refused[1]
    assert await office.pool.fetchval(OVERRIDES) == 0
    if status == "FAILED_PRECONDITION":
        request_.force = True
        assert (await override(office, request_)).changed


async def test_import_that_leaves_a_name_without_its_model_needs_force(office: Service) -> None:
    """The diff names it; models that nobody can ask for may go."""
    file = written(OLD, extra=OLD)
    await bring(office, file)
    gone = pb.ImportRequest(file=b'{"other": %s}' % written(OLD)[len(b'{"gpt-4o": '):-1],
                            reason="list", request_id="r9")  # fmt: skip
    diff = await office.ask("Diff", pb.DiffRequest(file=gone.file), stub=PriceServiceStub)
    assert list(diff.losing) == ["gpt-4o"]
    status, sentence = await office.refused("Import", gone, stub=PriceServiceStub)
    assert status == "FAILED_PRECONDITION"
    assert "1 names in use are of models that the file does not name (gpt-4o)" in sentence
    assert (await bring(office, written(OLD))).imported  # `extra` goes without more ado


async def test_dry_run_makes_the_map_too_and_keeps_none(office: Service) -> None:
    """With what LiteLLM lists now; nobody is told of it, no row is another one."""
    before = await digests(office.pool)
    tried = await attempt(office, "PriceService/Override", asked())
    answer = pb.OverrideResponse.FromString(tried.answer)
    assert (answer.changed, answer.map_version, answer.not_yet) == (True, 2, "")
    sync = admin_pb2.SyncModelsRequest(reason="look")
    await attempt(office, "AdminService/SyncModels", sync)
    assert await digests(office.pool) == before
    assert office.published == []


async def test_override_commands_show_a_table_and_json(office: Service) -> None:
    """Amounts carry their unit; what changes is shown before and after."""
    words = (
        "prices",
        "override",
        "gpt-4o",
        "--input",
        "US$3",
        "--output",
        "US$12",
        "--reason",
        "contract",
    )
    tried = await pedagio(office, *words, "--dry-run")
    for part in ("it would be", "price.input", "US$3.00", "US$12.00"):
        assert part in tried.stdout
    made = await in_json(office, *words, "--cached", "150cr")
    assert made["changed"] is True
    again = (await pedagio(office, *words, "--cached", "US$2")).stdout
    assert "-> US$3.00 in, cached US$2.00, US$12.00 out" in again
    shown = (await pedagio(office, "prices", "overrides")).stdout
    for part in ("in force", "gpt-4o", "US$3.00", "US$1.50", "contract"):
        assert part in shown
    bare = await pedagio(office, "prices", "override", "gpt-4o", "--input", "3", "--output", "US$12",
                         "--reason", "x", code=1)  # fmt: skip
    assert "write US$20, 'R$ 50' or 500cr" in bare.stderr
    both = await pedagio(office, *words, "--end", code=1)
    assert "give --input and --output, or --end" in both.stderr
    ended = await pedagio(office, "prices", "override", "gpt-4o", "--end", "--reason", "back")
    assert "-> LiteLLM's" in ended.stdout


async def waiting(office: Service) -> bool:
    """Whether accounting's look finds prices to make the map with."""
    row = await statements.row(office.pool, "is_book_waiting")
    assert row is not None
    return bool(row["waiting"])
