"""The statement of an account, page by page."""

import pytest

from accounting.admin import page_token
from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import USD, Service

MARIA = pb.AccountName(client="chat", external_id="maria")


async def page(admin: Service, size: int, token: str = "") -> tuple[list[int], str]:
    """Amounts of one page, in whole USD, with the next token."""
    request = pb.ListStatementRequest(name=MARIA, page_size=size, page_token=token)
    answer = await admin.ask("ListStatement", request)
    return [entry.amount_nanos // USD for entry in answer.entries], answer.next_page_token


async def prepare(admin: Service, grants: int) -> pb.Account:
    """Maria, with grants of 1, 2, 3 ... USD; João with one of 100."""
    await admin.create_client()
    account = await admin.open_account()
    await admin.open_account("joao")
    for number in range(1, grants + 1):
        await admin.grant(number * USD)
    await admin.grant(100 * USD, person="joao")
    return account


async def test_statement_in_pages_shows_each_entry_once_newest_first(admin: Service) -> None:
    """Pages neither repeat nor hide an entry, also when one arrives in between."""
    await prepare(admin, grants=5)
    first, token = await page(admin, 2)
    await admin.grant(6 * USD)
    second, token = await page(admin, 2, token)
    third, end = await page(admin, 2, token)
    assert (first, second, third) == ([5, 4], [3, 2], [1])
    assert end == ""


async def test_statement_that_fills_its_page_exactly_has_no_next_one(admin: Service) -> None:
    """No caller is sent to an empty page."""
    await prepare(admin, grants=3)
    assert await page(admin, 3) == ([3, 2, 1], "")


async def test_statement_without_transfers_is_empty(admin: Service) -> None:
    """A new account has an empty first page."""
    await admin.create_client()
    await admin.open_account()
    assert await page(admin, 0) == ([], "")


async def test_statement_shows_debits_negative_with_their_call(admin: Service) -> None:
    """Entries name the hold and the model that was asked for; the sum is what is posted."""
    account = await prepare(admin, grants=1)
    hold_id = await admin.place(account.id, USD // 2)
    await admin.pool.execute(
        "INSERT INTO transfer (debit_account, credit_account, amount, kind, hold_id, actor, "
        "event_at) SELECT $1, id, 700, 'estimate', $2, 'accounting', now() FROM account "
        "WHERE kind = 'provider'",
        account.id, hold_id,
    )  # fmt: skip
    answer = await admin.ask("ListStatement", pb.ListStatementRequest(name=MARIA))
    debit, grant = answer.entries
    assert (debit.amount_nanos, debit.kind, debit.hold_id, debit.model) == (
        -700, "estimate", hold_id, "gpt-4o",
    )  # fmt: skip
    assert (grant.amount_nanos, grant.kind, grant.model) == (USD, "grant", "")
    assert debit.recorded_at_ms > 0


async def test_statement_token_of_another_account_is_refused(admin: Service) -> None:
    """A token belongs to one listing."""
    await prepare(admin, grants=2)
    _, token = await page(admin, 1)
    name = pb.AccountName(client="chat", external_id="joao")
    request = pb.ListStatementRequest(name=name, page_token=token)
    status, sentence = await admin.refused("ListStatement", request)
    assert status == "INVALID_ARGUMENT"
    assert sentence.startswith("page_token is not a token of this listing")


@pytest.mark.parametrize("place", [(), ("x",), (-1,), (2**63,), (True,), (1.5,), (1, 2), (None,)])
async def test_statement_token_that_was_made_up_is_refused(
    admin: Service, place: tuple[int | str, ...]
) -> None:
    """Whatever is inside a token, it is an invalid argument, never a failure."""
    account = await prepare(admin, grants=1)
    token = page_token.encode(f"statement:{account.id}", *place)
    request = pb.ListStatementRequest(name=MARIA, page_token=token)
    assert (await admin.refused("ListStatement", request))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("token", ["x", "é", "!!!!", "e30", "W10", "bnVsbA", "A" * 201, "\x00"])
async def test_statement_token_that_is_none_is_refused(admin: Service, token: str) -> None:
    """Not base64, not JSON, not a list, too long: an invalid argument."""
    await prepare(admin, grants=1)
    request = pb.ListStatementRequest(name=MARIA, page_token=token)
    assert (await admin.refused("ListStatement", request))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("size", [-1, 501])
async def test_statement_page_of_an_absurd_size_is_refused(admin: Service, size: int) -> None:
    """Pages are bounded."""
    await prepare(admin, grants=1)
    request = pb.ListStatementRequest(name=MARIA, page_size=size)
    assert await admin.refused("ListStatement", request) == (
        "INVALID_ARGUMENT", f"page_size must be between 1 and 500; it is {size}",
    )  # fmt: skip
