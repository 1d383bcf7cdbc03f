"""What authz counts about itself; served where `authz_metrics_listen` says.

Each is documented in docs/reference/metrics.md (a test holds that). The hot path holds on to the
children of its labels: looking one up by its labels costs more than counting.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from authz.request import Request
from authz.response import Allow, Answered, Listed, Refuse

REGISTRY = CollectorRegistry()
STATES: Final = ("connected", "bounded", "closed")
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

STORE_STATE = Gauge(
    "pedagio_store_state",
    "1 for the state that Postgres is in for this replica, 0 for the others",
    ["state"],
    registry=REGISTRY,
)
DECISIONS = Counter(
    "pedagio_decisions",
    "answers to Envoy, by result and reason",
    ["result", "reason"],
    registry=REGISTRY,
)
CHECK_SECONDS = Histogram(
    "pedagio_check_seconds",
    "from the question to the answer",
    buckets=BUCKETS_S,
    registry=REGISTRY,
)
PLACE_UNKNOWN = Counter(
    "pedagio_place_unknown", "holds whose outcome the ledger did not say", registry=REGISTRY
)
NOTES_DROPPED = Counter(
    "pedagio_notes_dropped", "refusals at the door whose note was lost", registry=REGISTRY
)
BOUNDED_HOLDS = Counter(
    "pedagio_bounded_holds",
    "holds granted while Postgres was away, by what became of them",
    ["result"],
    registry=REGISTRY,
)
BOUNDED_NANOS = Gauge(
    "pedagio_bounded_granted_nanos",
    "granted in this outage and not yet in the ledger, nano-USD",
    registry=REGISTRY,
)
SPOOL_BYTES = Gauge(
    "pedagio_spool_bytes", "what waits on this disk until Postgres is back", registry=REGISTRY
)

_allowed = DECISIONS.labels("allow", "")
_listed = DECISIONS.labels("answer", "")
_refused: dict[str, Counter] = {}


def show_state(state: str) -> None:
    """Make `state` the one that is 1."""
    for one in STATES:
        STORE_STATE.labels(one).set(one == state)


def watched(
    decide: Callable[[Request], Awaitable[Allow | Refuse | Listed | Answered]],
) -> Callable[[Request], Awaitable[Allow | Refuse | Listed | Answered]]:
    """The same decision, counted with the time it took."""

    async def decide_counted(request: Request) -> Allow | Refuse | Listed | Answered:
        began_s = time.perf_counter()
        answer = await decide(request)
        CHECK_SECONDS.observe(time.perf_counter() - began_s)
        if isinstance(answer, Allow):
            _allowed.inc()
        elif isinstance(answer, Listed | Answered):
            _listed.inc()
        else:
            _count_refusal(answer.reason.value)
        return answer

    return decide_counted


def _count_refusal(reason: str) -> None:
    child = _refused.get(reason)
    if child is None:
        child = _refused[reason] = DECISIONS.labels("refuse", reason)
    child.inc()


def serve(listen: str) -> Callable[[], None]:
    """Answer Prometheus on host:port, in a thread; returns how to stop. Raises OSError when it is taken."""
    host, _, port = listen.rpartition(":")
    server, thread = start_http_server(int(port), addr=host, registry=REGISTRY)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
