from protos.pedagio.v1 import admin_pb2 as _admin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Holder(_message.Message):
    __slots__ = ("account", "pool")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    pool: str
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., pool: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("id", "period", "time_zone", "allowance_nanos", "rollover", "rollover_cap_nanos", "whole_first_period", "priority", "accounts", "shadow")
    ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    ALLOWANCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    ROLLOVER_FIELD_NUMBER: _ClassVar[int]
    ROLLOVER_CAP_NANOS_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIRST_PERIOD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    id: str
    period: str
    time_zone: str
    allowance_nanos: int
    rollover: str
    rollover_cap_nanos: int
    whole_first_period: bool
    priority: int
    accounts: int
    shadow: bool
    def __init__(self, id: _Optional[str] = ..., period: _Optional[str] = ..., time_zone: _Optional[str] = ..., allowance_nanos: _Optional[int] = ..., rollover: _Optional[str] = ..., rollover_cap_nanos: _Optional[int] = ..., whole_first_period: _Optional[bool] = ..., priority: _Optional[int] = ..., accounts: _Optional[int] = ..., shadow: _Optional[bool] = ...) -> None: ...

class PutPlanRequest(_message.Message):
    __slots__ = ("plan", "reason")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    reason: str
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class ListPlansRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plans",)
    PLANS_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    def __init__(self, plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ...) -> None: ...

class GetPlanRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class AssignPlanRequest(_message.Message):
    __slots__ = ("holder", "plan", "now", "reason")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    holder: Holder
    plan: str
    now: bool
    reason: str
    def __init__(self, holder: _Optional[_Union[Holder, _Mapping]] = ..., plan: _Optional[str] = ..., now: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("id", "source", "state", "amount_nanos", "remaining_nanos", "priority", "valid_from_ms", "valid_until_ms", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_NANOS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_MS_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    source: str
    state: str
    amount_nanos: int
    remaining_nanos: int
    priority: int
    valid_from_ms: int
    valid_until_ms: int
    reason: str
    def __init__(self, id: _Optional[int] = ..., source: _Optional[str] = ..., state: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., remaining_nanos: _Optional[int] = ..., priority: _Optional[int] = ..., valid_from_ms: _Optional[int] = ..., valid_until_ms: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("holder", "posted_nanos", "held_nanos", "overdraft_nanos", "plan", "next_at_ms", "next_nanos", "grants", "replayed")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    POSTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    OVERDRAFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    NEXT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    NEXT_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    holder: Holder
    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    plan: str
    next_at_ms: int
    next_nanos: int
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    replayed: bool
    def __init__(self, holder: _Optional[_Union[Holder, _Mapping]] = ..., posted_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., overdraft_nanos: _Optional[int] = ..., plan: _Optional[str] = ..., next_at_ms: _Optional[int] = ..., next_nanos: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class GiveCreditRequest(_message.Message):
    __slots__ = ("holder", "amount_nanos", "source", "priority", "valid_from_ms", "valid_until_ms", "request_id", "reason", "purchase", "corrects")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_MS_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_MS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PURCHASE_FIELD_NUMBER: _ClassVar[int]
    CORRECTS_FIELD_NUMBER: _ClassVar[int]
    holder: Holder
    amount_nanos: int
    source: str
    priority: int
    valid_from_ms: int
    valid_until_ms: int
    request_id: str
    reason: str
    purchase: int
    corrects: str
    def __init__(self, holder: _Optional[_Union[Holder, _Mapping]] = ..., amount_nanos: _Optional[int] = ..., source: _Optional[str] = ..., priority: _Optional[int] = ..., valid_from_ms: _Optional[int] = ..., valid_until_ms: _Optional[int] = ..., request_id: _Optional[str] = ..., reason: _Optional[str] = ..., purchase: _Optional[int] = ..., corrects: _Optional[str] = ...) -> None: ...

class RevokeGrantRequest(_message.Message):
    __slots__ = ("grant_id", "reason", "holder")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    grant_id: int
    reason: str
    holder: Holder
    def __init__(self, grant_id: _Optional[int] = ..., reason: _Optional[str] = ..., holder: _Optional[_Union[Holder, _Mapping]] = ...) -> None: ...

class RevokeGrantResponse(_message.Message):
    __slots__ = ("revoked_nanos", "holder")
    REVOKED_NANOS_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    revoked_nanos: int
    holder: Holder
    def __init__(self, revoked_nanos: _Optional[int] = ..., holder: _Optional[_Union[Holder, _Mapping]] = ...) -> None: ...

class Pool(_message.Message):
    __slots__ = ("name", "posted_nanos", "held_nanos", "members", "plan", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POSTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    posted_nanos: int
    held_nanos: int
    members: int
    plan: str
    status: str
    def __init__(self, name: _Optional[str] = ..., posted_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., members: _Optional[int] = ..., plan: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class CreatePoolRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListPoolsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPoolsResponse(_message.Message):
    __slots__ = ("pools",)
    POOLS_FIELD_NUMBER: _ClassVar[int]
    pools: _containers.RepeatedCompositeFieldContainer[Pool]
    def __init__(self, pools: _Optional[_Iterable[_Union[Pool, _Mapping]]] = ...) -> None: ...

class GetPoolRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("account", "position", "pool_first", "spent_nanos", "held_nanos", "label")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    POOL_FIRST_FIELD_NUMBER: _ClassVar[int]
    SPENT_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    position: int
    pool_first: bool
    spent_nanos: int
    held_nanos: int
    label: str
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., position: _Optional[int] = ..., pool_first: _Optional[bool] = ..., spent_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class PoolDetail(_message.Message):
    __slots__ = ("pool", "credit", "members", "caps")
    POOL_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CAPS_FIELD_NUMBER: _ClassVar[int]
    pool: Pool
    credit: Credit
    members: _containers.RepeatedCompositeFieldContainer[Member]
    caps: _containers.RepeatedCompositeFieldContainer[Cap]
    def __init__(self, pool: _Optional[_Union[Pool, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., caps: _Optional[_Iterable[_Union[Cap, _Mapping]]] = ...) -> None: ...

class ListPoolStatementRequest(_message.Message):
    __slots__ = ("pool", "page_size", "page_token")
    POOL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pool: str
    page_size: int
    page_token: str
    def __init__(self, pool: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class PoolEntry(_message.Message):
    __slots__ = ("entry", "person")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    entry: _admin_pb2.Entry
    person: _admin_pb2.AccountName
    def __init__(self, entry: _Optional[_Union[_admin_pb2.Entry, _Mapping]] = ..., person: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ...) -> None: ...

class ListPoolStatementResponse(_message.Message):
    __slots__ = ("pool", "entries", "next_page_token")
    POOL_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    pool: Pool
    entries: _containers.RepeatedCompositeFieldContainer[PoolEntry]
    next_page_token: str
    def __init__(self, pool: _Optional[_Union[Pool, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[PoolEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetMemberRequest(_message.Message):
    __slots__ = ("pool", "account", "position", "pool_first", "reason")
    POOL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    POOL_FIRST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    pool: str
    account: _admin_pb2.AccountName
    position: int
    pool_first: bool
    reason: str
    def __init__(self, pool: _Optional[str] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., position: _Optional[int] = ..., pool_first: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class RemoveMemberRequest(_message.Message):
    __slots__ = ("pool", "account", "reason")
    POOL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    pool: str
    account: _admin_pb2.AccountName
    reason: str
    def __init__(self, pool: _Optional[str] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Cap(_message.Message):
    __slots__ = ("account", "pool", "period", "time_zone", "limit_nanos", "left_nanos", "held_nanos", "renews_at_ms", "own")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    LEFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    RENEWS_AT_MS_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    account: _admin_pb2.AccountName
    pool: str
    period: str
    time_zone: str
    limit_nanos: int
    left_nanos: int
    held_nanos: int
    renews_at_ms: int
    own: bool
    def __init__(self, account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., pool: _Optional[str] = ..., period: _Optional[str] = ..., time_zone: _Optional[str] = ..., limit_nanos: _Optional[int] = ..., left_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., renews_at_ms: _Optional[int] = ..., own: _Optional[bool] = ...) -> None: ...

class SetCapRequest(_message.Message):
    __slots__ = ("cap", "reason")
    CAP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    cap: Cap
    reason: str
    def __init__(self, cap: _Optional[_Union[Cap, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class ClearCapRequest(_message.Message):
    __slots__ = ("cap", "reason")
    CAP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    cap: Cap
    reason: str
    def __init__(self, cap: _Optional[_Union[Cap, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class ListCapsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCapsResponse(_message.Message):
    __slots__ = ("caps",)
    CAPS_FIELD_NUMBER: _ClassVar[int]
    caps: _containers.RepeatedCompositeFieldContainer[Cap]
    def __init__(self, caps: _Optional[_Iterable[_Union[Cap, _Mapping]]] = ...) -> None: ...
