"""The model maps that accounting keeps in memory: the one in force, and those that open holds are bounded by."""

from collections import OrderedDict
from typing import Final

import asyncpg

from credit import ledger
from credit.models import ModelMap

# A hold lives for half an hour or so: more changes of prices than this meanwhile are not to be expected.
MAPS_KEPT: Final = 16


class CurrentModels:
    """The newest synchronised map, None until the first synchronisation; earlier ones by their version."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Call `reload` before use."""
        self._pool = pool
        self.models: ModelMap | None = None
        self.version: int | None = None
        self._earlier: OrderedDict[int, ModelMap] = OrderedDict()

    async def reload(self, topics: set[str]) -> None:
        """Read the map again when `models` is among the topics."""
        if "models" not in topics:
            return
        rows = await ledger.query(self._pool, "read_model_map")
        if rows:
            self.version = int(rows[0]["version"])
            self.models = ModelMap.from_json(rows[0]["map"], self.version)

    async def at(self, version: int) -> ModelMap | None:
        """The map of that version, which a hold was bounded by; 0, or one that is not there: the one in force."""
        if version in {0, self.version}:
            return self.models
        if version not in self._earlier:
            rows = await ledger.query(self._pool, "read_model_map_at", version=version)
            if not rows:
                return self.models
            self._earlier[version] = ModelMap.from_json(rows[0]["map"], version)
            if len(self._earlier) > MAPS_KEPT:
                self._earlier.popitem(last=False)
        return self._earlier[version]
