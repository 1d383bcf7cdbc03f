"""Latencies of one kind of call, collected over the rounds of a run."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Samples:
    """Latencies in microseconds, and how long it took to collect them."""

    latencies_us: list[int] = field(default_factory=list)
    elapsed_s: float = 0.0
    failed: int = 0
    complaint: str | None = None

    def add(self, round_: dict[str, Any]) -> None:
        """Add what a load process says of one round."""
        self.latencies_us += round_["latencies_us"]
        self.elapsed_s += round_["elapsed_s"]
        self.failed += round_["failed"]
        self.complaint = self.complaint or round_["complaint"]

    @property
    def rate(self) -> float:
        """Calls answered per second."""
        return len(self.latencies_us) / self.elapsed_s

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the calls did not exceed."""
        if not self.latencies_us:
            raise RuntimeError(f"no call was answered well: {self.complaint}")
        ordered = sorted(self.latencies_us)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1000

    @property
    def cells(self) -> list[str]:
        """p50, p95 and p99 as milliseconds."""
        return [f"{self.quantile_ms(share):.2f}" for share in (0.50, 0.95, 0.99)]
