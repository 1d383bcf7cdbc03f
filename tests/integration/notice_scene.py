"""A ledger with people to tell, and the worker that tells them."""

import base64

from accounting.notify.channel import Channel
from accounting.notify.mail import Mail, Relay
from accounting.notify.texts import Texts
from accounting.notify.worker import Worker
from credit import ledger
from tests.books import a_place, a_record, an_event
from tests.integration.post_office import PostOffice
from tests.integration.rules_scene import Team

USD = 10**9
LABEL = "INSERT INTO account_label (account_id, display_name, email) VALUES ($1, $2, $3)"
DELIVERIES = "SELECT state, count(*) FROM notice_delivery GROUP BY state"
ADMIN = "admin@example.com"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


def a_worker(team: Team, post: PostOffice, folder: str = "", *more: Channel) -> Worker:
    """What accounting runs."""
    texts = Texts(folder, "usd", "https://credit.example.com", "")
    relay = Relay("127.0.0.1", post.port, "none")
    mail = Mail(relay, "Pedagio <credit@example.com>", texts)
    return Worker(team.pool, [mail, *more], [ADMIN], "pt-BR")


async def a_person(team: Team, name: str = "maria", credit: int = 10 * USD) -> int:
    """Somebody with credit and an address."""
    account = await team.account(0, name)
    await team.pool.execute(LABEL, account, f"{name.title()} Silva", f"{name}@example.com")
    if credit:
        await team.give(account, credit)
    return account


async def spend(team: Team, account: int, nanos: int) -> None:
    """One call that costs so much."""
    one = a_place(account, nanos)
    await ledger.place_batch(team.pool, [one], 2100)
    await team.report([a_record(one.hold_id, account)], [an_event(one.hold_id, nanos)])
    await team.close(one.hold_id)


async def states(team: Team) -> dict[str, int]:
    """Deliveries by state."""
    return {row["state"]: row["count"] for row in await team.pool.fetch(DELIVERIES)}
