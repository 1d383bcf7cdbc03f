"""What both processes write to their logs: plain lines, and tracebacks without the values at hand.

structlog's own form prints every local variable of every frame, and in an administrator's call
these are keys and tokens. Its colours and padding are for a terminal: in a file they would stand
between an operator and the words that the documentation tells him to look for.
"""

import sys

import structlog


def configure() -> None:
    """Set the form of the log for this process."""
    plain = structlog.dev.plain_traceback
    on_screen = sys.stdout.isatty()
    renderer = structlog.dev.ConsoleRenderer(
        colors=on_screen, pad_event_to=30 if on_screen else 0, exception_formatter=plain
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])
