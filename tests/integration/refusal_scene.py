"""A team whose traffic is refused for every reason, in large numbers and reproducibly."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import replace

from credit import ledger
from credit.grant import GrantRule
from credit.ledger import Place, Placed
from tests.books import a_place
from tests.integration.rules_scene import NOON, Team

PEOPLE = 12
BATCH = 40
PER_REASON = 60
# Nano-USD: what people own, and how large a call may be.
OWN = 40_000
MOST = 12_000
# Refused at the door, before any figure was asked for; the detail is what the reason names.
DOOR = [
    ("identity_missing", False, None),
    ("model_unpriced", True, "gpt-none"),
    ("unknown_path", True, "/v1/images/generations"),
    ("model_not_allowed", True, "gpt-4o"),
    ("enforcement_unavailable", True, None),
    ("bad_request", True, "n = 0.0"),
    ("bad_request", True, "model = text of 300"),
    ("bad_request", True, "api_base"),
]


class Crowd(Team):
    """People with a pool, caps or neither, who ask for more than there is."""

    rng: random.Random
    people: Sequence[int]

    async def gather(self, seed: int, people: int = PEOPLE) -> None:
        """Open the accounts: a third have a pool, a third a cap."""
        self.rng = random.Random(seed)
        await self.set_clock(NOON)
        self.people = [await self.account(OWN, f"person-{n}") for n in range(people)]
        third = people // 3
        pool_id = await self.open_pool("TI", 2 * OWN, self.people[:third])
        await self.pool.execute(
            "UPDATE account SET pool_first = true WHERE id = $1", self.people[0]
        )
        for person in self.people[third : 2 * third]:
            await self.set_cap(person, OWN // 2)
        await self.set_cap(self.people[0], OWN // 2, pool_id=pool_id)

    @property
    def alone(self) -> Sequence[int]:
        """Those whose credit nobody else's calls touch."""
        return self.people[len(self.people) // 3 :]

    def a_call(self, person: int, *, shadow: bool = False, most: int = MOST) -> Place:
        """Of any size; sometimes by other constants, sometimes with few holds allowed."""
        minimum, target, want = sorted(self.rng.randint(0, most) for _ in range(3))
        made = a_place(person, want, target, minimum, shadow=shadow)
        return replace(
            made,
            hold_id=str(uuid.UUID(int=self.rng.getrandbits(128), version=4)),
            rule=GrantRule(self.rng.choice((2, 2, 5)), self.rng.choice((50, 50, 30))),
            max_open_holds=self.rng.choice((None, None, None, 3)),
        )

    async def ask(self, count: int = BATCH, *, shadow: bool = False) -> list[tuple[Place, Placed]]:
        """A batch of calls of anybody's; what the ledger answered."""
        places = [self.a_call(self.rng.choice(self.people), shadow=shadow) for _ in range(count)]
        answers = await ledger.place_batch(self.pool, places, 2100)
        return [(place, answers[place.hold_id]) for place in places]

    async def extend_some(self, answers: Sequence[tuple[Place, Placed]]) -> None:
        """The bodies were larger than the door saw; some larger than anything that is there."""
        for place, answer in answers:
            if answer.result == "placed" and self.rng.random() < 0.5:
                want = self.rng.choice((2 * MOST, 20 * OWN))
                await ledger.extend_hold(self.pool, place.hold_id, want, want)

    async def end_some(self, answers: Sequence[tuple[Place, Placed]], part: float = 0.5) -> None:
        """Calls end, and cost up to what they were granted."""
        for place, answer in answers:
            if answer.result == "placed" and self.rng.random() < part:
                cost = self.rng.randint(1, max(answer.granted_nanos, 1))
                await self.charge(place.hold_id, answer.payer, cost)
                await self.close(place.hold_id)

    async def turn_away(self, count: int) -> None:
        """So many refusals of each kind that the door itself makes."""
        await self.pool.execute(
            "INSERT INTO policy (subject_kind, subject_id, body, changed_by, replaces)"
            " VALUES ('client', 'librechat', $1, 'test', 0)",
            {"models": ["mini*"]},
        )
        for reason, known, detail in DOOR:
            for _ in range(count):
                await self.pool.execute(
                    "INSERT INTO decision (hold_id, account_id, client_id, kind, reason, model, detail)"
                    " VALUES ($1, $2, 'librechat', 'refuse', $3, 'gpt-none', $4)",
                    uuid.UUID(int=self.rng.getrandbits(128), version=4),
                    self.rng.choice(self.people) if known else None,
                    reason,
                    detail,
                )

    async def suspend(self, person: int, status: str = "suspended") -> None:
        """Or set active again."""
        await self.pool.execute(
            "UPDATE account SET status = $2, version = version + 1 WHERE id = $1", person, status
        )
