"""The TrialService: a write is made, looked at, and taken back."""

from typing import Any, Final

import asyncpg
import grpc
from google.protobuf.message import DecodeError, Message

from accounting.admin import differences, four_eyes, gate, roles, trial, trial_reads
from accounting.admin.errors import AdminError, ConflictError, InvalidFieldError, ProposedError
from accounting.admin.messages import Context
from protos.pedagio.v1 import trials_pb2 as pb
from protos.pedagio.v1 import trials_pb2_grpc

OWN: Final = "TrialService/Try"
# It takes connections and snapshots of its own, and freezes what it finds.
AUDIT: Final = "AdminService/RunAudit"
# An answer shows these once, to whom they are for; of a trial they would open nothing.
SECRETS: Final = ("key", "token")
BUSY: Final = "somebody is writing what this would change: try again in a moment"


class TrialServicer(trials_pb2_grpc.TrialServiceServicer):
    """Errors are those of the call that is tried."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """`pool` is of `trial.over`, as those of all services that are tried."""
        self._pool = pool

    async def Try(self, request: pb.TryRequest, _context: Context) -> pb.TryResponse:
        """What a call would answer and change."""
        rule = roles.RULES.get(request.method)
        # What the pages ask on behalf of others stands on a pool of its own, and is never a dry run.
        if rule is None or rule.installation or request.method in {OWN, AUDIT}:
            raise InvalidFieldError("method", f"cannot be tried: {request.method[:80]!r}")
        wanted = await _read(request)
        try:
            async with trial.trial(self._pool) as made:
                return await self._try(made, request.method, wanted)
        except (asyncpg.LockNotAvailableError, asyncpg.SerializationError) as error:
            raise ConflictError(BUSY) from error

    async def _try(self, made: trial.Trial, method: str, wanted: Any) -> pb.TryResponse:
        try:
            answer = await gate.carrying().call(method, wanted)
        except ProposedError:
            return pb.TryResponse(proposed=True)
        await made.settle()
        asked = await self._reads(method, wanted, answer)
        after = [await _see(read) for read in asked]
        await made.take_back()
        before = [await _see(read) for read in asked]
        found = [
            each for pair in zip(before, after, strict=True) for each in differences.between(*pair)
        ]
        for name in SECRETS:
            if name in answer.DESCRIPTOR.fields_by_name:
                answer.ClearField(name)
        if not asked or before == after == [None] * len(asked):
            found = differences.between(None, answer)
        return pb.TryResponse(answer=answer.SerializeToString(), differences=found)

    async def _reads(self, method: str, wanted: Any, answer: Any) -> list[trial_reads.Read]:
        """Of a proposal that is confirmed, what its own call changes, too."""
        found = [trial_reads.read_of(method, wanted, answer)]
        if method == "AdminsService/ConfirmProposal":
            stored = await four_eyes.find(self._pool, wanted.id)
            proposed = await gate.carrying().read(stored.method, stored.request)
            found.append(trial_reads.read_of(stored.method, proposed, None))
        return [read for read in found if read is not None]


async def _read(request: pb.TryRequest) -> Any:
    try:
        return await gate.carrying().read(request.method, request.request)
    except DecodeError as error:
        raise InvalidFieldError("request", f"is no request of {request.method}") from error


async def _see(read: trial_reads.Read) -> Message | None:
    """None where there is nothing to see, or not for this caller."""
    try:
        return await gate.carrying().call(*read)  # type: ignore[no-any-return]
    except AdminError:
        return None


def add_trial_service(server: grpc.aio.Server, pool: asyncpg.Pool) -> None:
    """Serve the TrialService on a server that was made with `admin_interceptors(tokens)`."""
    trials_pb2_grpc.add_TrialServiceServicer_to_server(TrialServicer(pool), server)
