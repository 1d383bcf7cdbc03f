"""Whoever holds credit, on the command line: CLIENT and USER, or --pool."""

from typing import Annotated

import typer

from accounting.cli.account import account_name
from accounting.cli.connection import fail
from accounting.cli.output import person
from protos.pedagio.v1 import plans_pb2 as pb

HolderClient = Annotated[
    str, typer.Argument(metavar="CLIENT", show_default=False, help="The client's id.")
]
HolderUser = Annotated[
    str,
    typer.Argument(
        metavar="USER", show_default=False, help="The person; -: the client's own account."
    ),
]
PoolOption = Annotated[str, typer.Option("--pool", help="A pool instead of a person.")]


def read_holder(client: str, user: str, pool: str) -> pb.Holder:
    """An account (an e-mail alone stands for a person's) or a pool; a sentence where it is neither or both."""
    if bool(client) == bool(pool):
        fail("say whose credit it is: CLIENT and USER, or --pool NAME")
    if client and not user and "@" not in client:
        fail(f"name the person, or - for the own account of {client}")
    return pb.Holder(pool=pool) if pool else pb.Holder(account=account_name(client, user))


def holder_text(holder: pb.Holder) -> str:
    """In words."""
    if holder.pool:
        return f"pool {holder.pool}"
    return person(holder.account.client, holder.account.external_id)
