"""What accounting writes to its log: tracebacks without the values that were at hand.

structlog's own form prints every local variable of every frame, and in an administrator's call
these are keys and tokens.
"""

import structlog


def configure() -> None:
    """Set the form of the log for this process."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])
