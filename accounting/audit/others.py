"""Reads who else had a say in a decision: pools, caps, as hold and decision store them (`others`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from credit.grant import GrantRule, Payer, Sizes, Standing

Row = Mapping[str, Any]


def sizes(row: Row) -> Sizes:
    """What the call asked for, by the constants that were in force for it."""
    rule = GrantRule(row["small_percent"], row["share_percent"])
    return Sizes(row["want"], row["target"], row["minimum"], rule)


def own(row: Row) -> Standing:
    """The person's own account as the decision names it."""
    return Standing(row["account_id"], row["posted"], row["held"], row["overdraft"])


def caps(row: Row, payer: int | None = None) -> Sequence[Standing]:
    """The caps on what `payer` pays: a pool by its id, None for the person's own credit."""
    return [_standing(each) for each in _others(row, "cap") if each.get("pool") in {None, payer}]


def counted(row: Row) -> Sequence[Standing]:
    """The caps that a placed hold counts under."""
    return [_standing(each) for each in _others(row, "cap") if each["id"] in row["caps"]]


def payers(row: Row) -> Sequence[Payer]:
    """Everybody who might have paid. The order of preference is not stored: no refusal depends on it."""
    pools = [
        Payer(_standing(each), caps(row, each["id"]), is_pool=True) for each in _others(row, "pool")
    ]
    return [Payer(own(row), caps(row)), *pools]


def open_holds(row: Row) -> tuple[int, int] | None:
    """How many holds the person had open, of how many allowed, where that was the reason."""
    found = _others(row, "open_holds")
    return (found[0]["open"], found[0]["limit"]) if found else None


def _others(row: Row, role: str) -> Sequence[Row]:
    return [each for each in row["others"] or () if each["role"] == role]


def _standing(each: Row) -> Standing:
    return Standing(
        each["id"], each["posted"], each["held"], each["overdraft"], each["status"] == "active"
    )
