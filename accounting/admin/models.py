"""The models in force: what may be asked for, at which prices."""

from dataclasses import dataclass

import asyncpg

from accounting.admin import fields
from accounting.admin.errors import NotFoundError
from credit import ledger
from credit.models import Deployment, ModelEntry, ModelMap, Terms
from credit.prices import rates_for

NAME_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Offer:
    """A name with its dearest terms; `terms` None: a deployment lacks a price, so it is refused."""

    entry: ModelEntry
    terms: Terms | None


async def list_models(pool: asyncpg.Pool, name: str) -> tuple[list[Offer], int]:
    """The names in force (or the one asked for) with the version of the map; 0: never synced."""
    wanted = fields.optional_text("name", name, NAME_LIMIT)
    rows = await ledger.query(pool, "read_model_map")
    models = ModelMap.from_json(rows[0]["map"]) if rows else ModelMap({})
    if wanted is not None and wanted not in models.entries:
        raise NotFoundError(
            f"{wanted} is not among the models of LiteLLM: `pedagio models sync` reads them again"
        )
    names = [wanted] if wanted is not None else sorted(models.entries)
    offers = [Offer(models.entries[each], models.terms(each, None)) for each in names]
    return offers, rows[0]["version"] if rows else 0


def standard_picos(deployment: Deployment) -> tuple[int, int]:
    """Input and output price of a deployment in the standard tier, picos per token; 0, 0 without one."""
    if deployment.price is None:
        return 0, 0
    rates = rates_for(deployment.price, 0, None)
    return rates.input, rates.output
