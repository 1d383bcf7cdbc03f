"""Who may pay for a person while Postgres is away, as far as a replica knows, within what it may grant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from credit.grant import Payer, Standing
from credit.mirror import Figures


@dataclass(frozen=True, slots=True)
class Funds:
    """Who pays, in order, each with the ids of the caps over it; figures that are known, the person's among them."""

    person: int
    order: Sequence[tuple[int, Sequence[int]]]
    known: Mapping[int, Figures]

    @property
    def own(self) -> Figures:
        """The person's own account."""
        return self.known[self.person]

    def payers(self, spent: Mapping[int, int], limit_nanos: int) -> list[Payer]:
        """What credit.grant.decide_over takes: of each payer at most the limit, less what this outage spent.

        A payer that nobody knows is left out. A cap bounds by what was left of it; one that nobody knows cannot.
        """
        return [
            Payer(
                self._standing(payer, spent, limit_nanos),
                [self._standing(cap, spent, None) for cap in caps if cap in self.known],
                is_pool=payer != self.person,
            )
            for payer, caps in self.order
            if payer in self.known
        ]

    def caps(self, payer: int) -> Sequence[int]:
        """The caps that bound what an account pays for this person."""
        return next((caps for one, caps in self.order if one == payer), ())

    def _standing(
        self, account_id: int, spent: Mapping[int, int], limit_nanos: int | None
    ) -> Standing:
        figures = self.known[account_id]
        available = figures.available_nanos
        return Standing(
            account_id,
            available if limit_nanos is None else min(available, limit_nanos),
            spent.get(account_id, 0),
            active=figures.status == "active",
        )
