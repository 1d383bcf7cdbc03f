"""`pedagio explain` decides again, and finds a person's newest refusal."""

import pytest

from protos.pedagio.v1 import reports_pb2 as pb
from protos.pedagio.v1.reports_pb2_grpc import ReportServiceStub
from tests.integration.admin_service import USD, Service
from tests.integration.test_admin_cli import in_json, pedagio


async def refused(admin: Service) -> str:
    """Maria, with an e-mail and two dollars, asks for five; the hold id."""
    await admin.create_client("chat")
    await pedagio(
        admin, "account", "open", "chat", "maria", "--email", "Maria@example.com",
        "--reason", "pilot",
    )  # fmt: skip
    await admin.grant(2 * USD)
    account = await in_json(admin, "balance", "chat", "maria")
    return await admin.place(account["id"], 5 * USD)


async def test_explain_says_in_one_line_whether_the_refusal_recomputes(admin: Service) -> None:
    """And --json says it by a word of a closed list."""
    hold_id = await refused(admin)
    shown = (await pedagio(admin, "explain", hold_id[:6])).stdout
    assert "recomputed: the stored inputs give the stored verdict" in shown
    (again,) = (await in_json(admin, "explain", hold_id))["recomputations"]
    assert (again["hold_id"], again["verdict"]) == (hold_id, "agrees")


@pytest.mark.parametrize("who", ["maria@EXAMPLE.com", "maria"])
async def test_explain_of_a_person_shows_their_newest_refusal(admin: Service, who: str) -> None:
    """By e-mail in any case, or by what the client calls them."""
    hold_id = await refused(admin)
    found = await in_json(admin, "explain", "--person", who, "--last")
    assert [each["hold_id"] for each in found["explanations"]] == [hold_id]


async def test_explain_of_nobody_says_what_is_missing(admin: Service) -> None:
    """Neither a guess nor a stack trace."""
    nobody = await pedagio(admin, "explain", "--person", "joao", "--last", code=1)
    assert nobody.stderr == "pedagio: no refusal is recorded of a person known as joao\n"
    both = await pedagio(admin, "explain", "3f9a1c", "--person", "joao", "--last", code=1)
    assert "name a reference, or a person" in both.stderr


async def test_refusal_that_was_falsified_does_not_recompute(admin: Service) -> None:
    """The reason is changed behind the ledger's back: explain says so, in capitals."""
    hold_id = await refused(admin)
    async with admin.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE decision SET reason = 'cap_reached'")
    shown = (await pedagio(admin, "explain", hold_id)).stdout
    assert "DOES NOT RECOMPUTE: the reason is cap_reached" in shown


async def test_report_service_is_closed_to_strangers(admin: Service) -> None:
    """It shares the port and the tokens of the AdminService."""
    request = pb.RecomputeRequest(ref="abcdef")
    status, _ = await admin.refused("Recompute", request, token="x" * 40, stub=ReportServiceStub)
    assert status == "UNAUTHENTICATED"
