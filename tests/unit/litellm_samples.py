"""What LiteLLM really sent in 25 situations, by its webhook and to its callbacks (facts-litellm.md).

Recorded with a simulated provider; fields that nobody reads are left out, the prompts and answers are
there: that they go no further is what the tests are about.
"""

import copy
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "litellm_payloads.json"
SAMPLES: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(DATA.read_text(encoding="utf-8"))
BOTH = sorted(name for name, kinds in SAMPLES.items() if kinds["webhook"] and kinds["callback"])
# Stands in every place of a payload that people's words may be in.
SECRET = "the salary of Maria"


def payloads(name: str, kind: str, hold: str, token: str | None) -> list[dict[str, Any]]:
    """The payloads of a situation, of the call that has this hold and token."""
    found = copy.deepcopy(SAMPLES[name][kind])
    for payload in found:
        if payload["id"] == payload["litellm_call_id"]:
            payload["id"] = hold
        payload["litellm_call_id"] = hold
        headers = payload["metadata"]["requester_custom_headers"]
        headers["x-litellm-call-id"] = hold
        if token is not None:
            headers["x-pedagio-hold"] = token
        payload |= {"messages": SECRET, "error_str": SECRET, "prompt": SECRET}
        payload["metadata"]["requester_metadata"] = {"note": SECRET}
        payload["response"] = (payload["response"] or {}) | {"output_text": SECRET}
        payload["error_information"] = (payload["error_information"] or {}) | {
            "error_message": SECRET
        }
    return found
