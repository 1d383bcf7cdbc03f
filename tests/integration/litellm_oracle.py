"""What LiteLLM itself bills: read cases as JSON on stdin, answer one cost text (or null) each.

Run by LiteLLM's own Python: importing it takes seconds, so all cases go in one process.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# LiteLLM reads its price map at import, hence after the variable.
from litellm.cost_calculator import cost_per_token
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
)
from litellm.types.utils import Usage as LitellmUsage


def reported(usage: Mapping[str, int]) -> LitellmUsage:
    """The usage object LiteLLM makes of a provider's answer with these counts."""
    created, kept = usage["cache_creation_tokens"], usage["cache_creation_1h_tokens"]
    split = CacheCreationTokenDetails(
        ephemeral_5m_input_tokens=created - kept, ephemeral_1h_input_tokens=kept
    )
    return LitellmUsage(
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        total_tokens=usage["prompt_tokens"] + usage["completion_tokens"],
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=usage["cached_tokens"],
            audio_tokens=usage["audio_input_tokens"],
            cache_creation_tokens=created,
            cache_creation_token_details=split if created else None,
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=usage["reasoning_tokens"],
            audio_tokens=usage["audio_output_tokens"],
        ),
    )


def cost_text(case: Mapping[str, Any]) -> str | None:
    """The cost as `str(float)`, as the callback reports it; None where LiteLLM has no price."""
    usage = reported(case["usage"])
    try:
        prompt, answer = cost_per_token(
            model=case["model"],
            custom_llm_provider=case["provider"],
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            usage_object=usage,
            service_tier=case["tier"],
        )
    except Exception:  # noqa: BLE001  # LiteLLM raises bare Exceptions for what it cannot price
        return None
    return str(prompt + answer)


def main() -> None:
    """All cases, in order, on the last line (LiteLLM prints advice of its own)."""
    answers = [cost_text(case) for case in json.load(sys.stdin)]
    sys.stdout.write("\n" + json.dumps(answers))


if __name__ == "__main__":
    main()
