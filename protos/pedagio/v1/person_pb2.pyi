from protos.pedagio.v1 import requests_pb2 as _requests_pb2
from protos.pedagio.v1 import settings_pb2 as _settings_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Visit(_message.Message):
    __slots__ = ("code", "browser", "peer")
    CODE_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    code: str
    browser: str
    peer: str
    def __init__(self, code: _Optional[str] = ..., browser: _Optional[str] = ..., peer: _Optional[str] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("status", "until_ms")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    status: str
    until_ms: int
    def __init__(self, status: _Optional[str] = ..., until_ms: _Optional[int] = ...) -> None: ...

class OwnPool(_message.Message):
    __slots__ = ("name", "available_nanos", "active")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    name: str
    available_nanos: int
    active: bool
    def __init__(self, name: _Optional[str] = ..., available_nanos: _Optional[int] = ..., active: _Optional[bool] = ...) -> None: ...

class OwnCap(_message.Message):
    __slots__ = ("period", "pool", "limit_nanos", "left_nanos")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    LEFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    period: str
    pool: str
    limit_nanos: int
    left_nanos: int
    def __init__(self, period: _Optional[str] = ..., pool: _Optional[str] = ..., limit_nanos: _Optional[int] = ..., left_nanos: _Optional[int] = ...) -> None: ...

class Arrival(_message.Message):
    __slots__ = ("day", "amount_nanos")
    DAY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    day: str
    amount_nanos: int
    def __init__(self, day: _Optional[str] = ..., amount_nanos: _Optional[int] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("model", "at_ms", "cost_nanos", "held_nanos", "state", "pool")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    COST_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    model: str
    at_ms: int
    cost_nanos: int
    held_nanos: int
    state: str
    pool: str
    def __init__(self, model: _Optional[str] = ..., at_ms: _Optional[int] = ..., cost_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., state: _Optional[str] = ..., pool: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("id", "at_ms", "reason", "model", "left_nanos", "needed_nanos", "disputed", "answer")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LEFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    NEEDED_NANOS_FIELD_NUMBER: _ClassVar[int]
    DISPUTED_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    id: str
    at_ms: int
    reason: str
    model: str
    left_nanos: int
    needed_nanos: int
    disputed: bool
    answer: str
    def __init__(self, id: _Optional[str] = ..., at_ms: _Optional[int] = ..., reason: _Optional[str] = ..., model: _Optional[str] = ..., left_nanos: _Optional[int] = ..., needed_nanos: _Optional[int] = ..., disputed: _Optional[bool] = ..., answer: _Optional[str] = ...) -> None: ...

class PersonPage(_message.Message):
    __slots__ = ("display_name", "until_ms", "available_nanos", "held_nanos", "spent_today_nanos", "spent_more", "suspended", "pools", "caps", "coming", "calls", "running", "refusals", "requests", "terms", "settings", "language")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    SPENT_TODAY_NANOS_FIELD_NUMBER: _ClassVar[int]
    SPENT_MORE_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    CAPS_FIELD_NUMBER: _ClassVar[int]
    COMING_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    until_ms: int
    available_nanos: int
    held_nanos: int
    spent_today_nanos: int
    spent_more: bool
    suspended: bool
    pools: _containers.RepeatedCompositeFieldContainer[OwnPool]
    caps: _containers.RepeatedCompositeFieldContainer[OwnCap]
    coming: _containers.RepeatedCompositeFieldContainer[Arrival]
    calls: _containers.RepeatedCompositeFieldContainer[Call]
    running: _containers.RepeatedCompositeFieldContainer[Call]
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    requests: _containers.RepeatedCompositeFieldContainer[_requests_pb2.CreditRequest]
    terms: _requests_pb2.RequestTerms
    settings: _settings_pb2.Settings
    language: str
    def __init__(self, display_name: _Optional[str] = ..., until_ms: _Optional[int] = ..., available_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., spent_today_nanos: _Optional[int] = ..., spent_more: _Optional[bool] = ..., suspended: _Optional[bool] = ..., pools: _Optional[_Iterable[_Union[OwnPool, _Mapping]]] = ..., caps: _Optional[_Iterable[_Union[OwnCap, _Mapping]]] = ..., coming: _Optional[_Iterable[_Union[Arrival, _Mapping]]] = ..., calls: _Optional[_Iterable[_Union[Call, _Mapping]]] = ..., running: _Optional[_Iterable[_Union[Call, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., requests: _Optional[_Iterable[_Union[_requests_pb2.CreditRequest, _Mapping]]] = ..., terms: _Optional[_Union[_requests_pb2.RequestTerms, _Mapping]] = ..., settings: _Optional[_Union[_settings_pb2.Settings, _Mapping]] = ..., language: _Optional[str] = ...) -> None: ...

class AskCreditRequest(_message.Message):
    __slots__ = ("visit", "asked_nanos", "why", "advance", "request_id")
    VISIT_FIELD_NUMBER: _ClassVar[int]
    ASKED_NANOS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    visit: Visit
    asked_nanos: int
    why: str
    advance: bool
    request_id: str
    def __init__(self, visit: _Optional[_Union[Visit, _Mapping]] = ..., asked_nanos: _Optional[int] = ..., why: _Optional[str] = ..., advance: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class TakeBackRequest(_message.Message):
    __slots__ = ("visit", "id")
    VISIT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    visit: Visit
    id: int
    def __init__(self, visit: _Optional[_Union[Visit, _Mapping]] = ..., id: _Optional[int] = ...) -> None: ...

class DisputeRefusalRequest(_message.Message):
    __slots__ = ("visit", "refusal", "words")
    VISIT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    visit: Visit
    refusal: str
    words: str
    def __init__(self, visit: _Optional[_Union[Visit, _Mapping]] = ..., refusal: _Optional[str] = ..., words: _Optional[str] = ...) -> None: ...

class SetOwnSettingsRequest(_message.Message):
    __slots__ = ("visit", "language", "notices", "daily_limit_nanos", "monthly_limit_nanos", "request_id")
    VISIT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    DAILY_LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    visit: Visit
    language: str
    notices: bool
    daily_limit_nanos: int
    monthly_limit_nanos: int
    request_id: str
    def __init__(self, visit: _Optional[_Union[Visit, _Mapping]] = ..., language: _Optional[str] = ..., notices: _Optional[bool] = ..., daily_limit_nanos: _Optional[int] = ..., monthly_limit_nanos: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class MailAddressRequest(_message.Message):
    __slots__ = ("email", "peer")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    email: str
    peer: str
    def __init__(self, email: _Optional[str] = ..., peer: _Optional[str] = ...) -> None: ...

class MailAddressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
