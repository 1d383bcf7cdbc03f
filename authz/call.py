"""One priced call: what to hold for it, what its token says."""

from dataclasses import dataclass, replace

from authz.body import Body, model_name
from authz.request import Request
from authz.snapshot import Client
from credit.bounds import DoorRequest, door_bound
from credit.ledger import Cheaper, Place, Placed
from credit.models import Terms
from credit.money import marked_up
from credit.policy import EMPTY, Policy
from credit.token import Claims

# More than anybody owns and less than a bigint: absurd prices refuse a call, never break its batch.
HOLD_LIMIT_NANOS = 10**18

# Those of credit/flat.py besides, where the policy sets an amount for them.
METERED = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a call may take, in nano-USD, with the markup of its plan."""

    want_nanos: int
    target_nanos: int
    minimum_nanos: int


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be priced: the checked body, its terms, whose credit it draws on."""

    request: Request
    client: Client
    body: Body
    terms: Terms
    account_id: int
    route: str
    policy: Policy = EMPTY
    # Of the model map whose prices the bound is made of; it stays on the hold.
    price_version: int | None = None
    # For one answer, where tokens say nothing of the cost (credit/flat.py).
    flat_nanos: int | None = None

    def sizes(self, usual_output_tokens: int) -> Sizes:
        """The door bound (DESIGN 4), with no longer answer than the policy allows."""
        body = self.body
        if self.flat_nanos is not None:
            marked = marked_up(self.flat_nanos * body.choices, self.markup)
            whole = min(marked, HOLD_LIMIT_NANOS)
            return Sizes(whole, whole, whole)
        limits = [n for n in (body.output_asked_tokens, self.policy.max_output_tokens) if n]
        door = DoorRequest(
            self.route,
            self.request.size_bytes,
            min(limits, default=None),
            body.choices,
            body.continued,
        )
        bound = door_bound(door, self.terms)
        target = bound.target_nanos(usual_output_tokens)
        amounts = (bound.want_nanos, target, bound.min_nanos)
        return Sizes(*(min(marked_up(a, self.markup), HOLD_LIMIT_NANOS) for a in amounts))

    @property
    def markup(self) -> int:
        """Per cent that the person's plan puts on each cost."""
        return self.policy.markup_percent or 0

    @property
    def line(self) -> bool:
        """Whether the answer may end with a line about credit: in a chat, to a person who reads it.

        LibreChat asks for titles without `stream`, and for answers with it.
        """
        return (
            self.policy.balance_line is True
            and self.route == "chat"
            and self.body.choices == 1
            and (self.client.style != "librechat" or self.request.body.get("stream") is True)
        )

    def hold(self, sizes: Sizes, cheaper: Cheaper | None = None, *, shadow: bool) -> Place:
        """The hold to ask for; it never refuses by itself. `cheaper`: what else would do."""
        return Place(
            self.request.hold_id,
            self.account_id,
            self.client.id,
            self.route,
            self.body.model,
            sizes.want_nanos,
            sizes.target_nanos,
            sizes.minimum_nanos,
            shadow,
            self.policy.grant_rule,
            self.policy.max_open_holds,
            cheaper,
            price_version=self.price_version,
            markup_percent=self.markup,
            line=self.line,
        )

    def claims(self, granted_nanos: int, mode: str, now_s: float, asked: str = "") -> Claims:
        """The token of this call, with the prices that its bound was made of.

        `asked`: what the client asked for, where this call's model answers in its place.
        """
        terms = self.terms
        return Claims(
            hold=self.request.hold_id,
            account=str(self.account_id),
            client=self.client.id,
            mode=mode,
            route=self.route,
            model=self.body.model,
            granted=granted_nanos,
            input_picos=terms.input_picos,
            output_picos=terms.output_picos,
            above=terms.above,
            audio_in=terms.audio_in_picos,
            audio_out=terms.audio_out_picos,
            fee=self.flat_nanos or 0,
            context=terms.context_tokens,
            max_out=terms.max_output_tokens,
            min_out=terms.min_output_tokens,
            image=terms.image_tokens,
            style=self.client.style,
            lang=self.client.language,
            issued=int(now_s),
            limit=self.policy.max_output_tokens or 0,
            asked=asked,
            prices=self.price_version or 0,
            house=terms.house,
            markup=self.markup,
        )


def bare_claims(
    request: Request,
    client: Client,
    account_id: int,
    mode: str,
    now_s: float,
    *,
    prices: int = 0,
    markup: int = 0,
) -> Claims:
    """The token of a call that passes without a hold (off, or shadow's would-be refusal)."""
    return Claims(
        hold=request.hold_id,
        account=str(account_id),
        client=client.id,
        mode=mode,
        route=METERED.get(request.path, "unmetered"),
        model=model_name(request.body) or "",
        granted=0,
        input_picos=0,
        output_picos=0,
        above=None,
        audio_in=0,
        audio_out=0,
        fee=0,
        context=0,
        max_out=0,
        min_out=0,
        image=0,
        style=client.style,
        lang=client.language,
        issued=int(now_s),
        prices=prices,
        markup=markup,
    )


def pinned(claims: Claims, placed: Placed | None) -> Claims:
    """With the markup that its hold will be debited with: the policy may have changed before a second try."""
    if placed is None or placed.markup_percent in {None, claims.markup}:
        return claims
    return replace(claims, markup=placed.markup_percent)
