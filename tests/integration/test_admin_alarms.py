"""Alarms as administrators see them: what was raised, the newest first."""

import json

from credit import ledger
from protos.pedagio.v1 import admin_pb2 as pb
from tests.integration.admin_service import Service
from tests.integration.test_admin_cli import in_json, pedagio


async def raise_alarm(admin: Service, kind: str, subject: str, **detail: object) -> None:
    """What the services write."""
    await ledger.write(admin.pool, "raise_alarm", kind=kind, subject=subject, detail=detail)


async def test_alarms_of_one_kind_in_pages_appear_once_each_newest_first(admin: Service) -> None:
    """The token belongs to its own listing."""
    for number in range(5):
        await raise_alarm(admin, "store_away", f"authz-{number}", holds=number)
        await raise_alarm(admin, "account_frozen", str(number))
    seen, token = [], ""
    for _ in range(3):
        request = pb.ListAlarmsRequest(kind="store_away", page_size=2, page_token=token)
        answer = await admin.ask("ListAlarms", request)
        seen += [(each.subject, json.loads(each.detail_json)) for each in answer.alarms]
        token = answer.next_page_token
    assert seen == [(f"authz-{number}", {"holds": number}) for number in (4, 3, 2, 1, 0)]
    assert token == ""
    first = await admin.ask("ListAlarms", pb.ListAlarmsRequest(kind="store_away", page_size=2))
    request = pb.ListAlarmsRequest(page_token=first.next_page_token)
    assert (await admin.refused("ListAlarms", request))[0] == "INVALID_ARGUMENT"


async def test_alarms_at_the_command_line(admin: Service) -> None:
    """Nothing raised is said; what was raised has its kind, subject and detail."""
    assert (await pedagio(admin, "alarms")).stdout == "no alarms\n"
    await raise_alarm(admin, "store_away", "authz", holds=3)
    shown = (await pedagio(admin, "alarms")).stdout
    assert all(word in shown for word in ("store_away", "authz", '{"holds": 3}'))
    none = await pedagio(admin, "alarms", "--kind", "account_frozen")
    assert none.stdout == "no alarms of kind account_frozen\n"
    (each,) = (await in_json(admin, "alarms", "--kind", "store_away"))["alarms"]
    assert (each["subject"], each["raised_at_ms"] > 0) == ("authz", True)
