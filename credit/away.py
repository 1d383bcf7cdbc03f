"""Tells a store that is away from a statement that is wrong.

The first is waited out: what was to be written is kept on disk and sent again. The second would fail
for ever, so what caused it must be set aside.
"""

import asyncpg
import redis

_STORE_AWAY = (
    OSError,  # refused, reset, unreachable; TimeoutError is one of them
    asyncpg.InterfaceError,  # the driver's connection or pool is closed or closing
    asyncpg.InternalClientError,  # the connection ended while the driver was using it
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, statement ended by an operator
    asyncpg.InsufficientResourcesError,  # its disk or its memory is full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a server that has just lost its office
    redis.RedisError,
)


_ITEM_WRONG = (
    asyncpg.IntegrityConstraintViolationError,
    ValueError,  # the driver's own complaint about an argument is one, too
    LookupError,
    TypeError,
)


def is_away(error: BaseException) -> bool:
    """Whether the same request may succeed later, unchanged."""
    return isinstance(error, _STORE_AWAY) and not isinstance(error, ValueError)


def is_wrong(error: BaseException) -> bool:
    """Whether what was sent is to blame, so that sending it again is of no use."""
    return isinstance(error, (asyncpg.DataError, *_ITEM_WRONG)) and not is_away(error)
