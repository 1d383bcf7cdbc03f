"""How long each part of a run takes: the figures to record, or a smoke run of seconds."""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Plan:
    """Durations in seconds, rates per second. Rounds alternate between what is compared."""

    rounds: int = 3
    check_s: float = 2.0
    check_clients: tuple[int, ...] = (1, 8, 32)
    people: int = 50
    door_s: float = 4.0
    door_rate: float = 300.0
    litellm_s: float = 3.0
    body_bytes: int = 16 * MIB
    crowd_rate: float = 50.0
    crowd_people: int = 16
    ingest_calls: int = 8_000
    grant_holds: int = 1_000


FULL: Final = Plan()
SMOKE: Final = Plan(
    rounds=1,
    check_s=0.3,
    people=4,
    door_s=0.5,
    door_rate=50.0,
    litellm_s=0.5,
    body_bytes=MIB // 4,
    crowd_people=4,
    ingest_calls=100,
    grant_holds=20,
)
