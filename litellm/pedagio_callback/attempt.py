"""Says of a failed attempt whether the provider may have served it, and charges.

The hold covers one call, so after such an attempt no other is made. LiteLLM wraps what went
wrong several times over (a broken connection arrives as its `InternalServerError`), so the
chain of causes is read, by names: httpx's are the same in every version we have met.
"""

from __future__ import annotations

# The provider answered with an error, or never got the request: free.
FREE = frozenset({"HTTPStatusError", "ConnectError", "ConnectTimeout", "PoolTimeout"})
# The request was out when it went wrong: perhaps served, perhaps charged.
CHARGED = frozenset(
    {
        "ReadError",
        "ReadTimeout",
        "WriteError",
        "WriteTimeout",
        "RemoteProtocolError",
        "Timeout",
        "MidStreamFallbackError",
    }
)
LONGEST_CHAIN = 16


def may_be_charged(error: BaseException) -> bool:
    """Whether the provider may charge for the attempt that ended with this error."""
    names: set[str] = set()
    link: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if link is None:
            break
        names |= {kind.__name__ for kind in type(link).__mro__}
        link = link.__cause__ or link.__context__
    return bool(names & CHARGED) and not names & FREE
