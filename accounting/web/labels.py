"""What words of the contracts are called on the pages: kind of word -> word -> English text, a key of words/."""

from collections.abc import Mapping
from typing import Final

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
        "client": "Application",
        "external id": "Person",
        "purchase": "Purchase",
        "id": "No.",
        "allowance": "Allowance",
        "period": "Period",
        "rollover": "What is left at the end",
        "time zone": "Time zone",
        "priority": "Order of burning",
        "valid until": "Until",
    },
    "price": {"in_force": "in force", "coming": "coming", "past": "past"},
    # A kind of exception of accounting/oddities.py in a few words.
    "exception": {
        "cost_missing": "Cost missing",
        "disputed_refusal": "A refusal called wrong",
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
    # What each means, and what to do about it.
    "meaning": {
        "cost_missing": "Answered whole, but its cost never came: it was debited by estimate.",
        "disputed_refusal": "A person says that this refusal is wrong: the note that resolves it is mailed to them.",
        "end_missing": "Started, but its end was never reported: LiteLLM may have died meanwhile.",
        "estimate_unpriced": "Estimated at 0, because the model has no price: give it one.",
        "hold_mismatch": "A report came under the name of another call: it was not debited there.",
        "late_debit": "A report came after its hold was released: it was debited all the same.",
        "late_start": "A start came after its hold was released: watch whether its cost comes.",
        "litellm_cost_zero": "LiteLLM said 0 for a model that has a price: the price book's was debited.",
        "maybe_billed": "Timed out at cost 0, but the provider may bill it: look at its invoice.",
        "no_book_price": "Debited as LiteLLM says, because the price book has no price for it.",
        "no_evidence": "Released at its deadline: nobody told of anything, so nothing was debited.",
        "price_mismatch": "LiteLLM's cost is more than 1 % off the price book: mend one of the two.",
        "report_missing": "Envoy delivered an answer, but no report came: it was debited by estimate.",
        "unmetered": "Calls passed that neither a hold nor a report tells of: enforcing refuses such paths.",
        "unproven": "A report without a token: that call did not pass Envoy.",
        "usage_conflict": "Reported twice with other figures: the first report stands.",
        "usage_missing": "Answered without its usage: it was debited by estimate.",
    },
}


def label(kind: str, word: str) -> str:
    """The English text; a word that a newer service says is shown as it is."""
    return LABELS[kind].get(word, word.replace("_", " "))
