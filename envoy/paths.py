"""The paths on which calls are held for."""

from typing import Final

METERED: Final = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings")
# Held for where a policy sets an amount (credit/flat.py has the same paths; a test holds them equal).
FLAT_JSON: Final = ("/v1/images/generations", "/v1/audio/speech", "/v1/moderations")
# Forms, of which Envoy reads nothing.
FLAT_FORMS: Final = ("/v1/images/edits", "/v1/audio/transcriptions")
# Their bodies are read: buffered, and asked about first when they are large.
READ: Final = METERED + FLAT_JSON
HELD: Final = READ + FLAT_FORMS
