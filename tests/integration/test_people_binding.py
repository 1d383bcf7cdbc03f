"""Who a client's name means: bound by a verified e-mail at the first request, or waiting under "Who is this?"."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from credit import ledger
from tests.books import OPEN_CLIENT
from tests.integration.doors import Replica, claims_of, new_id, open_for_business, refusal_of, until

USD = 10**9
PLAN = """
    INSERT INTO plan (id, period, time_zone, allowance, rollover, prorate)
    VALUES ($1, 'month', 'America/Sao_Paulo', $2, 'none', false)"""
RULES = """
    UPDATE client SET verified_emails = $1, unknown_users = $2, guest_plan = $3, new_accounts_a_day = $4"""
PERSON = "INSERT INTO person (email, name, plan_id, state) VALUES ($1, $1, 'team', $2) RETURNING id"
POSTED = "SELECT posted FROM account WHERE id = $1"
MARIA = "maria@example.org"


async def meet(pool: asyncpg.Pool, name: str, email: str | None = None) -> int | None:
    """What authz asks about a name that it does not know."""
    found = await ledger.find_account(pool, "librechat", name)
    return found or await ledger.meet_person(pool, "librechat", name, email)


async def rules(
    pool: asyncpg.Pool, *, verified: bool = True, unknown: str = "refuse",
    guest: str | None = None, ceiling: int = 100,
) -> None:  # fmt: skip
    """What the client is declared to do."""
    await pool.execute(RULES, verified, unknown, guest, ceiling)


@pytest.fixture
async def house(pool: asyncpg.Pool) -> asyncpg.Pool:
    """A client with verified e-mails, two plans, Maria on one of them without an account."""
    await open_for_business(pool)
    await pool.execute(OPEN_CLIENT, "librechat")
    await pool.execute(PLAN, "team", 20 * USD)
    await pool.execute(PLAN, "guest", USD)
    await rules(pool)
    await pool.execute(PERSON, MARIA, "active")
    return pool


async def test_first_request_with_the_email_binds_once_with_plan_and_one_audit_line(
    house: asyncpg.Pool,
) -> None:
    """Three requests at once, as LibreChat sends them, open one account with one allowance."""
    found = await asyncio.gather(*(meet(house, "6650", MARIA) for _ in range(8)))
    (account,) = set(found)
    assert await house.fetchval(POSTED, account) == 20 * USD
    notes = await house.fetch(
        "SELECT actor, subject, detail FROM audit WHERE action = 'bind_person'"
    )
    assert [(n["actor"], n["detail"]["account"]) for n in notes] == [("authz", account)]
    assert MARIA not in str(notes)
    assert await house.fetchval("SELECT count(*) FROM stranger") == 0


async def test_person_who_registers_again_meets_the_old_balance(house: asyncpg.Pool) -> None:
    """Another name at the client, the same e-mail: the same account."""
    first = await meet(house, "6650", MARIA)
    assert await meet(house, "7777", MARIA.upper()) == first
    assert await house.fetchval("SELECT count(*) FROM account WHERE kind = 'user'") == 1
    assert await house.fetchval(POSTED, first) == 20 * USD


async def test_email_of_a_client_that_verifies_none_binds_nobody(house: asyncpg.Pool) -> None:
    """Whoever may type an address at registration must not get another's credit."""
    await rules(house, verified=False, unknown="create")
    account = await meet(house, "6650", MARIA)
    assert await house.fetchval(POSTED, account) == 0
    assert await house.fetchval("SELECT count(*) FROM identity") == 0
    assert await house.fetchval("SELECT email FROM stranger") is None


async def test_who_matches_nobody_waits_on_the_guest_plan(house: asyncpg.Pool) -> None:
    """With the plan, and once in the list however often they come."""
    await rules(house, guest="guest")
    account = await meet(house, "9999", "joao@example.org")
    assert account is not None
    assert await meet(house, "9999", "joao@example.org") == account
    assert await house.fetchval(POSTED, account) == USD
    rows = await house.fetch("SELECT external_id, email, account_id FROM stranger")
    assert [tuple(r) for r in rows] == [("9999", "joao@example.org", account)]


