"""Evidence of calls as the callback reports them, for tests of the closing rules."""

from typing import Any

from accounting.ingest.reports import Cost
from accounting.settling.evidence import Evidence

RECORD_ID = "0123456789abcdef" * 2


def a_cost(**changes: Any) -> Cost:
    """A chat answer of gpt-4o: 1,000 tokens in, 200 out, 0.0045 USD."""
    fields: dict[str, Any] = {
        "record": "cost",
        "id": RECORD_ID,
        "at_ms": 1_795_000_000_000,
        "status": "success",
        "provider_id": "chatcmpl-1",
        "model_group": "gpt-4o",
        "model": "gpt-4o",
        "model_id": "id-gpt-4o",
        "cost_usd": "0.0045",
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 200},
    }
    return Cost.model_validate(fields | changes)


def start(**changes: Any) -> dict[str, Any]:
    """A start as it is on record."""
    return {"kind": "start", "age_s": 60.0, "body": {"input_count_tokens": 1_000} | changes}


def end(outcome: str = "ok", age_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """An end as it is on record; complete and with an answer when `ok`."""
    body = {
        "outcome": outcome,
        "reason": None,
        "chunks": 3 if outcome == "ok" else 0,
        "output_chars": 400 if outcome == "ok" else 0,
        "first_visible_ms": 500,
        "duration_ms": 2_000,
        "complete": outcome == "ok",
    }
    return {"kind": "end", "age_s": age_s, "body": body | changes}


def cost(status: str = "success", *, exact: bool = True, **changes: Any) -> dict[str, Any]:
    """A cost as it is on record."""
    body = {"status": status, "exact": exact, "service_tier": None, "error_code": None}
    return {"kind": "cost", "age_s": 0.0, "body": body | changes}


def access(code: int | None = 200, age_s: float = 0.0, **changes: Any) -> dict[str, Any]:
    """Envoy's entry of the end as it is on record: 4,000 bytes went in, a stream of 22,000 came out."""
    body: dict[str, Any] = {
        "stage": "end",
        "code": code,
        "details": "via_upstream",
        "flags": [],
        "bytes_received": 4_000,
        "bytes_sent": 22_000,
        "duration_ms": 2_000,
        "upstream": True,
        "first_byte_ms": 500,
        "content_type": "stream",
    }
    return {"kind": "access", "age_s": age_s, "body": body | changes}


def evidence(*records: dict[str, Any], **known: Any) -> Evidence:
    """All that is known of a hold; `known`: further fields of Evidence."""
    return Evidence(known.pop("expired", False), records, **known)
