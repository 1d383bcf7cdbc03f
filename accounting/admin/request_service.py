"""The RequestService: its protobufs become use cases, their results protobufs."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from accounting.admin import answers, decisions, deputies, holder, reach, requests, roles
from accounting.admin.accounts import Name
from accounting.admin.caller import present
from accounting.admin.errors import InvalidFieldError, NotFoundError
from accounting.admin.messages import Context, epoch_ms, name_message, read_change, read_name
from accounting.admin.request_rules import Standing
from protos.pedagio.v1 import requests_pb2 as pb
from protos.pedagio.v1 import requests_pb2_grpc

LIST = "RequestService/ListRequests"


class RequestServicer(requests_pb2_grpc.RequestServiceServicer):
    """Errors are mapped by the interceptors of the server, which also know who calls."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Acts on the ledger behind `pool`."""
        self._pool = pool

    async def SubmitRequest(
        self, request: pb.SubmitRequestRequest, context: Context
    ) -> pb.CreditRequest:
        """Ask."""
        change = read_change(request.reason, context)
        asked = requests.Asked(
            request.asked_nanos, request.why, request.request_id, request.advance
        )
        made, replayed, state = await requests.submit(
            self._pool, read_name(request.account), asked, change,
            validate_only=request.validate_only,
        )  # fmt: skip
        if not made:
            return pb.CreditRequest(
                account=request.account, amount_nanos=request.asked_nanos, state=state,
                advance=request.advance, by_policy=state == "approved",
            )  # fmt: skip
        return await self._read(made, replayed=replayed)

    async def WithdrawRequest(
        self, request: pb.WithdrawRequestRequest, context: Context
    ) -> pb.CreditRequest:
        """Take it back."""
        change = read_change(request.reason, context)
        replayed = await requests.withdraw(self._pool, request.id, _name(request), change)
        return await self._read(request.id, replayed=replayed)

    async def ListRequests(
        self, request: pb.ListRequestsRequest, _context: Context
    ) -> pb.ListRequestsResponse:
        """One page, of whoever the caller's roles reach."""
        rule, pools = roles.admit(present(), LIST)
        name = _name(request)
        if pools is not None and name is not None:
            of = roles.Rule(rule.roles, of=("account",))
            await reach.check_within(self._pool, of, request, pools)
        if request.pool:
            pool_id = await holder.find_pool(self._pool, request.pool)
            if pools is not None and pool_id not in pools:
                raise NotFoundError(reach.OUTSIDE)
            pools = frozenset({pool_id})
        found, token = await requests.list_page(
            self._pool, name=name, pool_ids=None if pools is None else list(pools),
            waiting=request.open, page_size=request.page_size, token=request.page_token,
        )  # fmt: skip
        return pb.ListRequestsResponse(
            requests=[request_message(each) for each in found], next_page_token=token
        )

    async def GetRequest(
        self, request: pb.GetRequestRequest, _context: Context
    ) -> pb.CreditRequest:
        """One request, with who has it."""
        return request_message(await requests.find(self._pool, request.id, _name(request)))

    async def GetRequestTerms(self, request: Any, _context: Context) -> pb.RequestTerms:
        """What may be asked for now."""
        return terms_message(await requests.read_terms(self._pool, read_name(request)))

    async def ApproveRequest(
        self, request: pb.ApproveRequestRequest, context: Context
    ) -> pb.CreditRequest:
        """Yes: one grant."""
        change = read_change(request.reason, context)
        replayed = await answers.approve(
            self._pool, request.id, request.approved_nanos, change, present(),
            validate_only=request.validate_only,
        )  # fmt: skip
        return await self._read(request.id, replayed=replayed)

    async def DenyRequest(
        self, request: pb.DenyRequestRequest, context: Context
    ) -> pb.CreditRequest:
        """No, with the reason."""
        change = read_change(request.reason, context)
        replayed = await answers.deny(
            self._pool, request.id, change, present(), validate_only=request.validate_only
        )
        return await self._read(request.id, replayed=replayed)

    async def ReadDecision(self, request: pb.ReadDecisionRequest, _context: Context) -> pb.Decision:
        """What the button would do."""
        return _decision(await decisions.read(self._pool, request.code))

    async def Decide(self, request: pb.DecideRequest, _context: Context) -> pb.Decision:
        """The button."""
        return _decision(await decisions.decide(self._pool, request.code, request.answer))

    async def SetDeputy(self, request: pb.SetDeputyRequest, context: Context) -> pb.Deputy:
        """Somebody stands in."""
        change = read_change(request.reason, context)
        times = _moment("from_ms", request.from_ms), _moment("until_ms", request.until_ms)
        return _deputy(
            await deputies.set_deputy(
                self._pool, request.admin, request.deputy, times, change, present()
            )
        )

    async def ListDeputies(
        self, request: pb.ListDeputiesRequest, _context: Context
    ) -> pb.ListDeputiesResponse:
        """Who stands in for whom."""
        found = await deputies.list_seen(self._pool, present(), past=request.past)
        return pb.ListDeputiesResponse(deputies=[_deputy(each) for each in found])

    async def ClearDeputy(self, request: pb.ClearDeputyRequest, context: Context) -> pb.Deputy:
        """Nobody stands in any more."""
        change = read_change(request.reason, context)
        return _deputy(await deputies.clear(self._pool, request.id, change, present()))

    async def _read(self, request_id: int, *, replayed: bool) -> pb.CreditRequest:
        answer = request_message(await requests.find(self._pool, request_id))
        answer.replayed = replayed
        return answer


