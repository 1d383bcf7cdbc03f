from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListBooksRequest(_message.Message):
    __slots__ = ("page_size",)
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    def __init__(self, page_size: _Optional[int] = ...) -> None: ...

class PriceBook(_message.Message):
    __slots__ = ("version", "source", "digest", "imported", "imported_at_ms", "effective_at_ms", "state", "models")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    version: int
    source: str
    digest: str
    imported: bool
    imported_at_ms: int
    effective_at_ms: int
    state: str
    models: int
    def __init__(self, version: _Optional[int] = ..., source: _Optional[str] = ..., digest: _Optional[str] = ..., imported: _Optional[bool] = ..., imported_at_ms: _Optional[int] = ..., effective_at_ms: _Optional[int] = ..., state: _Optional[str] = ..., models: _Optional[int] = ...) -> None: ...

class ListBooksResponse(_message.Message):
    __slots__ = ("books",)
    BOOKS_FIELD_NUMBER: _ClassVar[int]
    books: _containers.RepeatedCompositeFieldContainer[PriceBook]
    def __init__(self, books: _Optional[_Iterable[_Union[PriceBook, _Mapping]]] = ...) -> None: ...

class DiffRequest(_message.Message):
    __slots__ = ("file", "effective_at_ms")
    FILE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    effective_at_ms: int
    def __init__(self, file: _Optional[bytes] = ..., effective_at_ms: _Optional[int] = ...) -> None: ...

class PriceChange(_message.Message):
    __slots__ = ("model", "field", "kind", "old_picos", "new_picos", "percent", "needs_force")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OLD_PICOS_FIELD_NUMBER: _ClassVar[int]
    NEW_PICOS_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FORCE_FIELD_NUMBER: _ClassVar[int]
    model: str
    field: str
    kind: str
    old_picos: int
    new_picos: int
    percent: int
    needs_force: bool
    def __init__(self, model: _Optional[str] = ..., field: _Optional[str] = ..., kind: _Optional[str] = ..., old_picos: _Optional[int] = ..., new_picos: _Optional[int] = ..., percent: _Optional[int] = ..., needs_force: _Optional[bool] = ...) -> None: ...

class PriceDiff(_message.Message):
    __slots__ = ("against_version", "same", "added", "removed", "changed", "needing_force", "models", "losing")
    AGAINST_VERSION_FIELD_NUMBER: _ClassVar[int]
    SAME_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    NEEDING_FORCE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    LOSING_FIELD_NUMBER: _ClassVar[int]
    against_version: int
    same: bool
    added: _containers.RepeatedScalarFieldContainer[str]
    removed: _containers.RepeatedScalarFieldContainer[str]
    changed: _containers.RepeatedCompositeFieldContainer[PriceChange]
    needing_force: int
    models: int
    losing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, against_version: _Optional[int] = ..., same: _Optional[bool] = ..., added: _Optional[_Iterable[str]] = ..., removed: _Optional[_Iterable[str]] = ..., changed: _Optional[_Iterable[_Union[PriceChange, _Mapping]]] = ..., needing_force: _Optional[int] = ..., models: _Optional[int] = ..., losing: _Optional[_Iterable[str]] = ...) -> None: ...

class ImportRequest(_message.Message):
    __slots__ = ("file", "effective_at_ms", "force", "reason", "request_id")
    FILE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    file: bytes
    effective_at_ms: int
    force: bool
    reason: str
    request_id: str
    def __init__(self, file: _Optional[bytes] = ..., effective_at_ms: _Optional[int] = ..., force: _Optional[bool] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ImportResponse(_message.Message):
    __slots__ = ("version", "imported", "effective_at_ms", "map_version", "not_yet", "diff")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    MAP_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOT_YET_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    version: int
    imported: bool
    effective_at_ms: int
    map_version: int
    not_yet: str
    diff: PriceDiff
    def __init__(self, version: _Optional[int] = ..., imported: _Optional[bool] = ..., effective_at_ms: _Optional[int] = ..., map_version: _Optional[int] = ..., not_yet: _Optional[str] = ..., diff: _Optional[_Union[PriceDiff, _Mapping]] = ...) -> None: ...

class OwnPrice(_message.Message):
    __slots__ = ("input_picos", "output_picos", "cached_picos", "context_tokens", "max_output_tokens")
    INPUT_PICOS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PICOS_FIELD_NUMBER: _ClassVar[int]
    CACHED_PICOS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    input_picos: int
    output_picos: int
    cached_picos: int
    context_tokens: int
    max_output_tokens: int
    def __init__(self, input_picos: _Optional[int] = ..., output_picos: _Optional[int] = ..., cached_picos: _Optional[int] = ..., context_tokens: _Optional[int] = ..., max_output_tokens: _Optional[int] = ...) -> None: ...

class OverrideRequest(_message.Message):
    __slots__ = ("model", "price", "effective_at_ms", "force", "reason", "request_id", "dry_run")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    model: str
    price: OwnPrice
    effective_at_ms: int
    force: bool
    reason: str
    request_id: str
    dry_run: bool
    def __init__(self, model: _Optional[str] = ..., price: _Optional[_Union[OwnPrice, _Mapping]] = ..., effective_at_ms: _Optional[int] = ..., force: _Optional[bool] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class OverrideResponse(_message.Message):
    __slots__ = ("version", "changed", "effective_at_ms", "map_version", "not_yet", "before")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    MAP_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOT_YET_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    version: int
    changed: bool
    effective_at_ms: int
    map_version: int
    not_yet: str
    before: OwnPrice
    def __init__(self, version: _Optional[int] = ..., changed: _Optional[bool] = ..., effective_at_ms: _Optional[int] = ..., map_version: _Optional[int] = ..., not_yet: _Optional[str] = ..., before: _Optional[_Union[OwnPrice, _Mapping]] = ...) -> None: ...

class ListOverridesRequest(_message.Message):
    __slots__ = ("page_size",)
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    def __init__(self, page_size: _Optional[int] = ...) -> None: ...

class PriceOverride(_message.Message):
    __slots__ = ("version", "model", "price", "effective_at_ms", "state", "changed_by", "reason")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    version: int
    model: str
    price: OwnPrice
    effective_at_ms: int
    state: str
    changed_by: str
    reason: str
    def __init__(self, version: _Optional[int] = ..., model: _Optional[str] = ..., price: _Optional[_Union[OwnPrice, _Mapping]] = ..., effective_at_ms: _Optional[int] = ..., state: _Optional[str] = ..., changed_by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListOverridesResponse(_message.Message):
    __slots__ = ("overrides",)
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    overrides: _containers.RepeatedCompositeFieldContainer[PriceOverride]
    def __init__(self, overrides: _Optional[_Iterable[_Union[PriceOverride, _Mapping]]] = ...) -> None: ...
