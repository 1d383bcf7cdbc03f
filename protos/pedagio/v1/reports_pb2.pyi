from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecomputeRequest(_message.Message):
    __slots__ = ("ref", "person")
    REF_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    ref: str
    person: str
    def __init__(self, ref: _Optional[str] = ..., person: _Optional[str] = ...) -> None: ...

class Recomputation(_message.Message):
    __slots__ = ("hold_id", "kind", "verdict", "sentence")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    kind: str
    verdict: str
    sentence: str
    def __init__(self, hold_id: _Optional[str] = ..., kind: _Optional[str] = ..., verdict: _Optional[str] = ..., sentence: _Optional[str] = ...) -> None: ...

class RecomputeResponse(_message.Message):
    __slots__ = ("recomputations",)
    RECOMPUTATIONS_FIELD_NUMBER: _ClassVar[int]
    recomputations: _containers.RepeatedCompositeFieldContainer[Recomputation]
    def __init__(self, recomputations: _Optional[_Iterable[_Union[Recomputation, _Mapping]]] = ...) -> None: ...

class ShadowReportRequest(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: int
    def __init__(self, days: _Optional[int] = ...) -> None: ...

class ReasonCount(_message.Message):
    __slots__ = ("reason", "requests", "people", "saved_nanos")
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    SAVED_NANOS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    requests: int
    people: int
    saved_nanos: int
    def __init__(self, reason: _Optional[str] = ..., requests: _Optional[int] = ..., people: _Optional[int] = ..., saved_nanos: _Optional[int] = ...) -> None: ...

class PersonReport(_message.Message):
    __slots__ = ("account_id", "client", "external_id", "email", "requests", "would_refuse", "shortened", "spent_nanos", "saved_nanos", "available_nanos", "nearly_out")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    WOULD_REFUSE_FIELD_NUMBER: _ClassVar[int]
    SHORTENED_FIELD_NUMBER: _ClassVar[int]
    SPENT_NANOS_FIELD_NUMBER: _ClassVar[int]
    SAVED_NANOS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    NEARLY_OUT_FIELD_NUMBER: _ClassVar[int]
    account_id: int
    client: str
    external_id: str
    email: str
    requests: int
    would_refuse: int
    shortened: int
    spent_nanos: int
    saved_nanos: int
    available_nanos: int
    nearly_out: bool
    def __init__(self, account_id: _Optional[int] = ..., client: _Optional[str] = ..., external_id: _Optional[str] = ..., email: _Optional[str] = ..., requests: _Optional[int] = ..., would_refuse: _Optional[int] = ..., shortened: _Optional[int] = ..., spent_nanos: _Optional[int] = ..., saved_nanos: _Optional[int] = ..., available_nanos: _Optional[int] = ..., nearly_out: _Optional[bool] = ...) -> None: ...

class ShadowReportResponse(_message.Message):
    __slots__ = ("days", "requests", "would_refuse", "people", "people_refused", "saved_nanos", "near_misses", "reasons", "persons")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    WOULD_REFUSE_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_REFUSED_FIELD_NUMBER: _ClassVar[int]
    SAVED_NANOS_FIELD_NUMBER: _ClassVar[int]
    NEAR_MISSES_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    days: int
    requests: int
    would_refuse: int
    people: int
    people_refused: int
    saved_nanos: int
    near_misses: int
    reasons: _containers.RepeatedCompositeFieldContainer[ReasonCount]
    persons: _containers.RepeatedCompositeFieldContainer[PersonReport]
    def __init__(self, days: _Optional[int] = ..., requests: _Optional[int] = ..., would_refuse: _Optional[int] = ..., people: _Optional[int] = ..., people_refused: _Optional[int] = ..., saved_nanos: _Optional[int] = ..., near_misses: _Optional[int] = ..., reasons: _Optional[_Iterable[_Union[ReasonCount, _Mapping]]] = ..., persons: _Optional[_Iterable[_Union[PersonReport, _Mapping]]] = ...) -> None: ...

class MatchRateRequest(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: int
    def __init__(self, days: _Optional[int] = ...) -> None: ...

class MatchRateResponse(_message.Message):
    __slots__ = ("calls", "matched")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    calls: int
    matched: int
    def __init__(self, calls: _Optional[int] = ..., matched: _Optional[int] = ...) -> None: ...

class ReadinessRequest(_message.Message):
    __slots__ = ("days", "cohort")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    COHORT_FIELD_NUMBER: _ClassVar[int]
    days: int
    cohort: str
    def __init__(self, days: _Optional[int] = ..., cohort: _Optional[str] = ...) -> None: ...

class ReadinessLine(_message.Message):
    __slots__ = ("name", "ready", "blocks", "finding", "command")
    NAME_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    name: str
    ready: bool
    blocks: bool
    finding: str
    command: str
    def __init__(self, name: _Optional[str] = ..., ready: _Optional[bool] = ..., blocks: _Optional[bool] = ..., finding: _Optional[str] = ..., command: _Optional[str] = ...) -> None: ...

class ReadinessResponse(_message.Message):
    __slots__ = ("days", "ready", "lines")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    days: int
    ready: bool
    lines: _containers.RepeatedCompositeFieldContainer[ReadinessLine]
    def __init__(self, days: _Optional[int] = ..., ready: _Optional[bool] = ..., lines: _Optional[_Iterable[_Union[ReadinessLine, _Mapping]]] = ...) -> None: ...

class EnforceRequest(_message.Message):
    __slots__ = ("reason", "force", "days", "cohort")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    COHORT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    force: bool
    days: int
    cohort: str
    def __init__(self, reason: _Optional[str] = ..., force: _Optional[bool] = ..., days: _Optional[int] = ..., cohort: _Optional[str] = ...) -> None: ...

class EnforceResponse(_message.Message):
    __slots__ = ("mode", "accounts", "readiness")
    MODE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    READINESS_FIELD_NUMBER: _ClassVar[int]
    mode: str
    accounts: int
    readiness: ReadinessResponse
    def __init__(self, mode: _Optional[str] = ..., accounts: _Optional[int] = ..., readiness: _Optional[_Union[ReadinessResponse, _Mapping]] = ...) -> None: ...
