"""What the processes count: documented, cheap where it is hot, served to Prometheus."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

import accounting.metrics
import authz.metrics
from authz.request import Request
from authz.response import Allow, Refuse
from credit.refusal import Reason
from local.probe import HOST, free_ports
from tests.unit.door import a_request


def families(registry: CollectorRegistry) -> Iterator[tuple[str, str, str]]:
    """Name as Prometheus shows it, type and help of each metric."""
    for metric in registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        yield name, metric.type, metric.documentation


@pytest.mark.parametrize(
    "process", [authz.metrics, accounting.metrics], ids=["authz", "accounting"]
)
def test_each_metric_is_documented(root: Path, process: object) -> None:
    """Whoever builds a board or an alarm finds name, type and meaning on one page, under its process."""
    name = str(process.__name__).partition(".")[0]  # type: ignore[attr-defined]  # a module
    page = (root / "docs/reference/metrics.md").read_text(encoding="utf-8")
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    for metric, kind, meaning in families(process.REGISTRY):  # type: ignore[attr-defined]
        assert f"| `{metric}` | {kind} | {meaning} |" in section, metric


def test_names_of_metrics_carry_the_product_and_the_unit() -> None:
    """One prefix; seconds and bytes, never milliseconds."""
    for registry in (authz.metrics.REGISTRY, accounting.metrics.REGISTRY):
        for name, _, _ in families(registry):
            assert name.startswith("pedagio_")
            assert not name.endswith(("_ms", "_kb", "_mb", "_usd"))


async def test_decision_is_counted_with_its_time() -> None:
    """Each answer once, by result and reason."""

    def count(result: str, reason: str) -> float:
        sample = {"result": result, "reason": reason}
        return authz.metrics.REGISTRY.get_sample_value("pedagio_decisions_total", sample) or 0.0

    def timed() -> float:
        return authz.metrics.REGISTRY.get_sample_value("pedagio_check_seconds_count") or 0.0

    async def decide(request: Request) -> Allow | Refuse:
        if request.has_query:
            return Refuse(Reason.BAD_REQUEST, "no", "plain")
        return Allow({})

    counted = authz.metrics.watched(decide)
    before = count("allow", ""), count("refuse", "bad_request"), timed()
    for query in (False, True, True):
        await counted(a_request(has_query=query))
    after = count("allow", ""), count("refuse", "bad_request"), timed()
    assert after == (before[0] + 1, before[1] + 2, before[2] + 3)


def test_state_of_the_store_is_one_of_its_states() -> None:
    """Exactly one is 1."""
    for state in authz.metrics.STATES:
        authz.metrics.show_state(state)
        shown = {
            sample.labels["state"]: sample.value
            for metric in authz.metrics.STORE_STATE.collect()
            for sample in metric.samples
        }
        assert shown == {one: float(one == state) for one in authz.metrics.STATES}
    authz.metrics.show_state("connected")


def test_metrics_of_authz_are_served_until_stopped() -> None:
    """On the address of the setting, in the text format."""
    (port,) = free_ports(1)
    stop = authz.metrics.serve(f"{HOST}:{port}")
    try:
        answer = httpx.get(f"http://{HOST}:{port}/metrics")
        assert answer.status_code == 200
        assert 'pedagio_store_state{state="connected"}' in answer.text
    finally:
        stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{HOST}:{port}/metrics")