async def test_who_matches_nobody_without_a_guest_plan_is_refused_but_listed(
    house: asyncpg.Pool,
) -> None:
    """And is let in as soon as the client has a guest plan."""
    assert await meet(house, "9999", "joao@example.org") is None
    assert await house.fetchval("SELECT count(*) FROM stranger") == 1
    assert await house.fetchval("SELECT count(*) FROM account WHERE kind = 'user'") == 0
    await rules(house, guest="guest")
    assert await meet(house, "9999", "joao@example.org") is not None


async def test_daily_ceiling_bounds_strangers_and_never_people(house: asyncpg.Pool) -> None:
    """Above it nobody new gets an account, one alarm says so, and those who were imported come in."""
    await rules(house, guest="guest", ceiling=3)
    met = await asyncio.gather(*(meet(house, f"new-{n}") for n in range(8)))
    assert sum(each is not None for each in met) == 3
    assert await house.fetchval("SELECT count(*) FROM stranger") == 3
    alarms = await house.fetch("SELECT kind FROM alarm")
    assert [r["kind"] for r in alarms] == ["too_many_new_people"]
    assert await meet(house, "6650", MARIA) is not None


async def test_who_left_is_bound_and_refused_instead_of_becoming_a_guest(
    house: asyncpg.Pool,
) -> None:
    """A second registration does not open the door again."""
    await rules(house, guest="guest")
    await house.execute(PERSON, "rosa@example.org", "left")
    account = await meet(house, "8888", "rosa@example.org")
    status = await house.fetchval("SELECT status FROM account WHERE id = $1", account)
    assert status == "suspended"


async def test_door_binds_by_the_header_with_no_more_than_its_own_rights(
    house: asyncpg.Pool, database_url: str, tmp_path: Path
) -> None:
    """The whole way: known key, x-user-email, a hold on the person's account; a bad address binds nobody."""
    url = f"{database_url}?role=pedagio_authz"
    async with Replica(tmp_path, url) as authz:
        first = claims_of(await authz.ask(new_id(), x_user_id="6650", x_user_email=f" {MARIA} "))
        again = claims_of(await authz.ask(new_id(), x_user_id="7777", x_user_email=MARIA))
        assert first.account == again.account
        for bad in (
            "{{LIBRECHAT_USER_EMAIL}}",
            f"{MARIA},x@example.org",
            "mari\u0131a@example.org",
            "",
        ):
            answer = await authz.ask(new_id(), x_user_id="5555", x_user_email=bad)
            assert refusal_of(answer)[1] == "identity_missing"


async def test_door_hears_that_a_name_means_another_account(
    house: asyncpg.Pool, database_url: str, tmp_path: Path
) -> None:
    """A guest who is bound by hand to a person draws on that person's account within a second."""
    await rules(house, guest="guest")
    async with Replica(tmp_path, database_url) as authz:
        person = claims_of(await authz.ask(new_id(), x_user_id="6650", x_user_email=MARIA)).account
        guest = claims_of(await authz.ask(new_id(), x_user_id="9999")).account
        assert guest != person
        who = await house.fetchval("SELECT id FROM person")
        await house.fetchval(
            "SELECT attach_person($1, 'librechat', '9999', 'ana', 'it is Maria')", who
        )

        async def heard() -> bool:
            answer = await authz.ask(new_id(), x_user_id="9999")
            return claims_of(answer).account == person

        await until(heard, 1.0)


async def test_door_hears_that_a_guest_is_a_person_by_now(
    house: asyncpg.Pool, database_url: str, tmp_path: Path
) -> None:
    """The list came after the first chat, by another process: the guest's next request binds the account."""
    await rules(house, guest="guest")
    async with Replica(tmp_path, database_url) as authz:

        async def ask() -> int:
            answer = await authz.ask(new_id(), x_user_id="9999", x_user_email="joao@example.org")
            return int(claims_of(answer).account)

        guest = await ask()
        await house.execute(PERSON, "joao@example.org", "active")
        await house.execute("UPDATE news SET version = version + 1 WHERE topic = 'people'")

        async def bound() -> bool:
            assert await ask() == guest
            return bool(await house.fetchval("SELECT count(*) = 1 FROM identity"))

        await until(bound, 1.0)
    assert await house.fetchval("SELECT plan_id FROM account WHERE id = $1", guest) == "team"
