"""What LiteLLM's router settings say about who answers for whom: fallback chains, aliases.

Shapes as measured on LiteLLM 1.109 (`/router/settings`, `/get/config/callbacks`): lists of
one-key objects, absent or null settings, `"*"` for every name (also twice, also null), a target
as a name or as an object that has one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

# Under which conditions LiteLLM may answer with another name's deployment: all count for the bound.
FALLBACK_SETTINGS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def fallbacks_of(router: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Every name with all names it may fall back to, for whatever reason, each once."""
    found: dict[str, tuple[str, ...]] = {}
    for setting in FALLBACK_SETTINGS:
        for chain in router.get(setting) or ():
            for name, targets in chain.items():
                found[name] = tuple(dict.fromkeys(found.get(name, ()) + names_of(targets)))
    return found


def aliases_of(router: Mapping[str, Any]) -> dict[str, str]:
    """`model_group_alias`: what clients may write -> the name it stands for; hidden ones too."""
    aliases = router.get("model_group_alias") or {}
    return {alias: name for alias, target in aliases.items() for name in names_of([target])}


def names_of(targets: Iterable[str | Mapping[str, Any] | None] | None) -> tuple[str, ...]:
    """The names in a list of targets; what names nothing is left out."""
    found = (each.get("model") if isinstance(each, Mapping) else each for each in targets or ())
    return tuple(str(name) for name in found if name)
