"""What accounting counts about itself; served at `GET /metrics` of its ingest face.

Each is documented in docs/reference/metrics.md (a test holds that).
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

REGISTRY = CollectorRegistry()
STATES = ("connected", "spooling")

STORE_STATE = Gauge(
    "pedagio_store_state",
    "1 for the state that Postgres is in for this process, 0 for the others",
    ["state"],
    registry=REGISTRY,
)
REPORTS = Counter(
    "pedagio_reports",
    "reports of calls by what became of them",
    ["result"],
    registry=REGISTRY,
)
ACCESS_ENTRIES = Counter(
    "pedagio_access_entries",
    "entries of Envoy's access log by what became of them",
    ["result"],
    registry=REGISTRY,
)
SPOOL_BYTES = Gauge(
    "pedagio_spool_bytes", "what waits on this disk until Postgres is back", registry=REGISTRY
)
SPOOLED = Counter(
    "pedagio_spooled_items",
    "items that came while Postgres was away, by kind and by what became of them",
    ["kind", "result"],
    registry=REGISTRY,
)
MIRROR_LAG = Gauge(
    "pedagio_mirror_lag_seconds",
    "age of what the mirror in Redis shows; it grows while Redis or Postgres is away",
    registry=REGISTRY,
)
MIRRORED = Counter("pedagio_mirrored_accounts", "accounts written to the mirror", registry=REGISTRY)
SETTLEMENTS = Counter(
    "pedagio_settlements",
    "holds closed, by outcome and reason",
    ["outcome", "reason"],
    registry=REGISTRY,
)
NOTICES = Counter(
    "pedagio_notices",
    "deliveries of notices, by channel and state: sent, skipped, failed, postponed",
    ["channel", "state"],
    registry=REGISTRY,
)
OPEN_HOLDS = Gauge("pedagio_open_holds", "holds that are open now", registry=REGISTRY)
HELD_NANOS = Gauge("pedagio_held_nanos", "what the open holds reserve, nano-USD", registry=REGISTRY)
MATCH_CALLS = Gauge(
    "pedagio_match_calls",
    "calls of the last hour by who told of them: hold, access log, callback, 1 or 0 each",
    ["combination"],
    registry=REGISTRY,
)
MATCH_RATE = Gauge(
    "pedagio_match_rate",
    "share of the last hour's calls of which all three told",
    registry=REGISTRY,
)
OLDEST_UNMATCHED = Gauge(
    "pedagio_match_oldest_unmatched_seconds",
    "longest that an open hold has waited since the first word of its end",
    registry=REGISTRY,
)
AUDIT_AT = Gauge(
    "pedagio_audit_timestamp_seconds", "when the last run of the auditor ended", registry=REGISTRY
)
AUDIT_SECONDS = Gauge(
    "pedagio_audit_seconds", "how long the last run of the auditor took", registry=REGISTRY
)
AUDIT_VIOLATIONS = Gauge(
    "pedagio_audit_violations",
    "rows that broke an invariant in the last run of the auditor",
    ["invariant"],
    registry=REGISTRY,
)
AUDIT_FAILED = Counter(
    "pedagio_audit_failed_runs", "runs of the auditor that did not end", registry=REGISTRY
)
SEAL_HEAD = Gauge("pedagio_seal_head", "number of the newest link of the seal", registry=REGISTRY)


def show_state(state: str) -> None:
    """Make `state` the one that is 1."""
    for one in STATES:
        STORE_STATE.labels(one).set(one == state)


def exposition() -> bytes:
    """Everything in the text format of Prometheus."""
    return generate_latest(REGISTRY)
