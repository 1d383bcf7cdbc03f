"""LiteLLM's folder with models whose cost does not follow from tokens, beside those of the configuration."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from local.litellm import ROOT

# Known to LiteLLM's price file by token, by letter, by second; the last two to nobody.
MODELS = {
    "gpt-image-1": "openai/gpt-image-1",
    "tts-1": "openai/tts-1",
    "whisper-1": "openai/whisper-1",
    "omni-moderation-latest": "openai/omni-moderation-latest",
    "figura-propria": "openai/figura-propria",
    "ouvido-proprio": "openai/ouvido-proprio",
}


def with_flat_models(folder: Path) -> Path:
    """A copy of `litellm/` in a folder; the path of its config.yaml."""
    copied = folder / "litellm"
    shutil.copytree(ROOT / "litellm", copied, ignore=shutil.ignore_patterns("__pycache__"))
    config = copied / "config.yaml"
    read: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    usual = read["model_list"][0]["litellm_params"]
    read["model_list"] += [
        {"model_name": name, "litellm_params": {**usual, "model": model}}
        for name, model in MODELS.items()
    ]
    config.write_text(yaml.safe_dump(read), encoding="utf-8")
    return config
