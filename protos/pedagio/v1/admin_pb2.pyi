from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountName(_message.Message):
    __slots__ = ("client", "external_id")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    client: str
    external_id: str
    def __init__(self, client: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("name", "id", "kind", "status", "posted_nanos", "held_nanos", "overdraft_nanos", "available_nanos", "version", "mode_override", "display_name", "email")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    POSTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    OVERDRAFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_NANOS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    name: AccountName
    id: int
    kind: str
    status: str
    posted_nanos: int
    held_nanos: int
    overdraft_nanos: int
    available_nanos: int
    version: int
    mode_override: str
    display_name: str
    email: str
    def __init__(self, name: _Optional[_Union[AccountName, _Mapping]] = ..., id: _Optional[int] = ..., kind: _Optional[str] = ..., status: _Optional[str] = ..., posted_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., overdraft_nanos: _Optional[int] = ..., available_nanos: _Optional[int] = ..., version: _Optional[int] = ..., mode_override: _Optional[str] = ..., display_name: _Optional[str] = ..., email: _Optional[str] = ...) -> None: ...

class Client(_message.Message):
    __slots__ = ("id", "kind", "litellm_key", "unknown_users", "style", "language", "enabled")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LITELLM_KEY_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_USERS_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    litellm_key: str
    unknown_users: str
    style: str
    language: str
    enabled: bool
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., litellm_key: _Optional[str] = ..., unknown_users: _Optional[str] = ..., style: _Optional[str] = ..., language: _Optional[str] = ..., enabled: _Optional[bool] = ...) -> None: ...

