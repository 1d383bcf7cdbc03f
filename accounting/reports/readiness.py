"""Whether enforcement may begin: what the last days say, a line each, with the command that mends it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from accounting.admin import accounts
from accounting.admin.errors import InvalidFieldError, NotFoundError
from accounting.reports import statements
from accounting.reports.lines import WHY, Line, counted, person, some, words
from accounting.reports.shadow import days_asked
from accounting.reports.would_refuse import credit_lines, other_lines
from credit import ledger
from credit.models import ModelMap

# Of a hundred closed calls so many must be told of by Envoy and by the callback.
MATCH_PERCENT = 99


@dataclass(frozen=True, slots=True)
class Readiness:
    """The lines in their order."""

    days: int
    lines: Sequence[Line]

    @property
    def ready(self) -> bool:
        """Whether nothing blocks."""
        return all(line.ready for line in self.lines if line.blocks)


async def read(pool: asyncpg.Pool, days: int, cohort: str) -> Readiness:
    """Over so many days (0: a week), for a cohort or (empty) everybody."""
    days = days_asked(days)
    whose = await members(pool, cohort) if cohort else None
    return Readiness(
        days,
        [
            *await credit_lines(pool, days, whose),
            await _models(pool, days, whose),
            *await other_lines(pool, days, whose),
            await _paths(pool, days),
            await _match(pool, days),
            await _emails(pool, days, whose),
        ],
    )


async def members(pool: asyncpg.Pool, cohort: str) -> Sequence[int]:
    """The accounts of `team=NAME` (the members of a pool) or `account=CLIENT/PERSON`; NotFoundError for none."""
    kind, _, name = cohort.partition("=")
    if kind == "team" and name:
        rows = await statements.rows(pool, "list_members", pool=name)
        if not rows:
            raise NotFoundError(f"the pool {name} does not exist, or has no members")
        return [row["account_id"] for row in rows]
    client, _, who = name.partition("/")
    if kind != "account" or not client or not who:
        raise InvalidFieldError("cohort", "must be team=NAME or account=CLIENT/PERSON")
    return [(await accounts.read(pool, accounts.Name(client, who))).id]


async def _models(pool: asyncpg.Pool, days: int, whose: Sequence[int] | None) -> Line:
    """A model that has a price by now is mended."""
    rows = await statements.rows(pool, "list_unpriced", days=days, cohort=whose)
    found = await ledger.query(pool, "read_model_map")
    priced = ModelMap.from_json(found[0]["map"]) if found else ModelMap({})
    asked = [row["model"] for row in rows if priced.terms(row["model"], None) is None]
    # A slip of the keyboard: LiteLLM itself refuses a name that it does not have.
    names = [name for name in asked if name in priced.entries]
    if not names:
        unknown = f"; unknown to LiteLLM: {some(asked)}" if asked else ""
        return Line("models", f"every model asked for has a price{unknown}", ready=True)
    finding = f"{counted(len(names), 'model', 'models')} without a price: {some(names)}"
    return Line("models", finding, f"pedagio models sync {WHY}")


async def _paths(pool: asyncpg.Pool, days: int) -> Line:
    rows = await statements.rows(pool, "list_unmetered", days=days)
    if not rows:
        return Line("paths", "nothing passed outside the metered paths", ready=True)
    finding = f"not metered, so refused then: {some(row['subject'] for row in rows)}"
    command = f"pedagio exceptions resolve {rows[0]['id']} --reason 'known, may be refused'"
    return Line("paths", finding, command)


async def count_matched(pool: asyncpg.Pool, days: int) -> tuple[int, int]:
    """Calls that closed in so many days (0: a week), and those that Envoy and the callback told of."""
    row = await statements.row(pool, "read_match", days=days_asked(days))
    assert row is not None, "a count always has a row"
    return row["calls"], row["matched"]


async def _match(pool: asyncpg.Pool, days: int) -> Line:
    row = await statements.row(pool, "read_match", days=days)
    assert row is not None, "an aggregate always has a row"
    calls, matched = row["calls"], row["matched"]
    if not calls:
        return Line("match", "no call was seen yet", "pedagio mode set shadow --reason watch")
    # Rounded down, so that 99 is never a little less.
    finding = f"{matched * 100 // calls} % of {calls} calls were told of by Envoy and the callback"
    if matched * 100 >= calls * MATCH_PERCENT:
        return Line("match", finding, ready=True)
    if row["told_by_envoy"] <= row["told_by_callback"]:
        finding += f"; Envoy's access log lacks {calls - row['told_by_envoy']}"
        return Line("match", finding, "pedagio access-log replay FILE")
    finding += f"; the callback lacks {calls - row['told_by_callback']}"
    return Line("match", finding, "pedagio exceptions list --kind report_missing")


async def _emails(pool: asyncpg.Pool, days: int, whose: Sequence[int] | None) -> Line:
    """Said only: who cannot be written to is refused by a sentence all the same."""
    rows = await statements.rows(pool, "list_without_email", days=days, cohort=whose)
    if not rows:
        return Line("e-mail", "everybody can be written to", ready=True, blocks=False)
    finding = f"{counted(len(rows), 'person', 'people')} without e-mail: {some(map(person, rows))}"
    command = f"pedagio account email {words(rows[0])} ADDRESS {WHY}"
    return Line("e-mail", finding, command, blocks=False)
