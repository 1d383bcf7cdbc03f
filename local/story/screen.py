"""How the story looks: one line an event, live on a terminal, plain in a log."""

from rich.console import Console
from rich.panel import Panel
from rich.status import Status
from rich.text import Text

from credit.money import NANOS_PER_USD

DIGITS = 9
# What is left of 80 columns beside three amounts below 10 USD and the added milliseconds.
ASKED_CHARS = 26


def usd(nanos: int, places: int = 6) -> str:
    """An amount in USD with so many decimals, cut and never rounded up: `0.006105`."""
    sign = "-" if nanos < 0 else ""
    whole, rest = divmod(abs(nanos), NANOS_PER_USD)
    return f"{sign}{whole}.{rest:0{DIGITS}d}"[: len(sign) + len(str(whole)) + 1 + places]


def share(part: int, whole: int) -> str:
    """A part of a whole as per cent with one decimal, rounded up: `0.4 %`."""
    tenths = -(-part * 1000 // whole) if whole else 0
    return f"{tenths // 10}.{tenths % 10} %"


class Screen:
    """Where the story is told."""

    def __init__(self, console: Console) -> None:
        """Tell it on this console."""
        self._console = console

    @property
    def live(self) -> bool:
        """Whether text can change in place."""
        return self._console.is_terminal

    def chapter(self, title: str) -> None:
        """A new part of the story."""
        self._console.print()
        self._console.print(Text(title, style="bold"))

    def line(self, text: str, style: str = "") -> None:
        """One event. Never wrapped: what is printed can be copied."""
        self._console.print(Text(f"  {text}", style=style), soft_wrap=True)

    def started(self, name: str, took_s: float) -> None:
        """A part that runs now."""
        self.line(f"{name:<12} ready in {took_s:4.1f} s", style="green")

    def answered(
        self, question: str, *, held_nanos: int, cost_nanos: int, left_nanos: int, added: str
    ) -> None:
        """One paid answer, in a line of at most 80 columns."""
        asked = question if len(question) <= ASKED_CHARS else f"{question[: ASKED_CHARS - 1]}…"
        self.line(
            f"{asked:<{ASKED_CHARS}} held {usd(held_nanos)} cost {usd(cost_nanos)} "
            f"left {usd(left_nanos)} {added:>9}"
        )

    def refusal(self, sentence: str) -> None:
        """The sentence in a box, as LibreChat shows it."""
        box = Panel(Text(sentence), title="LibreChat", width=72, border_style="red", padding=(1, 2))
        self._console.print(box)

    def waiting(self, what: str) -> Status:
        """A spinner while something lasts; silent where text cannot change in place."""
        return self._console.status(what)
