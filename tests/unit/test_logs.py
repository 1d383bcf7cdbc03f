"""The log of both processes."""

from collections.abc import Iterator

import pytest
import structlog

from credit import logs


@pytest.fixture
def configured() -> Iterator[None]:
    """The log as the process configures it; the default again afterwards."""
    logs.configure()
    yield
    structlog.reset_defaults()


def test_traceback_in_the_log_shows_no_values(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it broke is worth a line; the key that was at hand is not."""
    key = "pk-" + "secret"[::-1]
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("call_failed", length=len(key))
    printed = capsys.readouterr().out
    assert "ValueError: invalid literal" in printed
    assert key not in printed


def test_line_in_a_file_has_the_words_of_the_documentation(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """No colour or padding between the event and what belongs to it: it can be searched for."""
    structlog.get_logger().warning("store_state", state="bounded")
    printed = capsys.readouterr().out
    assert printed.endswith("[warning  ] store_state state=bounded\n")
    assert "\x1b" not in printed
