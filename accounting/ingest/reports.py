"""Translation in: the callback's records, allow-listed and bounded field by field.

Source: the report format in docs/reference/reports.md. A record with any other field is not
accepted: a prompt cannot slip in under a new name.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from accounting.settling.hearing import LOOKED_S

# Nothing that a provider really bills is near these; beyond them a figure is a mistake or an attack.
TOKENS_LIMIT = 1_000_000_000
NANOS_LIMIT = 10**15
SPOOL = re.compile("[0-9a-f]{32}")
LOOKED_LIMIT_MS = 3_600_000


def storable(value: Any) -> Any:
    """A text as Postgres can keep it; a provider's odd character must not cost us the whole record."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode().replace("\x00", "?")


Tokens = Annotated[int, Field(ge=0, le=TOKENS_LIMIT)]
Nanos = Annotated[int, Field(ge=0, le=NANOS_LIMIT)]
Name = Annotated[str, BeforeValidator(storable), Field(max_length=256)]
Millis = Annotated[int, Field(ge=0, le=10**14)]


class Record(BaseModel):
    """What every record carries; `token` is the hold token that authz signed."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    token: Annotated[str, Field(max_length=8192)] | None = None
    hold: uuid.UUID | None = None
    at_ms: Millis


class UsageReport(BaseModel):
    """Tokens by meter, as LiteLLM reports them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0
    cached_tokens: Tokens = 0
    cache_creation_tokens: Tokens = 0
    cache_creation_1h_tokens: Tokens = 0
    reasoning_tokens: Tokens = 0
    audio_input_tokens: Tokens = 0
    audio_output_tokens: Tokens = 0


class Start(Record):
    """The call is about to leave for the provider."""

    record: Literal["start"]
    route: Name | None = None
    model: Name | None = None
    stream: bool = False
    input_bound_tokens: Tokens
    input_count_tokens: Tokens
    images: Annotated[int, Field(ge=0, le=100_000)] = 0
    output_limit_tokens: Tokens | None = None
    clamped: bool = False
    granted_nanos: Nanos = 0
    bound_nanos: Nanos = 0
    price_stale: bool = False
    would_refuse: Name | None = None
    choices: Annotated[int, Field(ge=1, le=128)] = 1
    thinks: bool = True
    unseen: bool = False
    continues: Name | None = None


class End(Record):
    """The call is over, whatever way it ended."""

    record: Literal["end"]
    outcome: Literal["ok", "failed", "aborted", "refused"]
    reason: Name | None = None
    field: Name | None = None
    chunks: Tokens = 0
    output_chars: Tokens = 0
    output_bytes: Tokens = 0
    first_visible_ms: Millis | None = None
    duration_ms: Millis = 0
    finish_reason: Name | None = None
    empty_under_clamp: bool = False
    complete: bool = False
    usage: UsageReport | None = None
    model_id: Name | None = None
    service_tier: Name | None = None


class Cost(Record):
    """What LiteLLM says one attempt cost; `cost_usd` is its float written as text, below a million."""

    record: Literal["cost"]
    source: Literal["callback", "webhook"] = "callback"
    status: Literal["success", "failure"]
    provider_id: Name | None = None
    error_code: Name | None = None
    cache_hit: bool = False
    model_group: Name | None = None
    model: Name | None = None
    model_id: Name | None = None
    provider: Name | None = None
    cost_usd: Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,40})?([eE]-[0-9]{1,3})?$")]
    usage: UsageReport
    service_tier: Name | None = None
    started_ms: Millis | None = None
    ended_ms: Millis | None = None


def spool_name(batch: Mapping[str, Any]) -> str:
    """Which folder of spools a batch comes from; '' when it does not say, as an older callback."""
    name = batch.get("spool")
    return name if isinstance(name, str) and SPOOL.fullmatch(name) else ""


def looked_s(batch: Mapping[str, Any]) -> float:
    """How long before it was sent a heartbeat looked at the spool; of an older callback: two rounds."""
    looked_ms = batch.get("looked_ms")
    known = isinstance(looked_ms, int) and 0 <= looked_ms <= LOOKED_LIMIT_MS
    return looked_ms / 1000 if known and isinstance(looked_ms, int) else LOOKED_S


AnyRecord = Start | End | Cost
RECORD: TypeAdapter[AnyRecord] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="record")])
