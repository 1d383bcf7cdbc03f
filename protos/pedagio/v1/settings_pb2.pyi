from protos.pedagio.v1 import admin_pb2 as _admin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Settings(_message.Message):
    __slots__ = ("account", "language", "notices", "daily_limit_nanos", "monthly_limit_nanos", "first_pool", "daily_left_nanos", "monthly_left_nanos", "client_language", "pools", "locked", "replayed")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    DAILY_LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    FIRST_POOL_FIELD_NUMBER: _ClassVar[int]
    DAILY_LEFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_LEFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    LOCKED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    language: str
    notices: bool
    daily_limit_nanos: int
    monthly_limit_nanos: int
    first_pool: str
    daily_left_nanos: int
    monthly_left_nanos: int
    client_language: str
    pools: _containers.RepeatedScalarFieldContainer[str]
    locked: _containers.RepeatedScalarFieldContainer[str]
    replayed: bool
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., language: _Optional[str] = ..., notices: _Optional[bool] = ..., daily_limit_nanos: _Optional[int] = ..., monthly_limit_nanos: _Optional[int] = ..., first_pool: _Optional[str] = ..., daily_left_nanos: _Optional[int] = ..., monthly_left_nanos: _Optional[int] = ..., client_language: _Optional[str] = ..., pools: _Optional[_Iterable[str]] = ..., locked: _Optional[_Iterable[str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SetSettingsRequest(_message.Message):
    __slots__ = ("account", "language", "notices", "daily_limit_nanos", "monthly_limit_nanos", "first_pool", "reason", "request_id", "validate_only")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    DAILY_LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    FIRST_POOL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    language: str
    notices: bool
    daily_limit_nanos: int
    monthly_limit_nanos: int
    first_pool: str
    reason: str
    request_id: str
    validate_only: bool
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., language: _Optional[str] = ..., notices: _Optional[bool] = ..., daily_limit_nanos: _Optional[int] = ..., monthly_limit_nanos: _Optional[int] = ..., first_pool: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class SetEmailRequest(_message.Message):
    __slots__ = ("account", "email", "reason")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    email: str
    reason: str
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., email: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
