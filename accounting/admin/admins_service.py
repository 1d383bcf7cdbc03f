"""The AdminsService: its protobufs become use cases, their results protobufs."""

from collections.abc import Iterable

import asyncpg
from google.protobuf import json_format
from google.protobuf.message import Message

from accounting.admin import admins, audit_lines, four_eyes, gate
from accounting.admin.caller import Caller, present
from accounting.admin.errors import ForbiddenError
from accounting.admin.messages import Context, epoch_ms, read_change
from protos.pedagio.v1 import admins_pb2 as pb
from protos.pedagio.v1 import admins_pb2_grpc


class AdminsServicer(admins_pb2_grpc.AdminsServiceServicer):
    """Errors are mapped by the interceptors of the server, which also know who calls."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Acts on the ledger behind `pool`."""
        self._pool = pool

    async def WhoAmI(self, _request: pb.WhoAmIRequest, _: Context) -> pb.Admin:
        """Whose token this is."""
        caller = present()
        if caller.installation:
            return pb.Admin(
                name=caller.actor, roles=[pb.Role(role=each) for each in caller.roles],
                installation=True,
            )  # fmt: skip
        return _admin(await admins.find(self._pool, caller.actor))

    async def ListAdmins(self, request: pb.ListAdminsRequest, _: Context) -> pb.ListAdminsResponse:
        """All of them: as many as administer, so they fit one answer."""
        found = await admins.list_all(self._pool, removed=request.removed)
        return pb.ListAdminsResponse(admins=[_admin(each) for each in found])

    async def AddAdmin(self, request: pb.AddAdminRequest, context: Context) -> pb.Admin:
        """Make somebody an administrator."""
        change = read_change(request.reason, context)
        roles = _read_roles(request.roles)
        return _admin(await admins.add(self._pool, request.email, request.name, roles, change))

    async def SetRoles(self, request: pb.SetRolesRequest, context: Context) -> pb.Admin:
        """Exactly these roles."""
        change = read_change(request.reason, context)
        roles = _read_roles(request.roles)
        return _admin(await admins.set_roles(self._pool, request.email, roles, change))

    async def NewToken(self, request: pb.NewTokenRequest, context: Context) -> pb.NewTokenResponse:
        """A token, shown once: one's own, or as an operator somebody's."""
        change = read_change(request.reason, context)
        caller = present()
        if not _operates(caller) and admins.read_email(request.email) != caller.actor:
            raise ForbiddenError("this takes operator: only one's own token takes no role")
        token, details = await admins.new_token(
            self._pool, request.email, request.label, request.days, caller.id, change
        )
        return pb.NewTokenResponse(token=token, details=_token(details))

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Context) -> pb.AdminToken:
        """It opens nothing from now on."""
        change = read_change(request.reason, context)
        caller = present()
        own_of = 0 if _operates(caller) else caller.id
        return _token(await admins.revoke_token(self._pool, request.id, own_of, change))

    async def RemoveAdmin(self, request: pb.RemoveAdminRequest, context: Context) -> pb.Admin:
        """None of their tokens opens anything from now on."""
        change = read_change(request.reason, context)
        return _admin(await admins.remove(self._pool, request.email, change))

    async def ListProposals(
        self, request: pb.ListProposalsRequest, _: Context
    ) -> pb.ListProposalsResponse:
        """Those that the caller may look at."""
        found = await gate.list_own(self._pool, decided=request.decided)
        return pb.ListProposalsResponse(proposals=[_proposal(each, made) for each, made in found])

    async def ConfirmProposal(
        self, request: pb.DecideProposalRequest, context: Context
    ) -> pb.Proposal:
        """Make the call that somebody else proposed."""
        change = read_change(request.reason, context)
        return _proposal(await gate.confirm(self._pool, request.id, change.reason))

    async def DenyProposal(
        self, request: pb.DecideProposalRequest, context: Context
    ) -> pb.Proposal:
        """It is not made."""
        change = read_change(request.reason, context)
        return _proposal(await gate.deny(self._pool, request.id, change.reason))

    async def ListAudit(self, request: pb.ListAuditRequest, _: Context) -> pb.ListAuditResponse:
        """One page of the audit log."""
        wanted = audit_lines.Wanted(
            request.since_ms, request.until_ms, request.actor, request.action, request.subject
        )
        lines, token = await audit_lines.list_page(
            self._pool, wanted, request.page_size, request.page_token
        )
        shown = [
            pb.AuditLine(
                id=line.id, at_ms=epoch_ms(line.at), actor=line.actor, action=line.action,
                subject=line.subject, detail_json=line.detail_json,
            )
            for line in lines
        ]  # fmt: skip
        return pb.ListAuditResponse(lines=shown, next_page_token=token)


def _operates(caller: Caller) -> bool:
    return "operator" in caller.roles


def _read_roles(roles: Iterable[pb.Role]) -> list[admins.Role]:
    return [admins.Role(each.role, each.pool) for each in roles]


def _admin(admin: admins.Admin) -> pb.Admin:
    return pb.Admin(
        email=admin.email, name=admin.name, added_at_ms=epoch_ms(admin.added_at),
        removed_at_ms=epoch_ms(admin.removed_at) if admin.removed_at else 0,
        roles=[pb.Role(role=each.role, pool=each.pool) for each in admin.roles],
        tokens=[_token(each) for each in admin.tokens],
    )  # fmt: skip


def _token(token: admins.Token) -> pb.AdminToken:
    return pb.AdminToken(
        id=token.id, label=token.label, issued_at_ms=epoch_ms(token.issued_at),
        expires_at_ms=epoch_ms(token.expires_at),
        revoked_at_ms=epoch_ms(token.revoked_at) if token.revoked_at else 0,
    )  # fmt: skip


def _proposal(each: four_eyes.Proposal, made: object = None) -> pb.Proposal:
    shown = ""
    if isinstance(made, Message):
        shown = json_format.MessageToJson(made, indent=None, preserving_proto_field_name=True)
    return pb.Proposal(
        id=each.id, method=each.method, request_json=shown, amount_nanos=each.amount_nanos,
        reason=each.reason, proposer=each.proposer, proposed_at_ms=epoch_ms(each.proposed_at),
        expires_at_ms=epoch_ms(each.expires_at), status=each.status, decider=each.decider,
        decided_at_ms=epoch_ms(each.decided_at) if each.decided_at else 0, outcome=each.outcome,
    )  # fmt: skip