def _name(request: Any) -> Name | None:
    return read_name(request.account) if request.HasField("account") else None


def _moment(field: str, epoch: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(epoch / 1000, UTC) if epoch else None
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidFieldError(field, f"is no moment: {epoch}") from error


def _ms(moment: datetime | None) -> int:
    return epoch_ms(moment) if moment else 0


def request_message(found: requests.Request) -> pb.CreditRequest:
    """One request."""
    return pb.CreditRequest(
        id=found.id, account=name_message(found.name), display_name=found.display_name,
        amount_nanos=found.amount_nanos, why=found.why, advance=found.advance, state=found.state,
        requested_at_ms=_ms(found.requested_at), expires_at_ms=_ms(found.expires_at),
        approved_nanos=found.granted_nanos, grant_id=found.grant_id,
        valid_until_ms=_ms(found.valid_until), by_policy=found.by_policy, decider=found.decider,
        answer=found.answer, decided_at_ms=_ms(found.decided_at), approvers=found.approvers,
        available_nanos=found.available_nanos, spent_nanos=found.spent_nanos,
        submitter=found.submitter,
    )  # fmt: skip


def terms_message(found: Standing) -> pb.RequestTerms:
    """What may be asked for now."""
    problem = found.problem()
    return pb.RequestTerms(
        may_ask=not problem, problem=problem,
        problem_kind=found.problem_kind, most_nanos=found.rules.most_nanos,
        at_once_nanos=0 if problem else min(found.at_once_nanos, found.rules.most_nanos),
        advance_nanos=0 if found.suspended else found.advance_left_nanos,
        period_ends_at_ms=epoch_ms(found.ends_at), asked=found.asked,
        most_asked=found.rules.per_period, next_allowance_nanos=found.next_nanos,
    )  # fmt: skip


def _decision(found: decisions.Decision) -> pb.Decision:
    return pb.Decision(
        status=found.status, verb=found.verb, problem=found.problem, admin_name=found.admin_name,
        expires_at_ms=epoch_ms(found.expires_at),
        request=None if found.request is None else request_message(found.request),
    )  # fmt: skip


def _deputy(found: deputies.Deputy) -> pb.Deputy:
    return pb.Deputy(
        id=found.id, admin=found.admin, deputy=found.deputy, from_ms=epoch_ms(found.from_at),
        until_ms=epoch_ms(found.until_at), actor=found.actor, reason=found.reason,
        active=found.active,
    )  # fmt: skip
