"""Notices for administrators, by webhook, in an installation's own words."""

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx

from accounting.notify.webhook import Webhook
from credit import ledger
from tests.books import a_place, a_record, an_event
from tests.integration.admin_service import Service
from tests.integration.notice_scene import ADMIN, SECRET, USD, a_person, a_worker, spend, states
from tests.integration.post_office import PostOffice
from tests.integration.rules_scene import Team
from tests.integration.test_admin_cli import in_json, pedagio


async def test_administrators_hear_of_modes_exceptions_alarms_pools_once(
    team: Team, post: PostOffice
) -> None:
    """One mail for each kind and hour, however many there are."""
    for n in range(5):
        await ledger.write(
            team.pool, "note_exception", kind="cost_missing", subject=str(n), detail={}
        )
        await ledger.write(team.pool, "raise_alarm", kind="store_away", subject=str(n), detail={})
    await team.pool.execute("UPDATE enforcement SET mode = 'off', changed_at = now()")
    pool_id = await team.open_pool("TI", 10 * USD, [await team.account(0, "rui")])
    rui = await team.pool.fetchval("SELECT id FROM account WHERE external_id = 'rui'")
    await spend_of_pool(team, rui, 9 * USD)
    await a_worker(team, post).send_due()
    assert post.by_address() == {ADMIN: 4}
    said = "\n".join(post.subjects())
    for part in ("cost_missing", "store_away", "para off", "TI já usou 80 % do crédito"):
        assert part in said
    assert (await team.figures(pool_id)).posted == USD


async def spend_of_pool(team: Team, account: int, nanos: int) -> None:
    """A member's call, paid by the pool."""
    one = a_place(account, nanos)
    answers = await ledger.place_batch(team.pool, [one], 2100)
    assert answers[one.hold_id].result == "placed"
    await team.report([a_record(one.hold_id, account)], [an_event(one.hold_id, nanos)])
    await team.close(one.hold_id)


async def test_installation_may_write_its_own_texts(
    team: Team, post: PostOffice, tmp_path: Any
) -> None:
    """File by file; one that cannot be used fails its notice with the reason, and nothing else."""
    (tmp_path / "pt-BR").mkdir()
    own = tmp_path / "pt-BR" / "threshold.txt"
    own.write_text("Acme: {{ percent }} %\n\nFaltam {{ left }}.\n")
    await spend(team, await a_person(team), 9 * USD)
    await a_worker(team, post, str(tmp_path)).send_due()
    assert post.subjects() == ["Acme: 80 %"]
    own.write_text("Acme: {{ nonsense }}\n")
    await spend(team, await a_person(team, "rui"), 9 * USD)
    await a_worker(team, post, str(tmp_path)).send_due()
    assert await states(team) == {"sent": 1, "failed": 1}


async def test_webhook_is_signed_and_tried_apart_from_mail(team: Team, post: PostOffice) -> None:
    """As Standard Webhooks says; the receiver's trouble is not the mail's."""
    seen: list[httpx.Request] = []
    answers = [503, 200]

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(answers.pop(0))

    hook = Webhook("https://hook.example.com", SECRET, transport=httpx.MockTransport(receive))
    worker = a_worker(team, post, "", hook)
    account = await a_person(team)
    await spend(team, account, 9 * USD)
    await worker.send_due()
    assert post.by_address() == {"maria@example.com": 1}
    await team.pool.execute("UPDATE notice_delivery SET next_at = now() WHERE state = 'pending'")
    await worker.send_due()
    assert await states(team) == {"sent": 2}
    first, second = seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    signed = b".".join(
        (second.headers["webhook-id"].encode(), second.headers["webhook-timestamp"].encode(), second.content)
    )  # fmt: skip
    mark = base64.b64encode(hmac.digest(b"s" * 32, signed, hashlib.sha256)).decode()
    assert second.headers["webhook-signature"] == f"v1,{mark}"
    body = json.loads(second.content)
    assert (body["type"], body["data"]["account_id"], body["data"]["percent"]) == (
        "notice.threshold", account, 80)  # fmt: skip
    assert "@" not in second.content.decode()
    assert "Silva" not in second.content.decode()


