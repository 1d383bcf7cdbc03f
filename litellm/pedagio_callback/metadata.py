"""Takes the client's metadata out of LiteLLM's own: there it steers what LiteLLM logs and prices.

A string as `tags` alone kept LiteLLM from reporting a call at all (measured). On the Responses API
the provider's `metadata` is another field, which stays.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

HOLDERS = ("metadata", "litellm_metadata")


def strip_metadata(data: MutableMapping[str, Any]) -> None:
    """Remove what LiteLLM copied from the client, by its own record of it; mend `tags`."""
    for name in HOLDERS:
        holder = data.get(name)
        if not isinstance(holder, dict):
            continue
        brought = holder.get("requester_metadata")
        if isinstance(brought, dict):
            for key in [key for key in brought if holder.get(key) == brought[key]]:
                holder.pop(key, None)
        tags = holder.get("tags")
        if not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
            holder.pop("tags", None)
