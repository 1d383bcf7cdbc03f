"""What an error carries for programs beside its sentence: details of google.rpc in the trailing metadata."""

from typing import Final

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from accounting.admin.errors import AdminError, InvalidFieldError, ProposedError

TRAILER: Final = "grpc-status-details-bin"
DOMAIN: Final = "pedagio"
PROPOSED: Final = "PROPOSED"
# As gRPC numbers them; the status of the call itself must be the same.
_INVALID_ARGUMENT: Final = 3
_FAILED_PRECONDITION: Final = 9


def trailers(error: AdminError) -> tuple[tuple[str, bytes], ...]:
    """BadRequest names the field that cannot be used, ErrorInfo the proposal that was stored."""
    if isinstance(error, InvalidFieldError):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.problem
        )
        bad = error_details_pb2.BadRequest(field_violations=[violation])
        return _trailer(_INVALID_ARGUMENT, error, bad)
    if isinstance(error, ProposedError):
        info = error_details_pb2.ErrorInfo(
            reason=PROPOSED, domain=DOMAIN, metadata={"proposal": str(error.proposal_id)}
        )
        return _trailer(_FAILED_PRECONDITION, error, info)
    return ()


def _trailer(
    code: int,
    error: AdminError,
    detail: error_details_pb2.BadRequest | error_details_pb2.ErrorInfo,
) -> tuple[tuple[str, bytes], ...]:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=code, message=str(error), details=[packed])
    return ((TRAILER, status.SerializeToString()),)
