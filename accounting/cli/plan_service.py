"""One call of the PlanService, for the commands about plans, grants, pools, caps."""

from functools import partial
from typing import Final

from accounting.cli import connection
from protos.pedagio.v1.plans_pb2_grpc import PlanServiceStub

call: Final = partial(connection.call, stub=PlanServiceStub)
