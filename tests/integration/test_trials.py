"""A dry run: what a write would change is told, and nothing is written, whatever the write."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest

from accounting.admin import trial
from protos.pedagio.v1 import admin_pb2, admins_pb2, person_pb2, plans_pb2, sign_in_pb2
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub
from protos.pedagio.v1.trials_pb2_grpc import TrialServiceStub
from tests.integration.admin_service import USD, Service, serve
from tests.integration.admins import add
from tests.integration.trials import asked, attempt, digests, told
from tests.integration.writes import HOLDER, NAME, WRITES, prepare
from tests.rpcs import RPCS, Rpc

# LiteLLM is stood for here, so nothing is written in earnest either.
STOOD_FOR = "AdminService/SyncModels"
MARIAS = "INSERT INTO account_label (account_id, display_name, email) VALUES ($1, 'Maria', 'maria@example.com')"


@pytest.mark.parametrize("rpc", [each for each in RPCS if each.mutates], ids=lambda rpc: rpc.name)
async def test_dry_run_of_each_write_of_the_protos_tells_and_writes_nothing(
    admin: Service, rpc: Rpc
) -> None:
    """No row of any table is another one and nobody is told; the write itself then changes some."""
    await prepare(admin)
    given = WRITES[rpc.name]
    request = rpc.request(**(given if isinstance(given, dict) else await given(admin)))
    request.reason = "because"
    before, published = await digests(admin.pool), list(admin.published)
    answer = await attempt(admin, rpc.name, request)
    assert await digests(admin.pool) == before
    if rpc.name == STOOD_FOR:
        return
    assert [each for each in admin.published[len(published) :] if "sync" not in each] == []
    assert answer.differences
    assert not answer.proposed
    await admin.ask(rpc.method, request, stub=rpc.stub)
    assert await digests(admin.pool) != before


async def test_dry_run_tells_the_figures_before_and_after(admin: Service) -> None:
    """In the words of the read that shows the write; the second grant adds to the first."""
    await prepare(admin)
    await admin.grant(USD)
    gift = plans_pb2.GiveCreditRequest(
        holder=HOLDER, amount_nanos=2 * USD, reason="because", request_id="r"
    )
    found = told(await attempt(admin, "PlanService/GiveCredit", gift))
    assert found["posted_nanos"] == (str(USD), str(3 * USD))
    (amount,) = [value for path, value in found.items() if path.endswith("].amount_nanos")]
    assert amount == ("", str(2 * USD))


async def test_dry_run_of_what_changes_nothing_tells_nothing(admin: Service) -> None:
    """A grant whose request id was used, with the same figures."""
    await prepare(admin)
    gift = plans_pb2.GiveCreditRequest(
        holder=HOLDER, amount_nanos=USD, reason="because", request_id="r"
    )
    await admin.ask("GiveCredit", gift, stub=PlanServiceStub)
    answer = await attempt(admin, "PlanService/GiveCredit", gift)
    assert not answer.differences
    assert plans_pb2.Credit.FromString(answer.answer).replayed


async def test_dry_run_shows_no_key_or_token(admin: Service) -> None:
    """They would open nothing, and look as if they did."""
    await prepare(admin)
    client = admin_pb2.CreateClientRequest(client=admin_pb2.Client(id="other"), reason="because")
    made = await attempt(admin, "AdminService/CreateClient", client)
    assert told(made)["clients[other].id"] == ("", "other")
    assert admin_pb2.CreateClientResponse.FromString(made.answer).key == ""
    new = admins_pb2.NewTokenRequest(email="bia@example.com", label="laptop", reason="because")
    token = await attempt(admin, "AdminsService/NewToken", new)
    assert admins_pb2.NewTokenResponse.FromString(token.answer).token == ""


async def test_dry_run_beyond_the_amount_says_that_it_would_wait(pool: Any) -> None:
    """No proposal is stored; of what was confirmed, the credit that it gives is told, too."""
    async with serve(pool, four_eyes_above=USD) as admin:
        await prepare(admin)
        token = await add(admin, "ana@example.com", "treasurer")
        gift = plans_pb2.GiveCreditRequest(
            holder=HOLDER, amount_nanos=2 * USD, reason="because", request_id="r"
        )
        before = await digests(pool)
        answer = await attempt(admin, "PlanService/GiveCredit", gift, token=token)
        assert answer.proposed
        assert await digests(pool) == before
        status, _ = await admin.refused("GiveCredit", gift, stub=PlanServiceStub, token=token)
        assert status == "FAILED_PRECONDITION"
        number = await pool.fetchval("SELECT max(id) FROM proposal")
        confirm = admins_pb2.DecideProposalRequest(id=number, reason="agreed")
        before = await digests(pool)
        found = told(await attempt(admin, "AdminsService/ConfirmProposal", confirm))
        assert found[f"proposals[{number}].status"] == ("waiting", "executed")
        assert found["posted_nanos"] == ("0", str(2 * USD))
        assert await digests(pool) == before


@pytest.mark.parametrize(
    ("method", "request_", "status", "sentence"),
    [
        ("AdminService/Grant", admin_pb2.GrantRequest(name=NAME, reason="x", request_id="r"),
         "INVALID_ARGUMENT", "amount_nanos must be between 1 and 1000000000000000"),
        ("AdminService/SetMode", admin_pb2.SetModeRequest(mode="off"),
         "INVALID_ARGUMENT", "reason must not be empty"),
        ("AdminsService/DenyProposal", admins_pb2.DecideProposalRequest(id=7, reason="x"),
         "NOT_FOUND", "there is no proposal 7"),
        ("AdminService/RunAudit", admin_pb2.RunAuditRequest(), "INVALID_ARGUMENT", "method cannot be tried"),
        ("TrialService/Try", asked("AdminService/SetMode", admin_pb2.SetModeRequest(mode="off")),
         "INVALID_ARGUMENT", "method cannot be tried"),
        ("AdminService/Nothing", admin_pb2.GetModeRequest(), "INVALID_ARGUMENT", "method cannot be tried"),
    ],
)  # fmt: skip
async def test_dry_run_is_refused_as_the_write_would_be(
    admin: Service, method: str, request_: Any, status: str, sentence: str
) -> None:
    """With its status, its sentence."""
    await prepare(admin)
    found = await admin.refused("Try", asked(method, request_), stub=TrialServiceStub)
    assert (found[0], found[1][: len(sentence)]) == (status, sentence)


async def test_dry_run_with_bytes_that_are_no_request_is_refused(admin: Service) -> None:
    """As a field that cannot be used."""
    wrong = asked("AdminService/SetMode", admin_pb2.GetModeRequest())
    wrong.request = b"\xff\xff"
    found = await admin.refused("Try", wrong, stub=TrialServiceStub)
    assert found == ("INVALID_ARGUMENT", "request is no request of AdminService/SetMode")


async def test_dry_run_takes_the_role_that_the_write_takes(admin: Service) -> None:
    """And shows nothing that the caller could not read: a team lead sees the caps of the own pool."""
    await prepare(admin)
    viewer = await add(admin, "viewer@example.com", "viewer")
    lead = await add(admin, "lead@example.com", "team_lead")
    mode = asked("AdminService/SetMode", admin_pb2.SetModeRequest(mode="off", reason="x"))
    status, _ = await admin.refused("Try", mode, stub=TrialServiceStub, token=viewer)
    assert status == "PERMISSION_DENIED"
    member = plans_pb2.SetMemberRequest(pool="TI", account=NAME, reason="test")
    await admin.ask("SetMember", member, stub=PlanServiceStub)
    cap = plans_pb2.Cap(account=NAME, pool="TI", period="month", limit_nanos=USD)
    request = plans_pb2.SetCapRequest(cap=cap, reason="because")
    found = told(await attempt(admin, "PlanService/SetCap", request, token=lead))
    assert found["caps[chat / maria TI month].limit_nanos"] == ("", str(USD))
    other = plans_pb2.SetCapRequest(cap=plans_pb2.Cap(account=NAME, pool="RH", period="month",
                                                      limit_nanos=USD), reason="x")  # fmt: skip
    refused = await admin.refused(
        "Try", asked("PlanService/SetCap", other), stub=TrialServiceStub, token=lead
    )
    assert refused[0] == "NOT_FOUND"


async def test_dry_run_gives_way_to_a_write_that_is_being_made(admin: Service) -> None:
    """It waits for no lock longer than a moment, and says so; the write goes on."""
    await prepare(admin)
    account = await admin.ask("GetBalance", NAME)
    async with admin.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM account WHERE id = $1 FOR UPDATE", account.id)
        gift = admin_pb2.GrantRequest(name=NAME, amount_nanos=1, reason="x", request_id="r")
        found = await admin.refused("Try", asked("AdminService/Grant", gift), stub=TrialServiceStub)
    assert found[0] == "FAILED_PRECONDITION"
    assert "somebody is writing" in found[1]


async def test_many_dry_runs_at_once_keep_apart_from_writes(admin: Service) -> None:
    """Each sees what was written, none what another one tries; grants beside them all count."""
    await prepare(admin)

    async def tried(number: int) -> str:
        gift = admin_pb2.GrantRequest(
            name=NAME, amount_nanos=USD, reason="x", request_id=f"t{number}"
        )
        try:
            found = told(await attempt(admin, "AdminService/Grant", gift))
        except grpc.aio.AioRpcError as error:
            assert "somebody is writing" in (error.details() or "")  # noqa: PT017 (either is right)
            return "busy"
        before, after = found["posted_nanos"]
        return str(int(after) - int(before or "0"))

    steps = [tried(number) for number in range(8)]
    results = await asyncio.gather(*steps, *(admin.grant(USD) for _ in range(8)))
    assert set(results[:8]) <= {"busy", str(USD)}
    assert (await admin.ask("GetBalance", NAME)).posted_nanos == 8 * USD


async def test_trial_that_is_over_lends_nothing(pool: Any) -> None:
    """What a call leaves running must not write into another one's transaction."""
    served = trial.over(pool)
    async with trial.trial(served) as made:
        assert await served.fetchval("SELECT 1") == 1
    with pytest.raises(RuntimeError, match="a trial is over"):
        await made.begin()
    assert await served.fetchval("SELECT 2") == 2


