from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purchase(_message.Message):
    __slots__ = ("id", "bought_on", "supplier", "reference", "buyer", "amount_cents", "currency", "worth_nanos", "backed_nanos", "actor", "reason", "recorded_at_ms", "replayed")
    ID_FIELD_NUMBER: _ClassVar[int]
    BOUGHT_ON_FIELD_NUMBER: _ClassVar[int]
    SUPPLIER_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    WORTH_NANOS_FIELD_NUMBER: _ClassVar[int]
    BACKED_NANOS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    id: int
    bought_on: str
    supplier: str
    reference: str
    buyer: str
    amount_cents: int
    currency: str
    worth_nanos: int
    backed_nanos: int
    actor: str
    reason: str
    recorded_at_ms: int
    replayed: bool
    def __init__(self, id: _Optional[int] = ..., bought_on: _Optional[str] = ..., supplier: _Optional[str] = ..., reference: _Optional[str] = ..., buyer: _Optional[str] = ..., amount_cents: _Optional[int] = ..., currency: _Optional[str] = ..., worth_nanos: _Optional[int] = ..., backed_nanos: _Optional[int] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., recorded_at_ms: _Optional[int] = ..., replayed: _Optional[bool] = ...) -> None: ...

class RecordPurchaseRequest(_message.Message):
    __slots__ = ("purchase", "request_id", "reason")
    PURCHASE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    purchase: Purchase
    request_id: str
    reason: str
    def __init__(self, purchase: _Optional[_Union[Purchase, _Mapping]] = ..., request_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListPurchasesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPurchasesResponse(_message.Message):
    __slots__ = ("purchases", "next_page_token")
    PURCHASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    purchases: _containers.RepeatedCompositeFieldContainer[Purchase]
    next_page_token: str
    def __init__(self, purchases: _Optional[_Iterable[_Union[Purchase, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
