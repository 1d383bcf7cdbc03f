"""Puts the parts together, once per process."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .body import load_rules
from .calls import Calls
from .counting import count_by_length
from .evidence import Evidence
from .gate import Gate
from .host import Entry, LiteLLMModels
from .journal import Journal
from .link import ExtendLink, ReportLink
from .refusal import Sentences
from .replay import StartedCalls
from .settings import Settings
from .shipper import Shipper
from .spool import Spool
from .switch import Switch

TOKENIZER = "o200k_base"

log = logging.getLogger("pedagio")


@dataclass(frozen=True)
class Parts:
    """What the hooks use."""

    gate: Gate
    evidence: Evidence
    calls: Calls
    switch: Switch


class TextCounter:
    """Counts tokens with the tokenizer once a thread has loaded it, by length until then."""

    def __init__(self) -> None:
        self._encode: Callable[[str], list[int]] | None = None
        self._tried = False

    def load(self) -> None:
        """Load the tokenizer that LiteLLM ships; it takes a second, so not on the loop."""
        if self._tried:
            return
        self._tried = True
        try:
            import litellm.litellm_core_utils.tokenizers as bundled
            import tiktoken

            # With LiteLLM's own files at hand the tokenizer asks no network.
            os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(bundled.__file__).parent))
            self._encode = tiktoken.get_encoding(TOKENIZER).encode_ordinary
        except Exception:  # noqa: BLE001 - an estimate by length is good enough to go on
            log.warning("pedagio: no tokenizer, tokens are estimated by length")

    def __call__(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._encode(text)) if self._encode else count_by_length(text)


def assemble(
    environment: Mapping[str, str],
    *,
    rules_file: Path,
    router: Callable[[], Any],
    model_info: Callable[[str], Entry],
    clock: Callable[[], float],
    now_s: Callable[[], float],
    new_id: Callable[[], str],
) -> Parts:
    """Build everything and start the shipper; raises SettingsError."""
    settings = Settings.from_environment(environment)
    spool = Spool(settings.spool_dir, new_id)
    started = StartedCalls(settings.spool_dir / "started")
    count = TextCounter()

    def chores() -> None:
        count.load()
        started.forget_old(now_s())

    key = settings.report_keys[0]
    # Its own: a switch remembers for a second, and the shipper looks from another thread.
    switch = Switch(settings.switch_file, clock)
    link = ReportLink(settings.accounting_url, key)
    shipper = Shipper(spool, link, chores, is_off=Switch(settings.switch_file, clock).is_off)
    journal = Journal(spool.append, shipper.notify)
    sentences = Sentences.load(settings.sentences_file)
    calls = Calls()
    evidence = Evidence(
        settings.token_keys, calls, journal, sentences, clock, lambda: int(now_s() * 1000), new_id
    )
    gate = Gate(
        keys=settings.token_keys,
        rules=load_rules(rules_file),
        sentences=sentences,
        calls=calls,
        started=started,
        journal=journal,
        evidence=evidence,
        post_extend=ExtendLink(settings.accounting_url, key),
        host=LiteLLMModels(router, model_info, clock),
        count=count,
        clock=clock,
        now_s=now_s,
        new_id=new_id,
    )
    shipper.start()
    return Parts(gate, evidence, calls, switch)
