from protos.pedagio.v1 import admin_pb2 as _admin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Person(_message.Message):
    __slots__ = ("id", "email", "name", "team", "cost_center", "language", "plan", "state", "account", "available_nanos", "waiting_nanos", "identities")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    COST_CENTER_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    WAITING_NANOS_FIELD_NUMBER: _ClassVar[int]
    IDENTITIES_FIELD_NUMBER: _ClassVar[int]
    id: int
    email: str
    name: str
    team: str
    cost_center: str
    language: str
    plan: str
    state: str
    account: _admin_pb2.AccountName
    available_nanos: int
    waiting_nanos: int
    identities: _containers.RepeatedCompositeFieldContainer[_admin_pb2.AccountName]
    def __init__(self, id: _Optional[int] = ..., email: _Optional[str] = ..., name: _Optional[str] = ..., team: _Optional[str] = ..., cost_center: _Optional[str] = ..., language: _Optional[str] = ..., plan: _Optional[str] = ..., state: _Optional[str] = ..., account: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., available_nanos: _Optional[int] = ..., waiting_nanos: _Optional[int] = ..., identities: _Optional[_Iterable[_Union[_admin_pb2.AccountName, _Mapping]]] = ...) -> None: ...

class ImportPeopleRequest(_message.Message):
    __slots__ = ("file", "brl_per_usd", "partial", "force", "dry_run", "request_id", "reason")
    FILE_FIELD_NUMBER: _ClassVar[int]
    BRL_PER_USD_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    brl_per_usd: str
    partial: bool
    force: bool
    dry_run: bool
    request_id: str
    reason: str
    def __init__(self, file: _Optional[bytes] = ..., brl_per_usd: _Optional[str] = ..., partial: _Optional[bool] = ..., force: _Optional[bool] = ..., dry_run: _Optional[bool] = ..., request_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PersonChange(_message.Message):
    __slots__ = ("change", "email", "fields", "credit_nanos", "line")
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    change: str
    email: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    credit_nanos: int
    line: int
    def __init__(self, change: _Optional[str] = ..., email: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., credit_nanos: _Optional[int] = ..., line: _Optional[int] = ...) -> None: ...

class ImportPeopleResponse(_message.Message):
    __slots__ = ("batch", "replayed", "changes", "unchanged", "new_pools", "doubts", "credit_nanos")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    NEW_POOLS_FIELD_NUMBER: _ClassVar[int]
    DOUBTS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_NANOS_FIELD_NUMBER: _ClassVar[int]
    batch: int
    replayed: bool
    changes: _containers.RepeatedCompositeFieldContainer[PersonChange]
    unchanged: int
    new_pools: _containers.RepeatedScalarFieldContainer[str]
    doubts: _containers.RepeatedScalarFieldContainer[str]
    credit_nanos: int
    def __init__(self, batch: _Optional[int] = ..., replayed: _Optional[bool] = ..., changes: _Optional[_Iterable[_Union[PersonChange, _Mapping]]] = ..., unchanged: _Optional[int] = ..., new_pools: _Optional[_Iterable[str]] = ..., doubts: _Optional[_Iterable[str]] = ..., credit_nanos: _Optional[int] = ...) -> None: ...

class UndoImportRequest(_message.Message):
    __slots__ = ("batch", "dry_run", "reason")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    batch: int
    dry_run: bool
    reason: str
    def __init__(self, batch: _Optional[int] = ..., dry_run: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class UndoImportResponse(_message.Message):
    __slots__ = ("batch", "removed", "suspended", "restored", "revoked_nanos", "kept")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_NANOS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    batch: int
    removed: int
    suspended: int
    restored: int
    revoked_nanos: int
    kept: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, batch: _Optional[int] = ..., removed: _Optional[int] = ..., suspended: _Optional[int] = ..., restored: _Optional[int] = ..., revoked_nanos: _Optional[int] = ..., kept: _Optional[_Iterable[str]] = ...) -> None: ...

class ListImportsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ImportBatch(_message.Message):
    __slots__ = ("id", "actor", "reason", "imported_at_ms", "undone_at_ms", "people")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    UNDONE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    id: int
    actor: str
    reason: str
    imported_at_ms: int
    undone_at_ms: int
    people: int
    def __init__(self, id: _Optional[int] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., imported_at_ms: _Optional[int] = ..., undone_at_ms: _Optional[int] = ..., people: _Optional[int] = ...) -> None: ...

class ListImportsResponse(_message.Message):
    __slots__ = ("imports",)
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    imports: _containers.RepeatedCompositeFieldContainer[ImportBatch]
    def __init__(self, imports: _Optional[_Iterable[_Union[ImportBatch, _Mapping]]] = ...) -> None: ...

class ListPeopleRequest(_message.Message):
    __slots__ = ("team", "state", "page_size", "page_token", "search")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    team: str
    state: str
    page_size: int
    page_token: str
    search: str
    def __init__(self, team: _Optional[str] = ..., state: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., search: _Optional[str] = ...) -> None: ...

class ListPeopleResponse(_message.Message):
    __slots__ = ("people", "next_page_token")
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    people: _containers.RepeatedCompositeFieldContainer[Person]
    next_page_token: str
    def __init__(self, people: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPersonRequest(_message.Message):
    __slots__ = ("email",)
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    email: str
    def __init__(self, email: _Optional[str] = ...) -> None: ...

class BindPersonRequest(_message.Message):
    __slots__ = ("email", "name", "reason", "dry_run")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    email: str
    name: _admin_pb2.AccountName
    reason: str
    dry_run: bool
    def __init__(self, email: _Optional[str] = ..., name: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., reason: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class UnbindPersonRequest(_message.Message):
    __slots__ = ("name", "reason", "dry_run")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    name: _admin_pb2.AccountName
    reason: str
    dry_run: bool
    def __init__(self, name: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., reason: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class ErasePersonRequest(_message.Message):
    __slots__ = ("email", "reason", "dry_run")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    email: str
    reason: str
    dry_run: bool
    def __init__(self, email: _Optional[str] = ..., reason: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class ErasePersonResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: int
    def __init__(self, person: _Optional[int] = ...) -> None: ...

class Stranger(_message.Message):
    __slots__ = ("name", "email", "has_account", "seen_at_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    HAS_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    name: _admin_pb2.AccountName
    email: str
    has_account: bool
    seen_at_ms: int
    def __init__(self, name: _Optional[_Union[_admin_pb2.AccountName, _Mapping]] = ..., email: _Optional[str] = ..., has_account: _Optional[bool] = ..., seen_at_ms: _Optional[int] = ...) -> None: ...

class ClientPeople(_message.Message):
    __slots__ = ("client", "verified_emails", "guest_plan", "new_accounts_a_day")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_EMAILS_FIELD_NUMBER: _ClassVar[int]
    GUEST_PLAN_FIELD_NUMBER: _ClassVar[int]
    NEW_ACCOUNTS_A_DAY_FIELD_NUMBER: _ClassVar[int]
    client: str
    verified_emails: bool
    guest_plan: str
    new_accounts_a_day: int
    def __init__(self, client: _Optional[str] = ..., verified_emails: _Optional[bool] = ..., guest_plan: _Optional[str] = ..., new_accounts_a_day: _Optional[int] = ...) -> None: ...

class ListStrangersRequest(_message.Message):
    __slots__ = ("page_size",)
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    def __init__(self, page_size: _Optional[int] = ...) -> None: ...

class ListStrangersResponse(_message.Message):
    __slots__ = ("strangers", "clients")
    STRANGERS_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    strangers: _containers.RepeatedCompositeFieldContainer[Stranger]
    clients: _containers.RepeatedCompositeFieldContainer[ClientPeople]
    def __init__(self, strangers: _Optional[_Iterable[_Union[Stranger, _Mapping]]] = ..., clients: _Optional[_Iterable[_Union[ClientPeople, _Mapping]]] = ...) -> None: ...

class SetClientPeopleRequest(_message.Message):
    __slots__ = ("client", "verified_emails", "guest_plan", "new_accounts_a_day", "reason", "dry_run")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_EMAILS_FIELD_NUMBER: _ClassVar[int]
    GUEST_PLAN_FIELD_NUMBER: _ClassVar[int]
    NEW_ACCOUNTS_A_DAY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    client: str
    verified_emails: bool
    guest_plan: str
    new_accounts_a_day: int
    reason: str
    dry_run: bool
    def __init__(self, client: _Optional[str] = ..., verified_emails: _Optional[bool] = ..., guest_plan: _Optional[str] = ..., new_accounts_a_day: _Optional[int] = ..., reason: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...
