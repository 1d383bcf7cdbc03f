"""The SignInService: its protobufs become use cases, their results protobufs."""

import asyncpg

from accounting.admin import admins, fields, sign_in
from accounting.admin.caller import present
from accounting.admin.errors import InvalidFieldError
from accounting.admin.messages import Context, epoch_ms, read_change
from protos.pedagio.v1 import sign_in_pb2 as pb
from protos.pedagio.v1 import sign_in_pb2_grpc


class SignInServicer(sign_in_pb2_grpc.SignInServiceServicer):
    """Errors are mapped by the interceptors of the server, which also know who calls."""

    def __init__(self, pool: asyncpg.Pool, public_url: str = "") -> None:
        """`public_url`: of the pages, without a slash at the end; empty: unknown."""
        self._pool = pool
        self._public_url = public_url

    async def SignIn(self, request: pb.SignInRequest, _: Context) -> pb.SignInResponse:
        """A password becomes a session."""
        if not request.password:
            raise InvalidFieldError("password", "must not be empty")
        given = sign_in.Try(
            admins.read_email(request.email),
            request.password,
            fields.optional_text("peer", request.peer) or "",
            fields.optional_text("device", request.device) or "",
            request.old_token,
        )
        return _session(await sign_in.sign_in(self._pool, given))

    async def SignInVouched(
        self, request: pb.SignInVouchedRequest, _: Context
    ) -> pb.SignInResponse:
        """Somebody else looked at who it is."""
        email = admins.read_email(request.email)
        peer = fields.optional_text("peer", request.peer) or ""
        given = sign_in.Try(email, "", peer, old_token=request.old_token)
        return _session(await sign_in.sign_in_vouched(self._pool, given))

    async def SignOut(self, request: pb.SignOutRequest, _: Context) -> pb.SignOutResponse:
        """End a session; a token that is none changes nothing."""
        await sign_in.sign_out(self._pool, request.token)
        return pb.SignOutResponse()

    async def ReadInvite(self, request: pb.ReadInviteRequest, _: Context) -> pb.ReadInviteResponse:
        """Whom it is for."""
        return pb.ReadInviteResponse(email=await sign_in.read_invite(self._pool, request.code))

    async def SetFirstPassword(
        self, request: pb.SetFirstPasswordRequest, _: Context
    ) -> pb.SignInResponse:
        """By an invitation, once."""
        return _session(
            await sign_in.set_first_password(self._pool, request.code, request.password)
        )

    async def ChangePassword(
        self, request: pb.ChangePasswordRequest, _: Context
    ) -> pb.SignInResponse:
        """One's own."""
        return _session(
            await sign_in.change_password(self._pool, present(), request.current, request.password)
        )

    async def InviteAdmin(
        self, request: pb.InviteAdminRequest, context: Context
    ) -> pb.InviteAdminResponse:
        """A code that is shown once."""
        change = read_change(request.reason, context)
        code, until = await sign_in.invite(self._pool, request.email, present(), change)
        address = f"{self._public_url}/sign-in/{code}" if self._public_url else ""
        return pb.InviteAdminResponse(code=code, expires_at_ms=epoch_ms(until), address=address)


def _session(found: sign_in.Session) -> pb.SignInResponse:
    return pb.SignInResponse(
        token=found.token, email=found.email, wait_s=found.wait_s,
        expires_at_ms=epoch_ms(found.expires_at) if found.expires_at else 0,
    )  # fmt: skip
