"""The answers of the door in words: a decision that was made, told to Envoy's side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authz.request import Request
from authz.response import Allow, Refuse
from authz.snapshot import Client
from credit.address import Addresses
from credit.policy import Policy
from credit.refusal import Reason
from credit.token import Claims, sign
from credit.wording import Wording

NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused; `param` names the field or the model, where one is to blame.

    `policy`: of the person, None where it is not known who that is; `language`: what the person
    chose; `fields`: what the sentence may say besides; `seen`: of a wrong value, what is written down.
    """

    reason: Reason
    param: str | None = None
    account_id: int | None = None
    policy: Policy | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Makes answers; `token_keys`: the first one signs."""

    token_keys: list[bytes]
    wording: Wording

    def allow(
        self,
        request: Request,
        client: Client,
        mode: str,
        claims: Claims | None,
        shown: Mapping[str, str] = NOTHING,
    ) -> Allow:
        """The request goes on, `mode` being that of the ledger; `shown` are headers of its answer."""
        # An injected key is Envoy's to add, and only when the client's own is gone.
        remove = ("authorization",) if client.litellm_key == "inject" else ()
        headers = {"x-pedagio-client": client.id}
        if request.hold_id:
            headers["x-litellm-call-id"] = request.hold_id
        seen = {
            "hold": request.hold_id,
            "client": client.id,
            "mode": claims.mode if claims else mode,
        }
        if claims is not None:
            headers |= {
                "x-litellm-end-user-id": claims.account,
                "x-pedagio-hold": sign(claims, self.token_keys),
            }
            seen["account"] = claims.account
        return Allow(headers, remove, seen, shown)

    def refuse(
        self, request: Request, client: Client | None, mode: str, problem: Problem
    ) -> Refuse:
        """The request ends here, with a sentence for the person."""
        language = problem.language or (client.language if client else self.wording.language)
        own = problem.policy.text(problem.reason, language) if problem.policy else None
        # Of a person who is known the refusal is on record, where its address finds it.
        known = problem.account_id is not None
        address = (
            Addresses(self.wording.public_url, self.token_keys).of(request.hold_id) if known else ""
        )
        fields = {**problem.fields, "url": address} if address else problem.fields
        text = self.wording.sentence(
            problem.reason, language, request.hold_id, problem.param, fields, own
        )
        seen = {"hold": request.hold_id, "client": client.id if client else "", "mode": mode}
        if problem.account_id is not None:
            seen["account"] = str(problem.account_id)
        style = client.style if client else "plain"
        return Refuse(problem.reason, text, style, problem.param, seen)
