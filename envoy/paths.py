"""The paths on which calls are held for."""

from typing import Final

METERED: Final = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings")
