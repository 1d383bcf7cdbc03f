"""What words of the contracts are called on the pages: kind of word -> word -> English text, a key of words/."""

from collections.abc import Mapping
from typing import Final

from accounting.oddities import KINDS

LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "mode": {"enforce": "Enforce", "shadow": "Shadow", "off": "Off", "closed": "Closed"},
    "each": {"day": "each day", "week": "each week", "month": "each month"},
    "account": {"active": "active", "suspended": "suspended", "frozen": "frozen by the auditor"},
    "request": {
        "requested": "waits",
        "approved": "approved",
        "denied": "denied",
        "withdrawn": "withdrawn",
        "expired": "expired",
    },
    "source": {
        "plan": "Allowance",
        "rollover": "Rolled over",
        "purchase": "Purchase",
        "request": "Request",
        "goodwill": "Goodwill",
        "correction": "Correction",
        "advance": "Advance",
        "opening": "Opening balance",
    },
    "entry": {
        "grant": "Credit given",
        "charge": "Call",
        "estimate": "Call, estimated",
        "reversal": "Reversal",
        "adjustment": "Adjustment",
        "expiry": "Expired",
        "revocation": "Taken back",
    },
    "method": {
        "Grant": "Give credit",
        "GiveCredit": "Give credit",
        "PutPlan": "Change a plan",
        "AssignPlan": "Put somebody on a plan",
        "ImportPeople": "Import people",
        "ApproveRequest": "Approve a request",
    },
    "by": {
        "day": "Day",
        "hour": "Hour",
        "month": "Month",
        "person": "Person",
        "team": "Team",
        "model": "Model",
        "client": "Application",
    },
    # Fields of what somebody proposed.
    "field": {
        "pool": "Team",
        "plan": "Plan",
        "source": "Source",
        "holder": "Who",
        "account": "Who",
        "name": "Who",
        "purchase": "Purchase",
        "id": "No.",
    },
    "price": {"in_force": "in force", "coming": "coming", "past": "past"},
    # A kind of exception in a few words; accounting/oddities.py says what each means.
    "exception": {
        "cost_missing": "Cost missing",
        "end_missing": "End missing",
        "estimate_unpriced": "Estimate without a price",
        "hold_mismatch": "Report of another call",
        "late_debit": "Late debit",
        "late_start": "Late start",
        "litellm_cost_zero": "Cost of 0",
        "maybe_billed": "Perhaps billed",
        "no_book_price": "No price in the book",
        "no_evidence": "No evidence",
        "price_mismatch": "Price differs",
        "report_missing": "Report missing",
        "unmetered": "Unmetered calls",
        "unproven": "Unproven report",
        "usage_conflict": "Reported twice, differently",
        "usage_missing": "Usage missing",
    },
    "meaning": KINDS,
}


def label(kind: str, word: str) -> str:
    """The English text; a word that a newer service says is shown as it is."""
    return LABELS[kind].get(word, word.replace("_", " "))
