"""What LiteLLM bills its deployments by: a router of the given ones, their `/model/info`, costs.

Run by LiteLLM's own Python. Stdin: {"deployments": [...], "calls": [{id, usage, tier}]}; the last
line of stdout: {"model_info": [...], "costs": [text or null, in order]}.
"""

import copy
import json
import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

# Beside this file; it sets LiteLLM's environment before importing it.
from litellm_oracle import reported  # type: ignore[import-not-found]

litellm: Any = import_module("litellm")
logs: Any = import_module("litellm.litellm_core_utils.litellm_logging")
# Private there, but exactly what `/model/info` answers with.
shown = vars(import_module("litellm.proxy.proxy_server"))["_get_proxy_model_info"]


def cost_text(call: Mapping[str, Any], deployment: Mapping[str, Any]) -> str | None:
    """The cost as LiteLLM's logging computes it for an answer of this deployment."""
    parameters, info = deployment["litellm_params"], deployment["model_info"]
    provider, _, model = parameters["model"].partition("/")
    custom = logs.use_custom_pricing_for_model({**parameters, "metadata": {"model_info": info}})
    try:
        cost = litellm.completion_cost(
            completion_response=litellm.ModelResponse(model=model, usage=reported(call["usage"])),
            model=model,
            custom_llm_provider=provider,
            custom_pricing=custom,
            base_model=info.get("base_model"),
            router_model_id=info["id"],
            service_tier=call["tier"],
        )
    except Exception:  # noqa: BLE001  # LiteLLM raises bare Exceptions for what it cannot price
        return None
    return str(cost)


def main() -> None:
    """Everything in one process: importing LiteLLM takes seconds."""
    litellm.suppress_debug_info = True
    logging.disable(logging.CRITICAL)
    asked = json.load(sys.stdin)
    router = litellm.Router(model_list=copy.deepcopy(asked["deployments"]))
    deployments = {each["model_info"]["id"]: each for each in router.model_list}
    answer = {
        "model_info": [shown(copy.deepcopy(each)) for each in deployments.values()],
        "costs": [cost_text(call, deployments[call["id"]]) for call in asked["calls"]],
    }
    sys.stdout.write("\n" + json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
