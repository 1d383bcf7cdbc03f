"""The part of the AdminService that shows what was raised as an alarm."""

import asyncpg

from accounting.admin import alarms, messages
from accounting.admin.messages import Context
from protos.pedagio.v1 import admin_pb2 as pb


class AlarmService:
    """Translates in, asks the use case, translates out."""

    _pool: asyncpg.Pool

    async def ListAlarms(
        self, request: pb.ListAlarmsRequest, _context: Context
    ) -> pb.ListAlarmsResponse:
        """One page of what somebody had to be told."""
        found, token = await alarms.list_page(
            self._pool, request.kind, request.page_size, request.page_token
        )
        return pb.ListAlarmsResponse(
            alarms=[_alarm_message(each) for each in found], next_page_token=token
        )


def _alarm_message(alarm: alarms.Alarm) -> pb.Alarm:
    return pb.Alarm(
        id=alarm.id, kind=alarm.kind, subject=alarm.subject, detail_json=alarm.detail_json,
        raised_at_ms=messages.epoch_ms(alarm.raised_at),
    )  # fmt: skip
