"""Hold tokens as authz signs them, for tests that know its secret."""

import dataclasses
import time
import uuid
from typing import Any

from credit.token import Claims, sign
from tests.e2e.attempts import MODEL, Intruder


async def claims_of(intruder: Intruder, **changed: Any) -> Claims:
    """The claims that authz would sign for a cheap chat of this person."""
    account = await intruder.office.balance(intruder.who.client, intruder.who.name)
    usual = Claims(
        hold=str(uuid.uuid4()),
        account=str(account.id),
        client=intruder.who.client,
        mode="enforce",
        route="chat",
        model=MODEL,
        granted=10**8,
        input_picos=150_000,
        output_picos=600_000,
        above=None,
        audio_in=0,
        audio_out=0,
        fee=0,
        context=128_000,
        max_out=16_384,
        min_out=256,
        image=0,
        style="plain",
        lang="en",
        issued=int(time.time()),
    )
    return dataclasses.replace(usual, **changed)


def token_of(intruder: Intruder, claims: Claims) -> str:
    """The claims as authz signs them."""
    return sign(claims, [intruder.stack.token_key.encode()])
