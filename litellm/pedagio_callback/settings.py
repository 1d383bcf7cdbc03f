"""The settings of the callback, read once from the environment of LiteLLM's process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    """A setting is missing or unreadable; the text names it."""


@dataclass(frozen=True)
class Settings:
    """Everything the callback needs to know. Secrets are tried in order; the first one signs."""

    token_keys: tuple[bytes, ...]
    report_keys: tuple[bytes, ...]
    accounting_url: str
    spool_dir: Path
    switch_file: Path | None
    sentences_file: Path | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read `PEDAGIO_*`; each may come from a file instead, named by `PEDAGIO_*_FILE`.

        Raises SettingsError when a required one is absent.
        """
        switch = _value(environment, "PEDAGIO_SWITCH_FILE")
        sentences = _value(environment, "PEDAGIO_SENTENCES")
        return cls(
            token_keys=_secrets(environment, "PEDAGIO_TOKEN_KEYS"),
            report_keys=_secrets(environment, "PEDAGIO_REPORT_KEYS"),
            accounting_url=_required(environment, "PEDAGIO_ACCOUNTING_URL").rstrip("/"),
            spool_dir=Path(_required(environment, "PEDAGIO_SPOOL_DIR")),
            switch_file=Path(switch) if switch else None,
            sentences_file=Path(sentences) if sentences else None,
        )


def _value(environment: Mapping[str, str], name: str) -> str:
    """The setting's text, '' when it is not set."""
    file = environment.get(f"{name}_FILE")
    if file:
        return Path(file).read_text(encoding="utf-8").strip()
    return environment.get(name, "").strip()


def _required(environment: Mapping[str, str], name: str) -> str:
    value = _value(environment, name)
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _secrets(environment: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    keys = tuple(part.strip().encode() for part in _required(environment, name).split(","))
    if not all(keys):
        raise SettingsError(f"{name} holds an empty secret")
    return keys
