"""The schedule of a chaos run: which fault hits which round, when, for how long (pure).

Everything is drawn from the seed before traffic begins, so the same seed gives the same schedule.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

NANOS_PER_CALL: Final = 1_500_000  # what a call of the mix costs, about
ACCOUNTS: Final = 6
CALLS_WORTH: Final = (10, 20)
SECOND_FAULTS: Final = 0.45  # of the rounds have two faults at once
CONDITIONS_SHARE: Final = 0.65  # of the rounds have a condition besides
LITELLM_EVERY: Final = 9  # each such round goes through LiteLLM itself
BOUNDED_SHARE: Final = 0.1  # of the rounds, the last ones, run with when_postgres_away=bounded

# A fault hits one target; two faults of a round have different targets.
FAULTS: Final = {
    "authz killed": "authz",
    "authz frozen": "authz",
    "authz restarted": "authz",
    "accounting killed": "accounting",
    "accounting frozen": "accounting",
    "accounting restarted": "accounting",
    "stand-in killed": "upstream",
    "stand-in restarted": "upstream",
    "litellm killed": "upstream",
    "envoy killed": "envoy",
    "envoy restarted": "envoy",
    "redis killed": "redis",
    "redis frozen": "redis",
    "redis restarted": "redis",
    "redis wiped": "redis",
    "postgres killed": "postgres",
    "postgres frozen": "postgres",
    "postgres restarted": "postgres",
    "authz backend killed": "postgres",
    "accounting backend killed": "postgres",
    "network envoy-authz": "link check",
    "network to postgres": "link ledger",
    "network of reports": "link reports",
    "spool disk full": "upstream",
    "ingest disk full": "ingest",
}
# What the bounded rounds are for, besides their other faults: none of those may touch Postgres.
AWAY: Final = "postgres away, bounded"
AWAY_S: Final = (3.0, 4.5)
TOUCHES_POSTGRES: Final = frozenset({"postgres", "link ledger", "ingest"})
CONDITIONS: Final = (
    "reports lost",
    "reports late",
    "reports doubled",
    "reports reordered",
    "reports conflicting",
    "access log cut",
    "streams aborted",
    "top-ups",
    "mode shadow",
    "mode off",
    "mode closed",
)
NETWORK_VARIANTS: Final = ("slow", "stalled", "cut")


@dataclass(frozen=True)
class Fault:
    """One fault of a round: `at_s` after its start, lasting `for_s`; `pick` chooses among targets."""

    kind: str
    at_s: float
    for_s: float
    pick: int

    @property
    def variant(self) -> str:
        """What a network does to its traffic."""
        return NETWORK_VARIANTS[self.pick % len(NETWORK_VARIANTS)]


@dataclass(frozen=True)
class Round:
    """One round: credit of its accounts in nano-USD, its faults, how its calls travel."""

    number: int
    seed: str
    credits_nanos: tuple[int, ...]
    faults: tuple[Fault, ...]
    through_litellm: bool
    bounded: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The faults by name."""
        return tuple(fault.kind for fault in self.faults)


def make_schedule(seed: int, rounds: int, *, bounded: bool = True) -> tuple[Round, ...]:
    """All rounds of a run; `bounded`: whether its last part runs with a bounded authz."""
    random = Random(f"pedagio chaos {seed}")
    count = int(rounds * BOUNDED_SHARE) if bounded else 0
    kinds = _bounded_last(_spread(random, rounds), count)
    first_bounded = rounds - count
    return tuple(
        Round(
            number=number,
            seed=f"{seed}:{number}",
            credits_nanos=tuple(
                random.randint(*CALLS_WORTH) * NANOS_PER_CALL for _ in range(ACCOUNTS)
            ),
            faults=tuple(_fault(random, kind) for kind in kinds[number]),
            through_litellm="litellm killed" in kinds[number]
            or (number % LITELLM_EVERY == LITELLM_EVERY - 1 and not _of_stand_in(kinds[number])),
            bounded=number >= first_bounded,
        )
        for number in range(rounds)
    )


def _spread(random: Random, rounds: int) -> list[list[str]]:
    """Kinds of each round: every kind as often as every other, give or take one."""
    main = _deck(random, tuple(FAULTS))
    found = [[next(main)] for _ in range(rounds)]
    for drawn in random.sample(range(rounds), int(rounds * SECOND_FAULTS)):
        second = next(main)
        fits = len(found[drawn]) == 1 and FAULTS[second] != FAULTS[found[drawn][0]]
        # Not thrown away when it does not fit: it goes where it does.
        found[drawn if fits else _place_for(second, found)].append(second)
    conditions = _deck(random, CONDITIONS)
    for number in random.sample(range(rounds), int(rounds * CONDITIONS_SHARE)):
        found[number].append(next(conditions))
    return found


def _bounded_last(found: list[list[str]], count: int) -> list[list[str]]:
    """The same rounds, with `count` that leave Postgres alone moved to the end, where it goes away."""
    if count == 0:
        return found
    calm = [kinds for kinds in found if not _touches_postgres(kinds)][-count:]
    rest = [kinds for kinds in found if not any(kinds is one for one in calm)]
    return rest + [[*kinds, AWAY] for kinds in calm]


def _touches_postgres(kinds: Sequence[str]) -> bool:
    return any(FAULTS.get(kind) in TOUCHES_POSTGRES or kind.startswith("mode") for kind in kinds)


def _place_for(kind: str, found: Sequence[Sequence[str]]) -> int:
    """The first round with one fault only, of another target; the last round when there is none."""
    fits = (
        number
        for number, kinds in enumerate(found)
        if len(kinds) == 1 and FAULTS[kinds[0]] != FAULTS[kind]
    )
    return next(fits, len(found) - 1)


def _deck(random: Random, kinds: Sequence[str]) -> Iterator[str]:
    """Shuffled again and again: between two of a kind lie at most two decks."""
    for _ in itertools.count():
        yield from random.sample(kinds, len(kinds))


def _fault(random: Random, kind: str) -> Fault:
    return Fault(
        kind=kind,
        at_s=round(random.uniform(0.3, 1.4), 3),
        for_s=round(random.uniform(*(AWAY_S if kind == AWAY else (0.3, 1.3))), 3),
        pick=random.randrange(1_000_000),
    )


def _of_stand_in(kinds: Sequence[str]) -> bool:
    return any(kind.startswith("stand-in") or kind == "spool disk full" for kind in kinds)
