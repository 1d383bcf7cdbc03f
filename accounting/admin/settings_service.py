"""The SettingsService: its protobufs become use cases, their results protobufs."""

from collections.abc import Awaitable, Callable

import asyncpg

from accounting.admin import accounts, settings
from accounting.admin.messages import (
    Context,
    account_message,
    name_message,
    read_change,
    read_name,
)
from protos.pedagio.v1 import settings_pb2 as pb
from protos.pedagio.v1 import settings_pb2_grpc
from protos.pedagio.v1.admin_pb2 import Account, AccountName

TOPIC = "languages"


class SettingsServicer(settings_pb2_grpc.SettingsServiceServicer):
    """Errors are mapped by the interceptors of the server."""

    def __init__(self, pool: asyncpg.Pool, publish: Callable[[str], Awaitable[None]]) -> None:
        """`publish` names a topic that changed, so that replicas look at once; best effort."""
        self._pool = pool
        self._publish = publish

    async def GetSettings(self, request: AccountName, _: Context) -> pb.Settings:
        """What holds for a person."""
        return settings_message(await settings.read(self._pool, read_name(request)))

    async def SetSettings(self, request: pb.SetSettingsRequest, context: Context) -> pb.Settings:
        """Change what the request names, or only check it."""
        change = read_change(request.reason, context)
        wanted = {
            name: getattr(request, name) for name in settings.RULED_BY if request.HasField(name)
        }
        found = await settings.change(
            self._pool, read_name(request.account), wanted, request.request_id, change,
            validate_only=request.validate_only,
        )  # fmt: skip
        if not request.validate_only:
            await self._publish(TOPIC)
        return settings_message(found)

    async def SetEmail(self, request: pb.SetEmailRequest, context: Context) -> Account:
        """Where mails to a person go."""
        change = read_change(request.reason, context)
        name = read_name(request.account)
        return account_message(await accounts.set_email(self._pool, name, request.email, change))


def settings_message(found: settings.Settings) -> pb.Settings:
    """A person's settings."""
    return pb.Settings(
        account=name_message(found.account), language=found.language, notices=found.notices,
        daily_limit_nanos=found.daily_limit_nanos, monthly_limit_nanos=found.monthly_limit_nanos,
        daily_left_nanos=found.daily_left_nanos, monthly_left_nanos=found.monthly_left_nanos,
        first_pool=found.first_pool, client_language=found.client_language, pools=found.pools,
        locked=found.locked, replayed=found.replayed,
    )  # fmt: skip
