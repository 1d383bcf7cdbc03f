"""The seal: a hash chain over rows that are final, one link a minute.

A link covers the rows that transactions [from_tx, to_tx) wrote. `to_tx` is never above the horizon, below
which every transaction has ended, so a transaction that commits late belongs to a later link, and nothing
may ever appear under an old one. A backup restored with its write-ahead log continues its own chain; a
dump restored into a new server must first have its transaction counter set beyond the head's (the
verification says so, docs/how-to/run-the-audit.md says how).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from accounting.audit import statements
from accounting.audit.invariants import SEAL
from accounting.audit.report import Violation

# The canonical form of rows and links: a change of sql/seal.sql's row texts is another rule.
RULE = 2
TABLES = ("transfer", "usage_event", "hold_close", "decision", "account_history", "audit")
# Rows of one table in one link, about; only a single transaction may exceed it.
LINK_ROWS = 5_000
# Links made in one run: after a long silence the next runs go on.
LINKS_PER_RUN = 200
PAGE_LINKS = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Parts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the table `seal`."""

    number: int
    rule: int
    from_tx: int
    to_tx: int
    parts: Parts
    previous: str
    digest: str
    sealed_at: datetime

    def computed_digest(self) -> str:
        """What the digest must be: over the previous one and everything that this link says."""
        text = json.dumps(
            {
                "number": self.number,
                "rule": self.rule,
                "from_tx": self.from_tx,
                "to_tx": self.to_tx,
                "parts": self.parts,
                "previous": self.previous,
                "sealed_us": (self.sealed_at - _EPOCH) // _MICROSECOND,
            },
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode()).hexdigest()


async def extend_chain(
    connection: statements.Connection,
    bound_s: float,
    now: datetime,
    link_rows: int = LINK_ROWS,
    up_to: int | None = None,
) -> Link | None:
    """Seal what has become final, in the caller's transaction (READ COMMITTED); the new head, if any.

    `up_to`: the horizon of the snapshot that was examined. What a later transaction wrote nobody has looked
    at, and below the head nobody would. None: whatever is final.
    """
    await statements.rows(connection, "lock_seal", bound_s)
    newest = None
    for _ in range(LINKS_PER_RUN):
        state = await statements.rows(connection, "read_horizon", bound_s)
        if not state:
            break
        horizon = min(state[0]["horizon"], state[0]["horizon"] if up_to is None else up_to)
        if horizon <= state[0]["to_tx"]:
            break
        examined = {**state[0], "horizon": horizon}
        link = await _next_link(connection, bound_s, examined, now, link_rows)
        if link is None:
            break
        await statements.rows(
            connection, "add_link", bound_s, number=link.number, rule=link.rule, from_tx=link.from_tx,
            to_tx=link.to_tx, parts=link.parts, previous=link.previous, digest=link.digest,
            sealed_at=link.sealed_at,
        )  # fmt: skip
        newest = link
    return newest


async def _next_link(
    connection: statements.Connection,
    bound_s: float,
    state: Mapping[str, Any],
    now: datetime,
    link_rows: int,
) -> Link | None:
    """The link after the head, or None where there is nothing to seal."""
    bounds = {"from_tx": state["to_tx"], "to_tx": state["horizon"]}
    full = (await statements.row(connection, "bound_link", bound_s, size=link_rows, **bounds))["tx"]
    to_tx = state["horizon"] if full is None else max(full, state["to_tx"] + 1)
    draft = Link(
        state["number"] + 1, RULE, state["to_tx"], to_tx, {}, state["digest"], "", now
    )  # fmt: skip
    (parts,) = await _read_parts(connection, bound_s, [draft])
    if not any(part["rows"] for part in parts.values()):
        return None
    draft = replace(draft, parts=parts)
    return replace(draft, digest=draft.computed_digest())


async def list_links(
    connection: statements.Connection, bound_s: float, first: int, size: int
) -> list[Link]:
    """Links in their order, from a number on."""
    found = await statements.rows(connection, "list_links", bound_s, first=first, page_size=size)
    return [Link(**row) for row in found]


async def verify_links(
    connection: statements.Connection, bound_s: float, before: Link | None, links: Sequence[Link]
) -> list[Violation]:
    """Links that follow each other against `before` and against their rows as they are now."""
    found: list[Violation] = []
    ranged = [link for link in links if link.number > 0 and link.to_tx > link.from_tx]
    present = dict(
        zip(
            [link.number for link in ranged],
            await _read_parts(connection, bound_s, ranged),
            strict=True,
        )
    )
    for link in links:
        problems = _link_problems(before, link)
        problems += _row_problems(link, present.get(link.number, {}))
        found += [Violation(SEAL, None, f"link {link.number}", problem) for problem in problems]
        before = link
    return found


async def verify_some(
    connection: statements.Connection, bound_s: float, first: int, size: int
) -> tuple[int, list[Violation]]:
    """So many links from a number on, each against the one before; how many there are, what is wrong."""
    page = await list_links(connection, bound_s, max(first - 1, 0), size + (first > 0))
    before = page.pop(0) if first > 0 and page else None
    return len(page), await verify_links(connection, bound_s, before, page)


async def verify_all(
    connection: statements.Connection, bound_s: float
) -> tuple[int, list[Violation]]:
    """The whole chain, page by page; how many links there are, and what is wrong."""
    count, before, found = 0, None, list[Violation]()
    while page := await list_links(
        connection, bound_s, 0 if before is None else before.number + 1, PAGE_LINKS
    ):
        if before is None and page[0].number > 0:
            found.append(Violation(SEAL, None, "link 0", "the beginning of the chain is gone"))
        found += await verify_links(connection, bound_s, before, page)
        count, before = count + len(page), page[-1]
    return count, found


def _link_problems(before: Link | None, link: Link) -> list[str]:
    """What the link itself says, and how it follows the one before."""
    problems = []
    if link.number == 0:
        return [] if link.digest == "pedagio" else ["the beginning of the chain was changed"]
    if link.digest != link.computed_digest():
        problems.append("its digest is not that of what it says: the link was changed")
    if before is None:
        return problems
    if link.number != before.number + 1:
        problems.append(f"follows link {before.number}: links are missing")
    elif (link.previous, link.from_tx) != (before.digest, before.to_tx):
        problems.append("does not continue the link before it")
    return problems


def _row_problems(link: Link, present: Parts) -> list[str]:
    """Where the rows of a range are not what was sealed."""
    if link.number == 0:
        return []
    return [
        f"{table}: {_count(link.parts.get(table))} rows were sealed, {_count(present.get(table))} are there"
        + ("" if _count(link.parts.get(table)) != _count(present.get(table)) else ", changed")
        for table in TABLES
        if link.parts.get(table) != present.get(table)
    ]


def _count(part: Any) -> int:
    return int(part["rows"]) if part else 0


async def _read_parts(
    connection: statements.Connection, bound_s: float, links: Sequence[Link]
) -> list[Parts]:
    """Per link, what its rows are now, by table."""
    found = await statements.rows(
        connection,
        "read_parts",
        bound_s,
        numbers=[link.number for link in links],
        froms=[link.from_tx for link in links],
        tos=[link.to_tx for link in links],
    )
    return [{table: row[table] for table in TABLES} for row in found]