class CreateClientRequest(_message.Message):
    __slots__ = ("client", "key", "reason")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    client: Client
    key: str
    reason: str
    def __init__(self, client: _Optional[_Union[Client, _Mapping]] = ..., key: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CreateClientResponse(_message.Message):
    __slots__ = ("client", "key")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    client: Client
    key: str
    def __init__(self, client: _Optional[_Union[Client, _Mapping]] = ..., key: _Optional[str] = ...) -> None: ...

class ListClientsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListClientsResponse(_message.Message):
    __slots__ = ("clients",)
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    clients: _containers.RepeatedCompositeFieldContainer[Client]
    def __init__(self, clients: _Optional[_Iterable[_Union[Client, _Mapping]]] = ...) -> None: ...

class SetClientEnabledRequest(_message.Message):
    __slots__ = ("id", "enabled", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    enabled: bool
    reason: str
    def __init__(self, id: _Optional[str] = ..., enabled: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class OpenAccountRequest(_message.Message):
    __slots__ = ("name", "display_name", "email", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: AccountName
    display_name: str
    email: str
    reason: str
    def __init__(self, name: _Optional[_Union[AccountName, _Mapping]] = ..., display_name: _Optional[str] = ..., email: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SetAccountStatusRequest(_message.Message):
    __slots__ = ("name", "status", "mode_override", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MODE_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: AccountName
    status: str
    mode_override: str
    reason: str
    def __init__(self, name: _Optional[_Union[AccountName, _Mapping]] = ..., status: _Optional[str] = ..., mode_override: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class GrantRequest(_message.Message):
    __slots__ = ("name", "amount_nanos", "reason", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: AccountName
    amount_nanos: int
    reason: str
    request_id: str
    def __init__(self, name: _Optional[_Union[AccountName, _Mapping]] = ..., amount_nanos: _Optional[int] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GrantResponse(_message.Message):
    __slots__ = ("account", "transfer_id", "replayed")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    account: Account
    transfer_id: int
    replayed: bool
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., transfer_id: _Optional[int] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ListStatementRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: AccountName
    page_size: int
    page_token: str
    def __init__(self, name: _Optional[_Union[AccountName, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("transfer_id", "kind", "amount_nanos", "hold_id", "model", "reason", "actor", "event_at_ms", "recorded_at_ms", "reverses")
    TRANSFER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    EVENT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    REVERSES_FIELD_NUMBER: _ClassVar[int]
    transfer_id: int
    kind: str
    amount_nanos: int
    hold_id: str
    model: str
    reason: str
    actor: str
    event_at_ms: int
    recorded_at_ms: int
    reverses: int
    def __init__(self, transfer_id: _Optional[int] = ..., kind: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., hold_id: _Optional[str] = ..., model: _Optional[str] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., event_at_ms: _Optional[int] = ..., recorded_at_ms: _Optional[int] = ..., reverses: _Optional[int] = ...) -> None: ...

class ListStatementResponse(_message.Message):
    __slots__ = ("account", "entries", "next_page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: Account
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    next_page_token: str
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetModeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Mode(_message.Message):
    __slots__ = ("mode", "version", "enforcing")
    MODE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENFORCING_FIELD_NUMBER: _ClassVar[int]
    mode: str
    version: int
    enforcing: int
    def __init__(self, mode: _Optional[str] = ..., version: _Optional[int] = ..., enforcing: _Optional[int] = ...) -> None: ...

class SetModeRequest(_message.Message):
    __slots__ = ("mode", "reason")
    MODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    mode: str
    reason: str
    def __init__(self, mode: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListHoldsRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: AccountName
    page_size: int
    page_token: str
    def __init__(self, name: _Optional[_Union[AccountName, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("hold_id", "account", "model", "amount_nanos", "age_s", "reason", "frees_at_ms")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_NANOS_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FREES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    account: AccountName
    model: str
    amount_nanos: int
    age_s: int
    reason: str
    frees_at_ms: int
    def __init__(self, hold_id: _Optional[str] = ..., account: _Optional[_Union[AccountName, _Mapping]] = ..., model: _Optional[str] = ..., amount_nanos: _Optional[int] = ..., age_s: _Optional[int] = ..., reason: _Optional[str] = ..., frees_at_ms: _Optional[int] = ...) -> None: ...

class ListHoldsResponse(_message.Message):
    __slots__ = ("holds", "next_page_token")
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    next_page_token: str
    def __init__(self, holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("ref",)
    REF_FIELD_NUMBER: _ClassVar[int]
    ref: str
    def __init__(self, ref: _Optional[str] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("hold_id", "account", "kind", "reason", "detail", "model", "want_nanos", "minimum_nanos", "posted_nanos", "held_nanos", "granted_nanos", "captured_nanos", "at_ms", "overdraft_nanos", "target_nanos", "overage_nanos", "person_unknown", "late_nanos")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WANT_NANOS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_NANOS_FIELD_NUMBER: _ClassVar[int]
    POSTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    HELD_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CAPTURED_NANOS_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    OVERDRAFT_NANOS_FIELD_NUMBER: _ClassVar[int]
    TARGET_NANOS_FIELD_NUMBER: _ClassVar[int]
    OVERAGE_NANOS_FIELD_NUMBER: _ClassVar[int]
    PERSON_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    LATE_NANOS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    account: AccountName
    kind: str
    reason: str
    detail: str
    model: str
    want_nanos: int
    minimum_nanos: int
    posted_nanos: int
    held_nanos: int
    granted_nanos: int
    captured_nanos: int
    at_ms: int
    overdraft_nanos: int
    target_nanos: int
    overage_nanos: int
    person_unknown: bool
    late_nanos: int
    def __init__(self, hold_id: _Optional[str] = ..., account: _Optional[_Union[AccountName, _Mapping]] = ..., kind: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., model: _Optional[str] = ..., want_nanos: _Optional[int] = ..., minimum_nanos: _Optional[int] = ..., posted_nanos: _Optional[int] = ..., held_nanos: _Optional[int] = ..., granted_nanos: _Optional[int] = ..., captured_nanos: _Optional[int] = ..., at_ms: _Optional[int] = ..., overdraft_nanos: _Optional[int] = ..., target_nanos: _Optional[int] = ..., overage_nanos: _Optional[int] = ..., person_unknown: _Optional[bool] = ..., late_nanos: _Optional[int] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("explanations",)
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    explanations: _containers.RepeatedCompositeFieldContainer[Explanation]
    def __init__(self, explanations: _Optional[_Iterable[_Union[Explanation, _Mapping]]] = ...) -> None: ...

class SyncModelsRequest(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class SyncModelsResponse(_message.Message):
    __slots__ = ("version", "changed", "names", "unpriced")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_FIELD_NUMBER: _ClassVar[int]
    version: int
    changed: bool
    names: int
    unpriced: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., changed: _Optional[bool] = ..., names: _Optional[int] = ..., unpriced: _Optional[_Iterable[str]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ModelDeployment(_message.Message):
    __slots__ = ("model_id", "model", "priced", "custom_price", "house", "input_picos", "output_picos")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRICED_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_PRICE_FIELD_NUMBER: _ClassVar[int]
    HOUSE_FIELD_NUMBER: _ClassVar[int]
    INPUT_PICOS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PICOS_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    model: str
    priced: bool
    custom_price: bool
    house: bool
    input_picos: int
    output_picos: int
    def __init__(self, model_id: _Optional[str] = ..., model: _Optional[str] = ..., priced: _Optional[bool] = ..., custom_price: _Optional[bool] = ..., house: _Optional[bool] = ..., input_picos: _Optional[int] = ..., output_picos: _Optional[int] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "priced", "input_picos", "output_picos", "context_tokens", "max_output_tokens", "min_output_tokens", "deployments", "fallbacks")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRICED_FIELD_NUMBER: _ClassVar[int]
    INPUT_PICOS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PICOS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MIN_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENTS_FIELD_NUMBER: _ClassVar[int]
    FALLBACKS_FIELD_NUMBER: _ClassVar[int]
    name: str
    priced: bool
    input_picos: int
    output_picos: int
    context_tokens: int
    max_output_tokens: int
    min_output_tokens: int
    deployments: _containers.RepeatedCompositeFieldContainer[ModelDeployment]
    fallbacks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., priced: _Optional[bool] = ..., input_picos: _Optional[int] = ..., output_picos: _Optional[int] = ..., context_tokens: _Optional[int] = ..., max_output_tokens: _Optional[int] = ..., min_output_tokens: _Optional[int] = ..., deployments: _Optional[_Iterable[_Union[ModelDeployment, _Mapping]]] = ..., fallbacks: _Optional[_Iterable[str]] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "version")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    version: int
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., version: _Optional[int] = ...) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("hold_id", "reason")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    reason: str
    def __init__(self, hold_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReleaseHoldResponse(_message.Message):
    __slots__ = ("hold_id", "account", "released_nanos", "already_closed")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RELEASED_NANOS_FIELD_NUMBER: _ClassVar[int]
    ALREADY_CLOSED_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    account: AccountName
    released_nanos: int
    already_closed: bool
    def __init__(self, hold_id: _Optional[str] = ..., account: _Optional[_Union[AccountName, _Mapping]] = ..., released_nanos: _Optional[int] = ..., already_closed: _Optional[bool] = ...) -> None: ...

class ListExceptionsRequest(_message.Message):
    __slots__ = ("kind", "resolved", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: str
    resolved: bool
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[str] = ..., resolved: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Exception(_message.Message):
    __slots__ = ("id", "kind", "subject", "detail_json", "recorded_at_ms", "resolved_at_ms", "resolved_by", "resolution")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_JSON_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    subject: str
    detail_json: str
    recorded_at_ms: int
    resolved_at_ms: int
    resolved_by: str
    resolution: str
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., subject: _Optional[str] = ..., detail_json: _Optional[str] = ..., recorded_at_ms: _Optional[int] = ..., resolved_at_ms: _Optional[int] = ..., resolved_by: _Optional[str] = ..., resolution: _Optional[str] = ...) -> None: ...

class ListExceptionsResponse(_message.Message):
    __slots__ = ("exceptions", "next_page_token")
    EXCEPTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    exceptions: _containers.RepeatedCompositeFieldContainer[Exception]
    next_page_token: str
    def __init__(self, exceptions: _Optional[_Iterable[_Union[Exception, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ResolveExceptionRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    reason: str
    def __init__(self, id: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ListAlarmsRequest(_message.Message):
    __slots__ = ("kind", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: str
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("id", "kind", "subject", "detail_json", "raised_at_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_JSON_FIELD_NUMBER: _ClassVar[int]
    RAISED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    subject: str
    detail_json: str
    raised_at_ms: int
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., subject: _Optional[str] = ..., detail_json: _Optional[str] = ..., raised_at_ms: _Optional[int] = ...) -> None: ...

class ListAlarmsResponse(_message.Message):
    __slots__ = ("alarms", "next_page_token")
    ALARMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    alarms: _containers.RepeatedCompositeFieldContainer[Alarm]
    next_page_token: str
    def __init__(self, alarms: _Optional[_Iterable[_Union[Alarm, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RunAuditRequest(_message.Message):
    __slots__ = ("recent", "known_digest")
    RECENT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    recent: bool
    known_digest: str
    def __init__(self, recent: _Optional[bool] = ..., known_digest: _Optional[str] = ...) -> None: ...

class Violation(_message.Message):
    __slots__ = ("account_id", "subject", "detail", "frozen", "account")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    account_id: int
    subject: str
    detail: str
    frozen: bool
    account: AccountName
    def __init__(self, account_id: _Optional[int] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ..., frozen: _Optional[bool] = ..., account: _Optional[_Union[AccountName, _Mapping]] = ...) -> None: ...

class Invariant(_message.Message):
    __slots__ = ("name", "promise", "checked", "violated", "violations")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    VIOLATED_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    promise: str
    checked: int
    violated: int
    violations: _containers.RepeatedCompositeFieldContainer[Violation]
    def __init__(self, name: _Optional[str] = ..., promise: _Optional[str] = ..., checked: _Optional[int] = ..., violated: _Optional[int] = ..., violations: _Optional[_Iterable[_Union[Violation, _Mapping]]] = ...) -> None: ...

class RunAuditResponse(_message.Message):
    __slots__ = ("invariants", "took_ms", "seals", "head_number", "head_digest")
    INVARIANTS_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    SEALS_FIELD_NUMBER: _ClassVar[int]
    HEAD_NUMBER_FIELD_NUMBER: _ClassVar[int]
    HEAD_DIGEST_FIELD_NUMBER: _ClassVar[int]
    invariants: _containers.RepeatedCompositeFieldContainer[Invariant]
    took_ms: int
    seals: int
    head_number: int
    head_digest: str
    def __init__(self, invariants: _Optional[_Iterable[_Union[Invariant, _Mapping]]] = ..., took_ms: _Optional[int] = ..., seals: _Optional[int] = ..., head_number: _Optional[int] = ..., head_digest: _Optional[str] = ...) -> None: ...

class ReplayAccessLogRequest(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lines: _Optional[_Iterable[str]] = ...) -> None: ...

class ReplayAccessLogResponse(_message.Message):
    __slots__ = ("recorded", "duplicates", "skipped", "unreadable")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    duplicates: int
    skipped: int
    unreadable: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, recorded: _Optional[int] = ..., duplicates: _Optional[int] = ..., skipped: _Optional[int] = ..., unreadable: _Optional[_Iterable[int]] = ...) -> None: ...
