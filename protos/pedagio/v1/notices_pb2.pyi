from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListNoticesRequest(_message.Message):
    __slots__ = ("page_size", "state")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    state: str
    def __init__(self, page_size: _Optional[int] = ..., state: _Optional[str] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("id", "kind", "audience", "account_id", "subject", "created_at_ms", "channel", "state", "attempts", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    audience: str
    account_id: int
    subject: str
    created_at_ms: int
    channel: str
    state: str
    attempts: int
    problem: str
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., audience: _Optional[str] = ..., account_id: _Optional[int] = ..., subject: _Optional[str] = ..., created_at_ms: _Optional[int] = ..., channel: _Optional[str] = ..., state: _Optional[str] = ..., attempts: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class ListNoticesResponse(_message.Message):
    __slots__ = ("notices",)
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    def __init__(self, notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ...) -> None: ...

class RetryNoticeRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    reason: str
    def __init__(self, id: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class RetryNoticeResponse(_message.Message):
    __slots__ = ("deliveries",)
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    deliveries: int
    def __init__(self, deliveries: _Optional[int] = ...) -> None: ...

class SetThresholdsRequest(_message.Message):
    __slots__ = ("plan", "percents", "reason")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PERCENTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    plan: str
    percents: _containers.RepeatedScalarFieldContainer[int]
    reason: str
    def __init__(self, plan: _Optional[str] = ..., percents: _Optional[_Iterable[int]] = ..., reason: _Optional[str] = ...) -> None: ...

class Thresholds(_message.Message):
    __slots__ = ("plan", "percents")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PERCENTS_FIELD_NUMBER: _ClassVar[int]
    plan: str
    percents: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, plan: _Optional[str] = ..., percents: _Optional[_Iterable[int]] = ...) -> None: ...
