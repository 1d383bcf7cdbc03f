"""The PersonService: its protobufs become use cases for one visitor, their results protobufs."""

import time
from collections.abc import Awaitable, Callable

import asyncpg
import grpc

from accounting.addresses import Guesses, NotOpened
from accounting.admin import fields, mailed, person_page, requests, settings
from accounting.admin.errors import TooManyError
from accounting.admin.messages import Context, epoch_ms
from accounting.admin.request_service import request_message, terms_message
from accounting.admin.settings_service import TOPIC, settings_message
from accounting.admin.visitors import Visit, Visitor, Visitors
from credit.refusal import DEFAULT_LANGUAGE
from protos.pedagio.v1 import person_pb2 as pb
from protos.pedagio.v1 import person_pb2_grpc, requests_pb2, settings_pb2

STATUS = {
    NotOpened.UNKNOWN: "unknown",
    NotOpened.ELSEWHERE: "elsewhere",
    NotOpened.TOO_MANY: "too_many",
}
CHANGES_A_MINUTE = 20
CHANGE = fields.Change(person_page.ACTOR, person_page.ON_PAGE)


class PersonServicer(person_pb2_grpc.PersonServiceServicer):
    """Errors are mapped by the interceptors of the server."""

    def __init__(
        self, pool: asyncpg.Pool, visitors: Visitors, publish: Callable[[str], Awaitable[None]]
    ) -> None:
        """`visitors` verifies each call; `publish` names a topic that changed."""
        self._pool = pool
        self._visitors = visitors
        self._publish = publish
        self._asking = mailed.Asking()
        self._changes = Guesses(time.monotonic, CHANGES_A_MINUTE)

    async def OpenAddress(self, request: pb.Visit, _: Context) -> pb.Opening:
        """Bind it to this browser."""
        found = await self._visitors.open(_visit(request))
        if isinstance(found, NotOpened):
            return pb.Opening(status=STATUS[found])
        return pb.Opening(status="open", until_ms=epoch_ms(found.ends_at))

    async def ReadPage(self, request: pb.Visit, _: Context) -> pb.PersonPage:
        """All that the page shows."""
        visitor = await self._visitors.check(_visit(request))
        return _page(await person_page.read(self._pool, visitor))

    async def AskCredit(
        self, request: pb.AskCreditRequest, _: Context
    ) -> requests_pb2.CreditRequest:
        """Ask for the visitor's own account."""
        visitor = await self._writer(request.visit)
        own = f"page/{visitor.account_id}/{fields.request_id(request.request_id)}"
        asked = requests.Asked(request.asked_nanos, request.why, own, request.advance)
        made, replayed, _state = await requests.submit(self._pool, visitor.name, asked, CHANGE)
        answer = request_message(await requests.find(self._pool, made))
        answer.replayed = replayed
        return answer

    async def TakeBack(self, request: pb.TakeBackRequest, _: Context) -> requests_pb2.CreditRequest:
        """Withdraw a request of the visitor's own."""
        visitor = await self._writer(request.visit)
        replayed = await requests.withdraw(self._pool, request.id, visitor.name, CHANGE)
        answer = request_message(await requests.find(self._pool, request.id, visitor.name))
        answer.replayed = replayed
        return answer

    async def DisputeRefusal(self, request: pb.DisputeRefusalRequest, _: Context) -> pb.Refusal:
        """This refusal is wrong."""
        visitor = await self._writer(request.visit)
        return _refusal(
            await person_page.dispute(self._pool, visitor, request.refusal, request.words)
        )

    async def SetOwnSettings(
        self, request: pb.SetOwnSettingsRequest, _: Context
    ) -> settings_pb2.Settings:
        """Within what the policy lets people change."""
        visitor = await self._writer(request.visit)
        wanted = {
            name: getattr(request, name)
            for name in settings.RULED_BY
            if name in request.DESCRIPTOR.fields_by_name and request.HasField(name)
        }
        own = f"page/{visitor.account_id}/{fields.request_id(request.request_id)}"
        found = await settings.change(self._pool, visitor.name, wanted, own, CHANGE)
        await self._publish(TOPIC)
        return settings_message(found)

    async def _writer(self, visit: pb.Visit) -> Visitor:
        """Who changes something of their own: each is audited, and told to every replica."""
        visitor = await self._visitors.check(_visit(visit))
        who = f"account {visitor.account_id}"
        if self._changes.is_closed_to(who):
            raise TooManyError(f"more than {CHANGES_A_MINUTE} changes in a minute: try again later")
        self._changes.wrong(who)
        return visitor

    async def MailAddress(
        self, request: pb.MailAddressRequest, _: Context
    ) -> pb.MailAddressResponse:
        """The same answer for whoever it is."""
        await self._asking.mail(self._pool, request.email, request.peer)
        return pb.MailAddressResponse()


