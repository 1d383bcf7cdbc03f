"""Small scenes that a module of the product must pass: killers of its mutants."""

import asyncio
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx

from accounting.ingest.intake import Intake
from accounting.settling.hearing import Hearing
from accounting.settling.outcome import Verdict
from authz.bounded import Bounded
from authz.funds import Funds
from authz.store import PULSE_EVERY_S
from credit.ledger import Place, Placed
from credit.mirror import Figures
from credit.spool import Spool
from tests.books import a_place
from tests.unit import store_scene
from tests.unit.door import placed
from tests.unit.evidence import evidence, start

WITHIN_S = 5.0
NONCE = "0" * 32


async def cancelled_check_leaves_the_retry_its_hold(batcher: ModuleType) -> None:
    """Envoy gave the first Check up while its retry waits for the same hold."""
    gate, entered = asyncio.Event(), asyncio.Event()

    async def place_batch(places: Sequence[Place]) -> Mapping[str, Placed]:
        entered.set()
        await gate.wait()
        return {place.hold_id: placed() for place in places}

    group, place = batcher.Batcher(place_batch), a_place(1, 1)
    first, retry = (asyncio.create_task(group.place(place)) for _ in range(2))
    await entered.wait()
    first.cancel()
    gate.set()
    await asyncio.wait({first, retry}, timeout=WITHIN_S)
    assert retry.done()
    assert not retry.cancelled(), "the retry lost its hold"


async def report_that_is_nowhere_on_disk_is_not_acknowledged(http: ModuleType) -> None:
    """Neither the ledger nor a spool has it: the callback must keep it."""

    class AwayLedger:
        """Raises, as the driver does."""

        async def record(self, _: Sequence[Any]) -> None:
            """Connect in vain."""
            raise ConnectionRefusedError

        async def quarantine(self, _: Sequence[Any]) -> None:
            """Connect in vain."""
            raise ConnectionRefusedError

    async def nothing(*_: Any) -> None:
        """Nobody is told."""

    intake = Intake(None, probe=nothing, tell=nothing)
    listening = SimpleNamespace(hearing=Hearing(time.monotonic))
    app = http.create_app(http.Face(AwayLedger(), listening, None, [b"key"], intake))
    body, now = json.dumps({"source": "callback", "records": [{"id": "1"}]}), str(int(time.time()))
    mark = hmac.new(b"key", f"{now}.{NONCE}.{body}".encode(), "sha256").hexdigest()
    headers = {
        "x-pedagio-timestamp": now,
        "x-pedagio-nonce": NONCE,
        "x-pedagio-signature": f"v1={mark}",
    }
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://accounting") as client:
        answer = await client.post("/v1/reports", content=body, headers=headers)
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text


async def hold_past_its_deadline_closes(outcome: ModuleType) -> None:
    """With traffic it is settled, without any it is released."""
    silent = outcome.verdict(evidence(expired=True), 10.0)
    begun = outcome.verdict(evidence(start(), expired=True), 10.0)
    assert silent is not None
    assert begun is not None
    assert (silent.outcome, begun.outcome) == ("released", "settled")


async def hold_without_evidence_is_shown_to_a_person(outcome: ModuleType) -> None:
    """A lost report is found, never silent."""
    nothing = evidence(expired=True)
    assert outcome.doubt(nothing, Verdict("released", "no_evidence")) == "no_evidence"


async def grants_of_an_outage_are_placed_first(store: ModuleType) -> None:
    """Before the ledger decides anything again, it holds what was granted in its absence."""
    scene = store_scene.Scene(None)
    ledger = scene.ledger
    ways = ledger.ways()
    scene.store = store.Store(
        ways, scene.knowledge, name="here", bounded_for_s=60.0, clock=scene.clock
    )
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        spool.open()
        bounded = Bounded(spool, scene.knowledge.funds, 1_000, scene.store.alarm)
        scene.store.begin(bounded, may_grant=True)
        await scene.place()
        await scene.leave()
        asked = a_place(store_scene.MARIA, 100)
        assert (await scene.store.place(asked)).granted_nanos == 100
        ledger.away = None
        await scene.beats(PULSE_EVERY_S)
        assert scene.store.connected
        assert asked.hold_id in ledger.held, "the ledger decides without knowing of the grant"
        spool.close()


async def grants_of_an_outage_stay_within_the_cap(module: ModuleType) -> None:
    """Two calls that fit alone do not both fit."""
    figures = Figures(10_000, 0, 0, 7, "active", 1_795_000_000, shadow=False)

    async def find(person: int) -> Funds:
        return Funds(person, [(person, ())], {person: figures})

    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        spool.open()
        bounded = module.Bounded(spool, find, 1_000, lambda *_: None)
        answers = [await bounded.place(a_place(1, 700)) for _ in range(3)]
        assert sum(answer.granted_nanos for answer in answers) <= 1_000
        spool.close()
