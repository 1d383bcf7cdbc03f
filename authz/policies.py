"""The policies in force, as the door finds them: that of a client with that of a person's plan over it."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import asyncpg
import structlog

from credit.policy import EMPTY, Policy, PolicyError

PLANS_KEPT: Final = 100_000

log = structlog.get_logger()

Subject = tuple[str, str]


class Policies:
    """Found without asking anybody, except for a person's plan, which is asked for once."""

    def __init__(self, find_plan: Callable[[int], Awaitable[str | None]]) -> None:
        """`find_plan` says the plan of an account; it may raise."""
        self._find_plan = find_plan
        self._stored: dict[Subject, Policy] = {}
        self._merged: dict[tuple[str, str | None], Policy] = {}
        self._plans: OrderedDict[int, str | None] = OrderedDict()
        # What was known before the last news: it stands in while nobody can be asked.
        self._before: OrderedDict[int, str | None] = OrderedDict()
        self._has_plans = False
        self.flat_paths: frozenset[str] = frozenset()

    def load(self, rows: Iterable[asyncpg.Record | Mapping[str, Any]]) -> None:
        """Put these in force, and ask for plans anew: the same news tells of both.

        One that cannot be read (it is of a newer release) leaves what held for its subject before.
        """
        stored: dict[Subject, Policy] = {}
        for row in rows:
            subject = (row["subject_kind"], row["subject_id"])
            try:
                stored[subject] = Policy.from_json(row["body"])
            except PolicyError as error:
                stored[subject] = self._stored.get(subject, EMPTY)
                log.warning("policy_unreadable", subject=":".join(subject), field=error.field)
        self._stored = stored
        self._merged = {}
        self._before |= self._plans
        while len(self._before) > PLANS_KEPT:
            self._before.popitem(last=False)
        # Another dictionary: an answer that is still under way goes into the old one.
        self._plans = OrderedDict()
        # Without any policy of a plan it does not matter which one a person has.
        self._has_plans = any(kind == "plan" for kind, _ in stored)
        self.flat_paths = frozenset(path for each in stored.values() for path in each.flat_holds)

    async def find(self, client_id: str, account_id: int | None) -> Policy:
        """What holds for an account; None: for the client alone.

        While nobody can say an account's plan, the one it had last holds; raises what `find_plan` raises
        where none was ever known.
        """
        plan = None if account_id is None else await self._plan(account_id)
        known = self._merged.get((client_id, plan))
        if known is None:
            known = self._stored.get(("client", client_id), EMPTY)
            if plan is not None:
                known = known.merge(self._stored.get(("plan", plan), EMPTY))
            self._merged[client_id, plan] = known
        return known

    async def _plan(self, account_id: int) -> str | None:
        if not self._has_plans:
            return None
        kept = self._plans
        if account_id in kept:
            kept.move_to_end(account_id)
            return kept[account_id]
        try:
            plan = await self._find_plan(account_id)
        except Exception:
            if account_id not in self._before:
                raise
            return self._before[account_id]
        kept[account_id] = plan
        if len(kept) > PLANS_KEPT:
            kept.popitem(last=False)
        return plan
