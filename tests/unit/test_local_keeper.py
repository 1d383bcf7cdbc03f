"""The keeper of `make run`: what ends is started again, what keeps ending is given up."""

from dataclasses import dataclass, field

from local.keeper import ENDS_LIMIT, ENDS_WITHIN_S, Keeper
from local.process import ChildError


@dataclass
class Broken:
    """A part that ended; `fails` is how many starts fail before one succeeds."""

    name: str = "authz-1"
    fails: int = 0
    dead: bool = True
    starts: int = 0

    def complaint(self) -> str:
        """How it ended."""
        return f"{self.name} ended"

    async def restart(self) -> None:
        """Start, or fail once more."""
        self.starts += 1
        if self.starts <= self.fails:
            raise ChildError("not ready")
        self.dead = False


@dataclass
class Scene:
    """One part with its keeper; the clock moves by `step_s` at each look."""

    part: Broken
    step_s: float = 1.0
    now_s: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the keeper."""
        self.keeper = Keeper(
            lambda: [self.part] if self.part.dead else [],
            lambda text, _style: self.said.append(text),
            pause_s=0,
            clock=self.clock,
        )

    def clock(self) -> float:
        """Seconds."""
        self.now_s += self.step_s
        return self.now_s


async def test_part_that_ends_is_said_then_started_again() -> None:
    """Whoever killed it sees how it ended, when it comes, and that it is back; nothing else ends."""
    scene = Scene(Broken())
    assert await scene.keeper.round()
    assert not scene.part.dead
    assert scene.said == [
        "authz-1 ended",
        "authz-1 is started again in 0 s",
        "authz-1 runs again",
    ]


async def test_part_that_does_not_start_is_tried_again() -> None:
    """What it needs may itself be coming back; why it did not start is said."""
    scene = Scene(Broken(fails=2))
    assert await scene.keeper.round()
    assert scene.part.starts == 3
    assert scene.said.count("not ready") == 2


async def test_part_that_keeps_ending_is_given_up() -> None:
    """The fifth end within two minutes is the last: `run` returns, so that everything stops."""
    scene = Scene(Broken(fails=100))
    await scene.keeper.run()
    assert scene.part.starts == ENDS_LIMIT - 1
    assert scene.said[-1] == f"authz-1 ended {ENDS_LIMIT} times: everything is stopped"


async def test_part_that_ends_now_and_then_is_never_given_up() -> None:
    """Five ends in two minutes, not five ends ever: an afternoon of trying things out."""
    scene = Scene(Broken(), step_s=ENDS_WITHIN_S / (ENDS_LIMIT - 1) + 1)
    for _ in range(3 * ENDS_LIMIT):
        scene.part.dead = True
        assert await scene.keeper.round()
