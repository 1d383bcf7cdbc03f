"""What the details of a service's error say, for every client of the services: the CLI, the pages."""

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

PROPOSED: Final = "PROPOSED"  # as accounting.admin.details says it


def read(error: grpc.RpcError) -> tuple[Mapping[str, str], bool]:
    """What is wrong with each field that is named; whether the write waits for somebody else."""
    found: Any = error
    try:
        status = rpc_status.from_call(found)
    except ValueError:  # details that contradict the status: not of our services
        return {}, False
    fields, proposed = dict[str, str](), False
    for detail in status.details if status is not None else ():
        bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
        if detail.Unpack(bad):
            fields |= {each.field: each.description for each in bad.field_violations}
        elif detail.Unpack(info):
            proposed = proposed or info.reason == PROPOSED
    return fields, proposed