def add_person_service(
    server: grpc.aio.Server,
    pool: asyncpg.Pool,
    visitors: Visitors,
    publish: Callable[[str], Awaitable[None]],
) -> None:
    """Serve it beside the administrators' services, behind the same interceptors."""
    servicer = PersonServicer(pool, visitors, publish)
    person_pb2_grpc.add_PersonServiceServicer_to_server(servicer, server)


def _visit(request: pb.Visit) -> Visit:
    return Visit(request.code.strip(), request.browser, request.peer)


def _page(found: person_page.Page) -> pb.PersonPage:
    row, own = found.balance, found.settings
    calls = [_call(each) for each in found.calls]
    return pb.PersonPage(
        display_name=found.visitor.display_name,
        until_ms=epoch_ms(found.visitor.ends_at),
        available_nanos=row["o_posted"] + row["o_overdraft"] - row["o_held"],
        held_nanos=row["o_held"],
        spent_today_nanos=row["o_spent"],
        spent_more=row["o_more"],
        suspended=row["o_status"] != "active",
        pools=[
            pb.OwnPool(
                name=p["name"], available_nanos=p["available"], active=p["status"] == "active"
            )
            for p in row["o_pools"]
        ],
        caps=[
            pb.OwnCap(
                period=c["period"], pool=c["pool"], limit_nanos=c["limit"], left_nanos=c["left"]
            )
            for c in row["o_caps"]
        ],
        coming=[pb.Arrival(day=c["day"], amount_nanos=c["amount"]) for c in row["o_coming"]],
        calls=[each for each in calls if each.state != "running"],
        running=[each for each in calls if each.state == "running"],
        refusals=[_refusal(each) for each in found.refusals],
        requests=[request_message(each) for each in found.requests],
        terms=terms_message(found.terms),
        settings=None if own is None else settings_message(own),
        language=(own.language if own else "") or found.visitor.client_language or DEFAULT_LANGUAGE,
    )


def _call(row: person_page.Row) -> pb.Call:
    estimate = row["estimate"] or 0
    state = "done" if row["cost"] else "free"
    if row["held"] is not None:
        state = "running"
    elif estimate:
        state = "estimated"
    return pb.Call(
        model=row["model"], at_ms=epoch_ms(row["placed_at"]), cost_nanos=row["cost"] + estimate,
        held_nanos=row["held"] or 0, state=state, pool=row["pool"],
    )  # fmt: skip


def _refusal(row: person_page.Row) -> pb.Refusal:
    known = row["posted"] is not None
    left = row["posted"] + (row["overdraft"] or 0) - (row["held"] or 0) if known else 0
    return pb.Refusal(
        id=str(row["hold_id"]), at_ms=epoch_ms(row["decided_at"]), reason=row["reason"],
        model=row["model"], left_nanos=left, needed_nanos=row["minimum"] or 0,
        disputed=row["disputed"], answer=row["answer"],
    )  # fmt: skip
