"""One chaos run: rounds of traffic under faults, accounts spent to their end, everything compared."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from credit.pricebook import load_price_book
from local.doors import wait_for_doors
from local.office import Office
from local.provider.truth import TruthCall, read_truth
from protos.pedagio.v1 import admin_pb2
from tests.chaos.allowance import Allowance
from tests.chaos.clerk import Clerk
from tests.chaos.faults import Faults
from tests.chaos.finish import finish
from tests.chaos.judge import Case, Findings, price_by
from tests.chaos.ledger_view import LedgerView, count_open, read_ledger, set_aside
from tests.chaos.schedule import Fault, Round
from tests.chaos.system import BOUNDED_CAP_NANOS, REPLICAS, ChaosStack
from tests.chaos.traffic import ABORTS, CLIENT, MANY_ABORTS, NOBODY, Attempt, Crowd, Door, probe

PROBE_MODEL: Final = "gpt-4o-mini"
SHORTEST_S: Final = 2.2
MODE_SLACK_S: Final = 1.0
CALM_S: Final = 0.6  # of traffic after the last fault is healed
CALM_BOUNDED_S: Final = 3.0  # what waited on disks for seconds must get through
FINISHERS: Final = 8  # calls of finished rounds at once
ROUNDS_IN_FINISH: Final = 12
CLOSE_BOUND_S: Final = 90.0
POLL_S: Final = 0.5
TOP_UPS: Final = 3

Progress = Callable[[int], None]


@dataclass
class RoundOutcome:
    """What one round came to; times are wall-clock seconds."""

    round: Round
    people: tuple[str, ...]
    began_s: float = 0.0
    ended_s: float = 0.0
    fired: list[str] = field(default_factory=list)
    finished: bool = True
    findings: Findings = field(default_factory=Findings)


@dataclass
class Outcome:
    """Everything a run knows at its end."""

    rounds: list[RoundOutcome]
    attempts: list[Attempt]
    sums: dict[str, int]
    probes: Findings
    took_s: float


class Run:
    """Plays a schedule against a running system."""

    def __init__(self, stack: ChaosStack, schedule: Sequence[Round], progress: Progress) -> None:
        """`progress` is told how many rounds have ended."""
        self._stack = stack
        self._schedule = schedule
        self._progress = progress
        self._now = {"round": 0}

    async def play(self) -> Outcome:
        """All rounds, then the comparison."""
        began = time.monotonic()
        self._clerk = Clerk(self._stack.admin_address, self._stack.admin_token)
        self._faults = Faults(self._stack, self._clerk)
        self._finishers = asyncio.Semaphore(FINISHERS)
        self._finishing = asyncio.Semaphore(ROUNDS_IN_FINISH)
        try:
            async with Door(self._stack.envoy_url, await self._open()) as self._door:
                rounds = await self._all_rounds()
                await self._all_closed()
                return await self._compare(rounds, time.monotonic() - began)
        finally:
            await self._clerk.close()

    async def _open(self) -> str:
        """Models, mode, the client with its key; every replica knows all of it afterwards."""
        client = admin_pb2.Client(
            id=CLIENT, kind="trusted", litellm_key="inject", unknown_users="refuse",
            style="plain", language="en",
        )  # fmt: skip
        async with Office(self._stack.admin_address, self._stack.admin_token) as office:
            await office.sync_models()
            await office.set_mode("enforce")
            key = await office.create_client(client)
            await office.open_account(CLIENT, NOBODY)
            await office.open_account(CLIENT, "nobody-yet")
        await wait_for_doors(self._stack.authz_addresses, key, PROBE_MODEL)
        await self._stack.start_stand_in()
        return key

    async def _all_rounds(self) -> list[RoundOutcome]:
        over = asyncio.Event()
        probing = asyncio.create_task(probe(self._door, self._now, over))
        rounds, finishing = [], []
        bounded = False
        for planned in self._schedule:
            if planned.bounded and not bounded:
                await self._stack.allow_bounded()
            bounded = planned.bounded
            self._now["round"] = planned.number
            outcome = await self._round(planned)
            rounds.append(outcome)
            await self._finishing.acquire()
            finishing.append(asyncio.create_task(self._finish(outcome)))
            self._progress(len(rounds))
        over.set()
        await probing
        await asyncio.gather(*finishing)
        if self._faults.litellm_back is not None:
            await self._faults.litellm_back
        return rounds

    async def _round(self, planned: Round) -> RoundOutcome:
        people = tuple(f"r{planned.number}-{n}" for n in range(len(planned.credits_nanos)))
        await asyncio.gather(
            *(
                self._clerk.open_account(CLIENT, person, nanos)
                for person, nanos in zip(people, planned.credits_nanos, strict=True)
            )
        )
        await self._choose_upstream(planned)
        outcome = RoundOutcome(planned, people, began_s=time.time())
        aborts = MANY_ABORTS if "streams aborted" in planned.kinds else ABORTS
        over = asyncio.Event()
        crowd = Crowd(self._door, planned.number, planned.seed, people, aborts)
        coming = asyncio.create_task(crowd.come(over))
        shortest = asyncio.create_task(asyncio.sleep(SHORTEST_S))
        await asyncio.gather(*(self._fire(fault, outcome) for fault in planned.faults))
        await asyncio.sleep(CALM_BOUNDED_S if planned.bounded else CALM_S)
        await shortest
        over.set()
        await coming
        outcome.ended_s = time.time()
        return outcome

    async def _fire(self, fault: Fault, outcome: RoundOutcome) -> None:
        outcome.fired.append(fault.kind)
        if fault.kind == "top-ups":
            await asyncio.sleep(fault.at_s)
            for n in range(TOP_UPS):
                person = outcome.people[(fault.pick + n) % len(outcome.people)]
                await self._clerk.grant(CLIENT, person, outcome.round.credits_nanos[0] // 3)
            return
        await self._faults.strike(fault)

    async def _choose_upstream(self, planned: Round) -> None:
        back = self._faults.litellm_back
        if planned.through_litellm and back is not None:
            await back
        self._stack.send_through(litellm=planned.through_litellm)

    async def _finish(self, outcome: RoundOutcome) -> None:
        try:
            number = outcome.round.number
            done = await asyncio.gather(
                *(
                    finish(self._door, who, number, self._unusual, self._finishers)
                    for who in outcome.people
                )
            )
            outcome.finished = all(done)
        finally:
            self._finishing.release()

    def _unusual(self) -> bool:
        """Whether a small call says nothing now: nobody is refused, or nobody decides."""
        return self._clerk.unusual or self._faults.postgres_away

    async def _all_closed(self) -> None:
        """Wait until every hold is closed, within the bound; what is left then is a finding."""
        deadline = time.monotonic() + CLOSE_BOUND_S
        while time.monotonic() < deadline:
            if not await count_open(self._stack.database_url, CLIENT):
                return
            await asyncio.sleep(POLL_S)

    async def _compare(self, rounds: list[RoundOutcome], took_s: float) -> Outcome:
        view = await read_ledger(self._stack.database_url, CLIENT)
        cases = self._cases(view)
        for outcome in rounds:
            for person in outcome.people:
                outcome.findings.add(cases[person].judge())
        probes = cases[NOBODY].judge()
        spools = (self._stack.disk("stand-in").folder, self._stack.spool_folder)
        view.sums["set aside"] = sum(map(set_aside, spools))
        return Outcome(rounds, self._door.attempts, view.sums, probes, took_s)

    def _may_be_unmetered(self, call: TruthCall) -> bool:
        """In mode off or shadow a full disk stops nobody, and leaves no report (an exception of the match)."""
        began_s, over_s = call.started_at - MODE_SLACK_S, call.at
        passed = any(window.meets(began_s, over_s) for window in self._clerk.windows)
        return passed and any(window.meets(began_s, over_s) for window in self._faults.disk_full)

    def _cases(self, view: LedgerView) -> dict[str, Case]:
        prices = load_price_book(self._stack.price_file).prices
        people = {attempt.tag: attempt.person for attempt in self._door.attempts}
        known = {hold.id for account in view.people.values() for hold in account.holds}
        truths = defaultdict(list)
        for call in read_truth(self._stack.truth_path):
            if call.call_id not in known and self._may_be_unmetered(call):
                view.sums["unmetered"] += 1
            elif not {call.response_id, call.call_id} & view.unattributed:
                truths[people.get(call.tag or "", "")].append(call)
        attempts = defaultdict(list)
        for attempt in self._door.attempts:
            attempts[attempt.person].append(attempt)
        return {
            person: Case(
                view=account,
                truths=truths[person],
                attempts=attempts[person],
                granted_nanos=self._clerk.granted_nanos.get(person, 0),
                windows=self._clerk.windows,
                allowance=Allowance(BOUNDED_CAP_NANOS, REPLICAS, self._faults.postgres_lost_s),
                deadline_s=self._stack.options.hold_deadline_s,
                cost=price_by(prices),
            )
            for person, account in view.people.items()
        }
