"""Where settings come from: PEDAGIO_* variables, or files named by PEDAGIO_*_FILE (for secrets)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "PEDAGIO_"


class Settings(BaseSettings):
    """Frozen; unknown variables are left alone, so a new field never breaks an old deployment."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore"
    )

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the environment; a NAME_FILE variable wins over nothing, never over NAME itself."""
        from_files: dict[str, Any] = {}
        for name in cls.model_fields:
            variable = f"{PREFIX}{name.upper()}"
            path = environment.get(f"{variable}_FILE")
            if path and variable not in environment:
                from_files[name] = Path(path).read_text(encoding="utf-8").strip()
        return cls(**from_files)


def split_keys(text: str) -> list[bytes]:
    """Comma-separated secrets, newest first."""
    return [key.strip().encode() for key in text.split(",") if key.strip()]
