"""The PlanService: its protobufs become use cases, their results protobufs."""

from dataclasses import replace

import asyncpg

from accounting.admin import accounts, caps, grants, holder, plans, statement
from accounting.admin.messages import (
    Context,
    entry_message,
    epoch_ms,
    name_message,
    read_change,
    read_name,
)
from protos.pedagio.v1 import plans_pb2 as pb
from protos.pedagio.v1 import plans_pb2_grpc


class PlanServicer(plans_pb2_grpc.PlanServiceServicer):
    """Errors are mapped by the interceptors of the server."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Acts on the ledger behind `pool`."""
        self._pool = pool

    async def PutPlan(self, request: pb.PutPlanRequest, context: Context) -> pb.Plan:
        """Make or change a plan."""
        change = read_change(request.reason, context)
        given = request.plan
        terms = plans.read_terms(
            period=given.period, allowance_nanos=given.allowance_nanos, time_zone=given.time_zone,
            rollover=given.rollover, rollover_cap_nanos=given.rollover_cap_nanos,
            priority=given.priority, mode="shadow" if given.shadow else None,
        )  # fmt: skip
        terms = replace(terms, prorate=not given.whole_first_period)
        return _plan(await plans.put(self._pool, given.id, terms, change))

    async def ListPlans(self, _request: pb.ListPlansRequest, _: Context) -> pb.ListPlansResponse:
        """All plans."""
        return pb.ListPlansResponse(
            plans=[_plan(each) for each in await plans.list_all(self._pool)]
        )

    async def GetPlan(self, request: pb.GetPlanRequest, _: Context) -> pb.Plan:
        """One plan."""
        return _plan(await plans.find(self._pool, request.id))

    async def AssignPlan(self, request: pb.AssignPlanRequest, context: Context) -> pb.Credit:
        """Put an account on a plan."""
        change = read_change(request.reason, context)
        account_id = await holder.find(self._pool, _read_holder(request.holder))
        await grants.assign(self._pool, account_id, request.plan, change, now=request.now)
        return await self._credit(request.holder, account_id)

    async def GetCredit(self, request: pb.Holder, _: Context) -> pb.Credit:
        """What an account may spend, and what comes next."""
        return await self._credit(request, await holder.find(self._pool, _read_holder(request)))

    async def GiveCredit(self, request: pb.GiveCreditRequest, context: Context) -> pb.Credit:
        """A grant with its source, validity and place in the burn order."""
        change = read_change(request.reason, context)
        account_id = await holder.find(self._pool, _read_holder(request.holder))
        gift = grants.Gift(
            request.amount_nanos, request.source, request.priority, request.valid_from_ms,
            request.valid_until_ms, request.request_id, request.purchase, request.corrects,
        )  # fmt: skip
        replayed = await grants.give(self._pool, account_id, gift, change)
        answer = await self._credit(request.holder, account_id)
        answer.replayed = replayed
        return answer

    async def RevokeGrant(
        self, request: pb.RevokeGrantRequest, context: Context
    ) -> pb.RevokeGrantResponse:
        """Take back what is left."""
        change = read_change(request.reason, context)
        of = None
        if request.HasField("holder"):
            of = await holder.find(self._pool, _read_holder(request.holder))
        taken, whose = await grants.revoke(self._pool, request.grant_id, change, account_id=of)
        return pb.RevokeGrantResponse(revoked_nanos=taken, holder=_holder(whose))

    async def CreatePool(self, request: pb.CreatePoolRequest, context: Context) -> pb.Pool:
        """A team's credit."""
        change = read_change(request.reason, context)
        return _pool(await holder.create_pool(self._pool, request.name, change))

    async def ListPools(self, _request: pb.ListPoolsRequest, _: Context) -> pb.ListPoolsResponse:
        """All pools."""
        return pb.ListPoolsResponse(
            pools=[_pool(each) for each in await holder.list_pools(self._pool)]
        )

    async def GetPool(self, request: pb.GetPoolRequest, _: Context) -> pb.PoolDetail:
        """A pool, its credit, its members, the caps on their draws."""
        pool_id = await holder.find(self._pool, holder.Holder(None, request.name))
        (found,) = await holder.list_pools(self._pool, request.name)
        members = await holder.list_members(self._pool, pool_id)
        bounding = [each for each in await caps.list_all(self._pool) if each.pool == request.name]
        return pb.PoolDetail(
            pool=_pool(found), credit=await self._credit(pb.Holder(pool=request.name), pool_id),
            members=[
                pb.Member(
                    account=name_message(each.name), position=each.position,
                    pool_first=each.pool_first, spent_nanos=each.spent_nanos,
                    held_nanos=each.held_nanos, label=each.label,
                )
                for each in members
            ],
            caps=[_cap(each) for each in bounding],
        )  # fmt: skip

    async def ListPoolStatement(
        self, request: pb.ListPoolStatementRequest, _: Context
    ) -> pb.ListPoolStatementResponse:
        """A page of what moved in a pool, with whose calls it was."""
        pool_id = await holder.find(self._pool, holder.Holder(None, request.pool))
        (found,) = await holder.list_pools(self._pool, request.pool)
        entries, token = await statement.list_entries(
            self._pool, pool_id, request.page_size, request.page_token
        )
        told = [
            pb.PoolEntry(
                entry=entry_message(each),
                person=name_message(each.person) if each.person else None,
            )
            for each in entries
        ]
        return pb.ListPoolStatementResponse(pool=_pool(found), entries=told, next_page_token=token)

    async def SetMember(self, request: pb.SetMemberRequest, context: Context) -> pb.Pool:
        """Let somebody draw on a pool."""
        change = read_change(request.reason, context)
        return _pool(
            await holder.set_member(
                self._pool, request.pool, read_name(request.account), request.position, change,
                pool_first=request.pool_first,
            )
        )  # fmt: skip

    async def RemoveMember(self, request: pb.RemoveMemberRequest, context: Context) -> pb.Pool:
        """Let somebody draw on a pool no more."""
        change = read_change(request.reason, context)
        account = read_name(request.account)
        return _pool(await holder.remove_member(self._pool, request.pool, account, change))

    async def SetCap(self, request: pb.SetCapRequest, context: Context) -> pb.Cap:
        """Bound what is spent in a period."""
        change = read_change(request.reason, context)
        return _cap(await caps.set_cap(self._pool, _read_cap(request.cap), change))

    async def ClearCap(self, request: pb.ClearCapRequest, context: Context) -> pb.Cap:
        """Bound it no more."""
        change = read_change(request.reason, context)
        await caps.clear_cap(self._pool, _read_cap(request.cap), change)
        return request.cap

    async def ListCaps(self, _request: pb.ListCapsRequest, _: Context) -> pb.ListCapsResponse:
        """All caps in force."""
        return pb.ListCapsResponse(caps=[_cap(each) for each in await caps.list_all(self._pool)])

    async def _credit(self, who: pb.Holder, account_id: int) -> pb.Credit:
        found = await grants.read(self._pool, account_id)
        return pb.Credit(
            holder=who, posted_nanos=found.posted_nanos, held_nanos=found.held_nanos,
            overdraft_nanos=found.overdraft_nanos, plan=found.plan, next_nanos=found.next_nanos,
            next_at_ms=epoch_ms(found.next_at) if found.next_at else 0,
            grants=[_grant(each) for each in found.grants],
        )  # fmt: skip


