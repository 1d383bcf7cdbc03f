"""What the simulated API knows about each family of models: limits, reasoning, caching, images."""

from dataclasses import dataclass

TYPICAL_SIDE = 1024  # pixels: an image behind an address counts as a square of this side
PATCH_CAP = 1536  # patches: OpenAI scales an image down to this many


@dataclass(frozen=True)
class TileRule:
    """Image tokens as `base + tile x tiles` of 512 pixels, OpenAI's rule of gpt-4o."""

    base: int
    tile: int


@dataclass(frozen=True)
class PatchRule:
    """Image tokens as patches of 32 pixels times a factor in percent, the rule of gpt-4.1-mini."""

    percent: int


@dataclass(frozen=True)
class Family:
    """Limits in tokens; `caches` says whether a repeated long prefix is cheaper."""

    input_window: int
    max_output: int
    images: TileRule | PatchRule
    reasoning: bool = False
    caches: bool = True


_GPT_4O_IMAGES = TileRule(85, 170)
_O_IMAGES = TileRule(75, 150)
DEFAULT_FAMILY = Family(128_000, 16_384, _GPT_4O_IMAGES)
FAMILIES = {
    "gpt-3.5": Family(16_385, 4_096, _GPT_4O_IMAGES, caches=False),
    "gpt-4": Family(8_192, 4_096, _GPT_4O_IMAGES, caches=False),
    "gpt-4-turbo": Family(128_000, 4_096, _GPT_4O_IMAGES, caches=False),
    "gpt-4o": DEFAULT_FAMILY,
    "gpt-4o-mini": Family(128_000, 16_384, TileRule(2_833, 5_667)),
    "gpt-4.1": Family(1_047_576, 32_768, _GPT_4O_IMAGES),
    "gpt-4.1-mini": Family(1_047_576, 32_768, PatchRule(162)),
    "gpt-4.1-nano": Family(1_047_576, 32_768, PatchRule(246)),
    "gpt-5": Family(272_000, 128_000, TileRule(70, 140), reasoning=True),
    "gpt-5-chat": Family(128_000, 16_384, TileRule(70, 140)),
    "gpt-5-mini": Family(272_000, 128_000, PatchRule(162), reasoning=True),
    "gpt-5-nano": Family(272_000, 128_000, PatchRule(246), reasoning=True),
    "o1": Family(200_000, 100_000, _O_IMAGES, reasoning=True),
    "o3": Family(200_000, 100_000, _O_IMAGES, reasoning=True),
    "o3-mini": Family(200_000, 100_000, _O_IMAGES, reasoning=True),
    "o4-mini": Family(200_000, 100_000, PatchRule(172), reasoning=True),
}


def family_of(model: str) -> Family:
    """The family whose name is the longest prefix of `model`; the one of gpt-4o when none is."""
    prefixes = [prefix for prefix in FAMILIES if model.startswith(prefix)]
    return FAMILIES[max(prefixes, key=len)] if prefixes else DEFAULT_FAMILY