async def test_statement_that_fails_in_a_trial_spoils_nothing_else(pool: Any) -> None:
    """As outside, where it is a transaction of its own."""
    served = trial.over(pool)
    async with trial.trial(served):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await served.fetchval("SELECT 1 / 0")
        assert await served.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("PersonService/MailAddress", person_pb2.MailAddressRequest(email="maria@example.com")),
        ("SignInService/SignInVouched", sign_in_pb2.SignInVouchedRequest(email="vera@example.com")),
    ],
    ids=["page", "sign-in"],
)
async def test_what_pages_ask_is_no_dry_run(admin: Service, method: str, request_: Any) -> None:
    """It would write in earnest, or tell of a session that nobody has."""
    await prepare(admin)
    account = await admin.ask("GetBalance", NAME)
    await admin.pool.execute(MARIAS, account.id)
    await add(admin, "vera@example.com", "viewer")
    before = await digests(admin.pool)
    status, _ = await admin.refused("Try", asked(method, request_), stub=TrialServiceStub)
    assert status == "INVALID_ARGUMENT"
    assert await digests(admin.pool) == before


async def test_trial_tells_nobody_elses_write_as_its_own(pool: Any) -> None:
    """What is committed between its two looks, once its locks are let go, would be a difference."""
    served = trial.over(pool)
    count = "SELECT count(*) FROM audit"
    async with trial.trial(served) as made:
        after = await served.fetchval(count)
        await pool.execute(
            "INSERT INTO audit (actor, action, subject, detail) VALUES ('a', 'b', 'c', '{}')"
        )
        await made.take_back()
        assert await served.fetchval(count) == after
    assert await served.fetchval(count) == after + 1
