"""Notices: written with what caused them, told once each, whatever the mail server does meanwhile."""

import asyncio

import pytest

from tests.integration.notice_scene import LABEL, USD, a_person, a_worker, spend, states
from tests.integration.post_office import PostOffice
from tests.integration.rules_scene import Team


async def test_each_threshold_is_told_once_with_what_is_left(team: Team, post: PostOffice) -> None:
    """At 80 and at 100 %, in the person's language; never below, never twice."""
    account = await a_person(team)
    worker = a_worker(team, post)
    await spend(team, account, 7 * USD)
    await worker.send_due()
    assert post.taken == []
    await spend(team, account, USD)
    await spend(team, account, USD // 2)
    await worker.send_due()
    assert post.subjects() == ["Você já usou 80 % do seu crédito de IA"]
    assert "Restam US$ 1,50 de US$ 10,00." in post.text()
    assert "Maria Silva" in post.text()
    await spend(team, account, USD + USD // 2)
    await worker.send_due()
    assert post.subjects()[1:] == ["Seu crédito de IA acabou"]
    assert await worker.send_due() == 0
    assert post.by_address() == {"maria@example.com": 2}


async def test_new_credit_begins_the_count_anew(team: Team, post: PostOffice) -> None:
    """A crossing is one of the credit that one has now."""
    account = await a_person(team)
    worker = a_worker(team, post)
    await spend(team, account, 9 * USD)
    await team.give(account, 19 * USD)
    await spend(team, account, 10 * USD)
    await worker.send_due()
    assert post.subjects() == ["Você já usou 80 % do seu crédito de IA"]
    await spend(team, account, 7 * USD)
    await worker.send_due()
    assert len(post.taken) == 2
    assert "de US$ 20,00" in post.text(1)


async def test_crossing_under_concurrency_and_restarts_is_told_once(
    team: Team, post: PostOffice
) -> None:
    """Twenty calls at once cross it, three workers send, one of them dies in the middle."""
    accounts = [await a_person(team, f"p{n}") for n in range(10)]
    await asyncio.gather(*(spend(team, a, USD * 9 // 2 - n) for a in accounts for n in range(2)))
    post.delay_s = 0.05
    workers = [a_worker(team, post) for _ in range(3)]
    tasks = [asyncio.create_task(worker.send_due()) for worker in workers]
    await asyncio.gather(*tasks)
    await a_worker(team, post).send_due()
    assert post.by_address() == {f"p{n}@example.com": 1 for n in range(10)}
    assert await states(team) == {"sent": 10}


async def test_killed_worker_leaves_what_it_had_not_sent_to_the_next(
    team: Team, post: PostOffice
) -> None:
    """The lease ends, then somebody else delivers it; its Message-ID is the same."""
    await spend(team, await a_person(team), 9 * USD)
    post.delay_s = 5.0
    task = asyncio.create_task(a_worker(team, post).send_due())
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    post.delay_s = 0.0
    worker = a_worker(team, post)
    assert await worker.send_due() == 0
    await team.pool.execute("UPDATE notice_delivery SET next_at = now()")
    assert await worker.send_due() == 1
    assert await states(team) == {"sent": 1}
    assert {str(each["Message-ID"]) for each in post.taken} == {
        f"<notice-{await team.pool.fetchval('SELECT id FROM notice')}@example.com>"
    }


@pytest.mark.parametrize("trouble", ["down", "busy"])
async def test_relay_that_is_away_loses_nothing(team: Team, post: PostOffice, trouble: str) -> None:
    """Not there at all, or told to come later: it is tried again, ever more slowly, and then arrives."""
    await spend(team, await a_person(team), 9 * USD)
    worker = a_worker(team, post)
    if trouble == "down":
        post.close()
    post.busy = True
    waits = []
    for _ in range(9):
        await worker.send_due()
        waits.append(
            await team.pool.fetchval(
                "SELECT extract(epoch FROM next_at - now())::integer FROM notice_delivery"
            )
        )
        await team.pool.execute("UPDATE notice_delivery SET next_at = now()")
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert post.taken == []
    post.busy = False
    if trouble == "down":
        post.open()
    await worker.send_due()
    assert post.by_address() == {"maria@example.com": 1}


async def test_address_that_is_refused_keeps_nobody_else_waiting(
    team: Team, post: PostOffice
) -> None:
    """It fails for good, with the server's word; a person without an address is skipped."""
    post.refuses.add("p1@example.com")
    for n in range(3):
        await spend(team, await a_person(team, f"p{n}"), 9 * USD)
    await spend(team, await team.account(USD, "unknown"), USD)
    await a_worker(team, post).send_due()
    assert post.by_address() == {"p0@example.com": 1, "p2@example.com": 1}
    assert await states(team) == {"sent": 2, "failed": 1, "skipped": 2}
    problem = "SELECT problem FROM notice_delivery WHERE state = 'failed'"
    assert "550" in await team.pool.fetchval(problem)


async def test_person_who_wants_none_gets_none(team: Team, post: PostOffice) -> None:
    """Their own setting, and their own language where they do."""
    quiet, english = await a_person(team, "quiet"), await a_person(team, "english")
    setting = "SELECT set_settings($1, $2, $3, NULL, NULL, NULL, $4, '{}')"
    await team.pool.execute(setting, quiet, None, False, "a")  # noqa: FBT003 (an argument of SQL)
    await team.pool.execute(setting, english, "en", None, "b")
    for account in (quiet, english):
        await spend(team, account, 9 * USD)
    await a_worker(team, post).send_due()
    assert post.by_address() == {"english@example.com": 1}
    assert post.subjects() == ["You have used 80 % of your AI credit"]
    assert await states(team) == {"sent": 1, "skipped": 1}


async def test_slow_relay_delays_no_debit(team: Team, post: PostOffice) -> None:
    """The outbox is between the two: a call is debited while the mail server sleeps."""
    account = await a_person(team)
    post.delay_s = 2.0
    await spend(team, account, 9 * USD)
    task = asyncio.create_task(a_worker(team, post).send_due())
    await asyncio.sleep(0.2)
    async with asyncio.timeout(1.0):
        await spend(team, account, USD // 2)
    assert post.taken == []
    await task
    assert len(post.taken) == 1


async def test_name_with_line_breaks_and_script_cannot_forge_anything(
    team: Team, post: PostOffice
) -> None:
    """One header, one line; in HTML it is text."""
    account = await team.account(0, "eve")
    name = "Eve\r\nBcc: all@example.com <script>alert(1)</script>"
    await team.pool.execute(LABEL, account, name, "eve@example.com")
    await team.give(account, 10 * USD)
    await spend(team, account, 9 * USD)
    await a_worker(team, post).send_due()
    (message,) = post.taken
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()
