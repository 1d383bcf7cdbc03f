"""What the details of an error say: which field cannot be used, whether the write waits for somebody."""

from typing import Any, Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

PROPOSED: Final = "PROPOSED"  # as accounting.admin.details says it


def read(error: grpc.RpcError) -> tuple[str, bool]:
    """A sentence for the fields, empty where none is named; whether a proposal was stored."""
    found: Any = error
    try:
        status = rpc_status.from_call(found)
    except ValueError:  # details that contradict the status: not of this service
        return "", False
    fields, proposed = [], False
    for detail in status.details if status is not None else ():
        bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
        if detail.Unpack(bad):
            fields += [f"{each.field} {each.description}" for each in bad.field_violations]
        elif detail.Unpack(info):
            proposed = proposed or info.reason == PROPOSED
    return "; ".join(fields), proposed
