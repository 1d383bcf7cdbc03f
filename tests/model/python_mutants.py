"""The rules of the model that live in Python: each switched off in its module, and the scene that sees it."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tests.model import python_scenes
from tests.model.mutants import Change, mutated

Scene = Callable[[ModuleType], Awaitable[None]]


@dataclass(frozen=True)
class PythonMutant:
    """A rule switched off: the world of the model that shows it, the change of a module, and its killer."""

    rule: str
    world: str
    change: Change
    killer: Scene

    @property
    def name(self) -> str:
        """The module's import name."""
        return self.change.path.removesuffix(".py").replace("/", ".")

    def real(self) -> ModuleType:
        """The product's own module."""
        return import_module(self.name)

    def mutant(self, root: Path) -> ModuleType:
        """The same module, changed; under another name, so that nobody else meets it."""
        (text,) = mutated(root, (self.change,)).values()
        module = ModuleType(f"{self.name}_without_{self.rule}")
        sys.modules[module.__name__] = module  # dataclasses look their module up
        exec(compile(text, self.change.path, "exec"), vars(module))  # noqa: S102 (our own text)
        return module


AWAY = "a ledger that is away"

PYTHON_MUTANTS = (
    PythonMutant(
        "cancel_leaves_the_hold",
        "two calls on one account",
        Change("authz/batcher.py", "await asyncio.shield(future)", "await future"),
        python_scenes.cancelled_check_leaves_the_retry_its_hold,
    ),
    PythonMutant(
        "acknowledged_when_recorded",
        "a spool that forgets what is on disk",
        Change(
            "accounting/ingest/http.py",
            "if not await self._intake.keep_mixed([reduce(record) for record in records]):",
            "if await self._intake.keep_mixed([reduce(record) for record in records]) is None:",
        ),
        python_scenes.report_that_is_nowhere_on_disk_is_not_acknowledged,
    ),
    PythonMutant(
        "deadline_closes",
        "calls that are never heard of again",
        Change(
            "accounting/settling/outcome.py",
            "return _at_deadline(evidence) if decided is None and evidence.expired else decided",
            "return decided",
        ),
        python_scenes.hold_past_its_deadline_closes,
    ),
    PythonMutant(
        "no_evidence_is_shown",
        "reports that are late or never come",
        Change(
            "accounting/settling/outcome.py",
            "DOUBTFUL = frozenset({",
            "DOUBTFUL = frozenset({} and {",
        ),
        python_scenes.hold_without_evidence_is_shown_to_a_person,
    ),
    PythonMutant(
        "bounded_is_placed_first",
        AWAY,
        Change("authz/store.py", "await self._return()", 'self._change("connected")'),
        python_scenes.grants_of_an_outage_are_placed_first,
    ),
    PythonMutant(
        "bounded_counts_its_grants",
        AWAY,
        Change("authz/bounded.py", "funds.payers(self._spent, ", "funds.payers({}, "),
        python_scenes.grants_of_an_outage_stay_within_the_cap,
    ),
)
