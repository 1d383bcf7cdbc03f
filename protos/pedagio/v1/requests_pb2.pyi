from protos.pedagio.v1 import admin_pb2 as _admin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreditRequest(_message.Message):
    __slots__ = ("id", "account", "display_name", "amount_nanos", "why", "advance", "state", "requested_at_ms", "expires_at_ms", "approved_nanos", "grant_id", "valid_until_ms", "by_policy", "decider", "answer", "decided_at_ms", "approvers", "available_nanos", "spent_nanos", "submitter", "replayed")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    APPROVED_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    BY_POLICY_FIELD_NUMBER: _ClassVar[int]
    DECIDER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    APPROVERS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    SPENT_NANOS_FIELD_NUMBER: _ClassVar[int]
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    id: int
    account: _admin_pb2.AccountName
    display_name: str
    amount_nanos: int
    why: str
    advance: bool
    state: str
    requested_at_ms: int
    expires_at_ms: int
    approved_nanos: int
    grant_id: int
    valid_until_ms: int
    by_policy: bool
    decider: str
    answer: str
    decided_at_ms: int
    approvers: _containers.RepeatedScalarFieldContainer[str]
    available_nanos: int
    spent_nanos: int
    submitter: str
    replayed: bool
    def __init__(self, id: _Optional[int] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., display_name: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., why: _Optional[str] = ..., advance: _Optional[bool] = ..., state: _Optional[str] = ..., requested_at_ms: _Optional[int] = ..., expires_at_ms: _Optional[int] = ..., approved_nanos: _Optional[int] = ..., grant_id: _Optional[int] = ..., valid_until_ms: _Optional[int] = ..., by_policy: _Optional[bool] = ..., decider: _Optional[str] = ..., answer: _Optional[str] = ..., decided_at_ms: _Optional[int] = ..., approvers: _Optional[_Iterable[str]] = ..., available_nanos: _Optional[int] = ..., spent_nanos: _Optional[int] = ..., submitter: _Optional[str] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SubmitRequestRequest(_message.Message):
    __slots__ = ("account", "asked_nanos", "why", "request_id", "advance", "validate_only", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ASKED_NANOS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    asked_nanos: int
    why: str
    request_id: str
    advance: bool
    validate_only: bool
    reason: str
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., asked_nanos: _Optional[int] = ..., why: _Optional[str] = ..., request_id: _Optional[str] = ..., advance: _Optional[bool] = ..., validate_only: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class WithdrawRequestRequest(_message.Message):
    __slots__ = ("id", "account", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    account: _admin_pb2.AccountName
    reason: str
    def __init__(self, id: _Optional[int] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetRequestRequest(_message.Message):
    __slots__ = ("id", "account")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    id: int
    account: _admin_pb2.AccountName
    def __init__(self, id: _Optional[int] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("open", "account", "pool", "page_size", "page_token")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    open: bool
    account: _admin_pb2.AccountName
    pool: str
    page_size: int
    page_token: str
    def __init__(self, open: _Optional[bool] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., pool: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[CreditRequest]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[CreditRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RequestTerms(_message.Message):
    __slots__ = ("may_ask", "problem", "most_nanos", "at_once_nanos", "advance_nanos", "period_ends_at_ms", "asked", "most_asked", "next_allowance_nanos", "problem_kind")
    MAY_ASK_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    MOST_NANOS_FIELD_NUMBER: _ClassVar[int]
    AT_ONCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_ENDS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    MOST_ASKED_FIELD_NUMBER: _ClassVar[int]
    NEXT_ALLOWANCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_KIND_FIELD_NUMBER: _ClassVar[int]
    may_ask: bool
    problem: str
    most_nanos: int
    at_once_nanos: int
    advance_nanos: int
    period_ends_at_ms: int
    asked: int
    most_asked: int
    next_allowance_nanos: int
    problem_kind: str
    def __init__(self, may_ask: _Optional[bool] = ..., problem: _Optional[str] = ..., most_nanos: _Optional[int] = ..., at_once_nanos: _Optional[int] = ..., advance_nanos: _Optional[int] = ..., period_ends_at_ms: _Optional[int] = ..., asked: _Optional[int] = ..., most_asked: _Optional[int] = ..., next_allowance_nanos: _Optional[int] = ..., problem_kind: _Optional[str] = ...) -> None: ...

class ApproveRequestRequest(_message.Message):
    __slots__ = ("id", "approved_nanos", "reason", "validate_only")
    ID_FIELD_NUMBER: _ClassVar[int]
    APPROVED_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    id: int
    approved_nanos: int
    reason: str
    validate_only: bool
    def __init__(self, id: _Optional[int] = ..., approved_nanos: _Optional[int] = ..., reason: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DenyRequestRequest(_message.Message):
    __slots__ = ("id", "reason", "validate_only")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    id: int
    reason: str
    validate_only: bool
    def __init__(self, id: _Optional[int] = ..., reason: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class ReadDecisionRequest(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("status", "verb", "request", "admin_name", "problem", "expires_at_ms")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ADMIN_NAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    status: str
    verb: str
    request: CreditRequest
    admin_name: str
    problem: str
    expires_at_ms: int
    def __init__(self, status: _Optional[str] = ..., verb: _Optional[str] = ..., request: _Optional[_Union[CreditRequest, _Mapping]] = ..., admin_name: _Optional[str] = ..., problem: _Optional[str] = ..., expires_at_ms: _Optional[int] = ...) -> None: ...

class DecideRequest(_message.Message):
    __slots__ = ("code", "answer")
    CODE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    code: str
    answer: str
    def __init__(self, code: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class Deputy(_message.Message):
    __slots__ = ("id", "admin", "deputy", "from_ms", "until_ms", "actor", "reason", "active")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    DEPUTY_FIELD_NUMBER: _ClassVar[int]
    FROM_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    id: int
    admin: str
    deputy: str
    from_ms: int
    until_ms: int
    actor: str
    reason: str
    active: bool
    def __init__(self, id: _Optional[int] = ..., admin: _Optional[str] = ..., deputy: _Optional[str] = ..., from_ms: _Optional[int] = ..., until_ms: _Optional[int] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., active: _Optional[bool] = ...) -> None: ...

class SetDeputyRequest(_message.Message):
    __slots__ = ("admin", "deputy", "from_ms", "until_ms", "reason")
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    DEPUTY_FIELD_NUMBER: _ClassVar[int]
    FROM_MS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    admin: str
    deputy: str
    from_ms: int
    until_ms: int
    reason: str
    def __init__(self, admin: _Optional[str] = ..., deputy: _Optional[str] = ..., from_ms: _Optional[int] = ..., until_ms: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ListDeputiesRequest(_message.Message):
    __slots__ = ("past",)
    PAST_FIELD_NUMBER: _ClassVar[int]
    past: bool
    def __init__(self, past: _Optional[bool] = ...) -> None: ...

class ListDeputiesResponse(_message.Message):
    __slots__ = ("deputies",)
    DEPUTIES_FIELD_NUMBER: _ClassVar[int]
    deputies: _containers.RepeatedCompositeFieldContainer[Deputy]
    def __init__(self, deputies: _Optional[_Iterable[_Union[Deputy, _Mapping]]] = ...) -> None: ...

class ClearDeputyRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    reason: str
    def __init__(self, id: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
