"""The model map that accounting keeps in memory, for prices at the time of a report."""

import asyncpg

from credit import ledger
from credit.models import ModelMap


class CurrentModels:
    """The newest synchronised map; None until the first synchronisation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Call `reload` before use."""
        self._pool = pool
        self.models: ModelMap | None = None
        self.version: int | None = None

    async def reload(self, topics: set[str]) -> None:
        """Read the map again when `models` is among the topics."""
        if "models" not in topics:
            return
        rows = await ledger.query(self._pool, "read_model_map")
        if rows:
            self.models, self.version = ModelMap.from_json(rows[0]["map"]), rows[0]["version"]
