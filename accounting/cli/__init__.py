"""The command `pedagio`: what administrators type, a pure client of the AdminService."""

from accounting.cli.app import app, main

__all__ = ["app", "main"]