async def test_administrator_sees_what_could_not_be_told_and_tries_anew(
    team: Team, post: PostOffice, admin: Service
) -> None:
    """Once the cause is mended, with an audit line."""
    post.refuses.add("maria@example.com")
    await spend(team, await a_person(team), 9 * USD)
    await a_worker(team, post).send_due()
    shown = (await pedagio(admin, "notices", "list", "--state", "failed")).stdout
    for part in ("threshold", "maria", "mail", "failed", "550"):
        assert part in shown
    post.refuses.clear()
    number = await team.pool.fetchval("SELECT id FROM notice")
    words = ("notices", "retry", str(number), "--reason", "mailbox made")
    assert (await in_json(admin, *words))["deliveries"] == 1
    await a_worker(team, post).send_due()
    assert post.by_address() == {"maria@example.com": 1}
    assert "nothing: none had failed" in (await pedagio(admin, *words)).stdout
    assert (
        "there is no notice 99"
        in (await pedagio(admin, "notices", "retry", "99", "--reason", "x", code=1)).stderr
    )
    assert [line[:3] for line in await admin.audit()] == [("ana", "retry_notice", str(number))]
    assert (
        "no pending notices"
        in (await pedagio(admin, "notices", "list", "--state", "pending")).stdout
    )


async def test_people_are_told_at_the_percentages_of_their_plan(
    team: Team, post: PostOffice, admin: Service
) -> None:
    """Changed by one command, which names what it does not take."""
    await team.add_plan("team", 10 * USD)
    account = await a_person(team, credit=0)
    await team.assign(account, "team")
    why = ("--reason", "x")
    assert (await in_json(admin, "notices", "at", "team", "90", "50", "50", *why))["percents"] == [
        50,
        90,
    ]
    await spend(team, account, 6 * USD)
    await a_worker(team, post).send_due()
    assert [each for each in post.subjects() if "usou" in each] == [
        "Você já usou 50 % do seu crédito de IA"
    ]
    for words, sentence in (
        (("team", "0"), "percents must be from 1 to 100; one is 0"),
        (("team", "101"), "percents must be from 1 to 100; one is 101"),
        (("team", *map(str, range(1, 12))), "percents must be 10 at most"),
        (("gone", "80"), "there is no plan 'gone'"),
    ):
        assert sentence in (await pedagio(admin, "notices", "at", *words, *why, code=1)).stderr
    shown = await pedagio(admin, "notices", "at", "team", *why)
    assert "told at never" in shown.stdout


async def test_unusual_hour_is_told_once(team: Team, post: PostOffice) -> None:
    """Against the median of two weeks; a quiet installation is left alone."""
    account = await a_person(team, credit=1_000 * USD)
    await spend(team, account, 40 * USD)
    worker = a_worker(team, post)
    await worker.look_for_spikes()
    await worker.send_due()
    assert post.taken == []
    async with team.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(HISTORY)
    for _ in range(3):
        await worker.look_for_spikes()
    await worker.send_due()
    assert post.by_address() == {ADMIN: 1}
    assert "US$ 40,00" in post.text()


HISTORY = """
    INSERT INTO usage_event (id, hold_id, account_id, source, status, provider_id, model_group, model, model_id,
                             usage, cost, litellm_cost, event_at, recorded_at)
    SELECT 'h' || n, gen_random_uuid(), (SELECT min(id) FROM account WHERE kind = 'user'), 'callback', 'success',
           'x', 'm', 'm', 'm', '{}', 1000000000, 0, now() - make_interval(hours => n), now() - make_interval(hours => n)
    FROM generate_series(2, 40) AS n"""