def _read_holder(message: pb.Holder) -> holder.Holder:
    named = read_name(message.account) if message.HasField("account") else None
    return holder.Holder(named, message.pool)


def _holder(of: holder.Holder) -> pb.Holder:
    return (
        pb.Holder(pool=of.pool)
        if of.account is None
        else pb.Holder(account=name_message(of.account))
    )


def _read_cap(message: pb.Cap) -> caps.Cap:
    named: accounts.Name | None = (
        read_name(message.account) if message.HasField("account") else None
    )
    return caps.Cap(named, message.pool, message.period, message.time_zone, message.limit_nanos)


def _plan(plan: plans.Named) -> pb.Plan:
    terms = plan.terms
    return pb.Plan(
        id=plan.id, period=terms.period, time_zone=terms.time_zone, rollover=terms.rollover,
        allowance_nanos=terms.allowance_nanos, rollover_cap_nanos=terms.rollover_cap_nanos or 0,
        whole_first_period=not terms.prorate, priority=terms.priority, accounts=plan.accounts,
        shadow=terms.mode == "shadow",
    )  # fmt: skip


def _grant(grant: grants.Grant) -> pb.Grant:
    return pb.Grant(
        id=grant.id, source=grant.source, state=grant.state, amount_nanos=grant.amount_nanos,
        remaining_nanos=grant.remaining_nanos, priority=grant.priority, reason=grant.reason,
        valid_from_ms=epoch_ms(grant.valid_from),
        valid_until_ms=epoch_ms(grant.valid_until) if grant.valid_until else 0,
    )  # fmt: skip


def _pool(pool: holder.Pool) -> pb.Pool:
    return pb.Pool(
        name=pool.name, posted_nanos=pool.posted_nanos, held_nanos=pool.held_nanos,
        members=pool.members, plan=pool.plan, status=pool.status,
    )  # fmt: skip


def _cap(cap: caps.Cap) -> pb.Cap:
    return pb.Cap(
        account=name_message(cap.account) if cap.account else None, pool=cap.pool, period=cap.period,
        time_zone=cap.time_zone, limit_nanos=cap.limit_nanos, left_nanos=cap.left_nanos,
        held_nanos=cap.held_nanos, renews_at_ms=epoch_ms(cap.renews_at) if cap.renews_at else 0, own=cap.own,
    )  # fmt: skip
