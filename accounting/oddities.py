"""The kinds of exceptions: what a person should look at, with what each means.

The one list of them; a test holds it equal to what is written, and docs/how-to/look-at-exceptions.md to it.
"""

from collections.abc import Mapping
from typing import Final

# In at most a line of a terminal, its kind before it.
KINDS: Final[Mapping[str, str]] = {
    "cost_missing": "answered whole, no cost came: estimated",
    "disputed_refusal": "a person says that this refusal is wrong",
    "end_missing": "started, its end never reported: LiteLLM may have died",
    "estimate_unpriced": "an estimate of 0: the model has no price",
    "hold_mismatch": "a report under the name of another call",
    "late_debit": "a report came after its hold was released: debited",
    "late_start": "a start came after its hold was released: watch for its cost",
    "litellm_cost_zero": "LiteLLM said 0 for a model that has a price",
    "maybe_billed": "timed out at cost 0: the provider may bill it",
    "no_book_price": "debited as LiteLLM says; the price book has no price",
    "no_evidence": "released at its deadline: nobody told of anything",
    "price_mismatch": "LiteLLM's cost is more than 1 % off the price book",
    "report_missing": "Envoy delivered an answer, no report came: estimated",
    "unmetered": "requests that neither a hold nor a report tells of",
    "unproven": "a report without a token: it did not pass Envoy",
    "usage_conflict": "reported twice with other figures: the first stands",
    "usage_missing": "answered without usage: estimated",
}
