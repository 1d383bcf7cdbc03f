"""One change of many people at a time."""

import asyncpg

from accounting.admin import statements
from accounting.admin.errors import ConflictError


async def lock_people(connection: statements.Source) -> None:
    """Until the transaction ends; raises ConflictError where somebody else has them for longer than one waits."""
    try:
        await statements.rows(connection, "lock_people")
    except asyncpg.LockNotAvailableError as error:
        raise ConflictError(
            "another import is under way, nothing was changed: try again in a moment"
        ) from error
