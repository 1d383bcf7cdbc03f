"""A door to ask in tests: real Check, real model map, a ledger that answers as told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from authz.balance import Balance
from authz.check import Check, Problem
from authz.request import Request
from authz.response import Allow, Answered, Listed, Refuse
from authz.snapshot import Client
from authz.standing import Standing
from credit.ledger import Place, Placed
from credit.models import Deployment, ModelEntry, ModelMap
from credit.policy import EMPTY, Policy
from credit.prices import Price
from credit.refusal import Reason
from credit.token import Claims, verify
from credit.wording import Wording
from protos import ext_authz_pb2 as pb

HOLD = "0d9f4c2e-0000-4000-8000-000000000001"
KEY = "sk-pedagio-librechat"
NOW_S = 1_795_000_000
TOKEN_KEYS = [b"k" * 32]
MARIA, SCRIPT = 1007, 1008


def a_client(**changes: Any) -> Client:
    """LibreChat as an installation knows it."""
    fields: dict[str, Any] = {
        "id": "librechat",
        "kind": "trusted",
        "litellm_key": "inject",
        "unknown_users": "refuse",
        "style": "librechat",
        "language": "pt-BR",
    }
    return Client(**fields | changes)


def a_price(key: str = "gpt-4o", **more: Any) -> Price:
    """2.50 and 10 USD per million tokens."""
    entry = {
        "mode": "chat",
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "max_input_tokens": 128_000,
        "max_output_tokens": 16_384,
    }
    price = Price.from_litellm(key, entry | more)
    assert price is not None
    return price


def a_model_map(**prices: Price | None) -> ModelMap:
    """gpt-4o with a price, `mystery` without one, and what else is named."""
    named = {"gpt-4o": a_price(), "mystery": None, **prices}
    entries = {
        name: ModelEntry(name, (Deployment(f"id-{name}", name, price, custom=False),))
        for name, price in named.items()
    }
    return ModelMap(entries)


@dataclass
class Memory:
    """What the door knows without asking; `accounts` of None: the store is away."""

    mode: str = "enforce"
    clients: Mapping[bytes, Client] = field(
        default_factory=lambda: {sha256(KEY.encode()).digest(): a_client()}
    )
    models: ModelMap | None = field(default_factory=a_model_map)
    p99_output_tokens: Mapping[tuple[str, str], int] = field(default_factory=dict)
    accounts: Mapping[str | None, int] | None = field(
        default_factory=lambda: {"maria": MARIA, None: SCRIPT}
    )
    cohort: Mapping[int, str] = field(default_factory=dict)
    comes: Mapping[str, Any] | None = field(default_factory=dict)
    policies: Mapping[int | None, Policy] = field(default_factory=dict)
    languages: Mapping[int, str] = field(default_factory=dict)

    @property
    def flat_paths(self) -> frozenset[str]:
        """Those that any policy names."""
        return frozenset(path for each in self.policies.values() for path in each.flat_holds)

    async def account(
        self,
        client: Client,  # noqa: ARG002
        external_id: str | None,
        email: str | None = None,  # noqa: ARG002
        *,
        meet: bool = True,  # noqa: ARG002
    ) -> int | None:
        """The account of a person, or of the client itself."""
        if self.accounts is None:
            raise ConnectionError
        return self.accounts.get(external_id)

    async def mode_override(self, account_id: int) -> str | None:
        """The mode of the account's cohort."""
        return self.cohort.get(account_id)

    async def speaking(self, client: Client, account_id: int) -> Client:
        """In the language of the account."""
        return replace(client, language=self.languages.get(account_id, client.language))

    async def coming(self, account_id: int, placed: Placed) -> Mapping[str, Any]:  # noqa: ARG002
        """What the ledger says of what comes next; None: it does not answer."""
        if self.comes is None:
            raise ConnectionError
        return self.comes

    async def policy(self, client: Client, account_id: int | None) -> Policy:  # noqa: ARG002
        """That of the account, else of its client."""
        house = self.policies.get(None, EMPTY)
        return house if account_id is None else self.policies.get(account_id, house)


def placed(result: str = "placed", granted: int = 100, reason: str | None = None) -> Placed:
    """An answer of the ledger about an account with 0.005 USD."""
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    return Placed(result, reason, granted, False, 5_000_000, 1_000_000, 0, moment)  # noqa: FBT003


class Ledger:
    """Answers every place as told, and remembers what it was asked."""

    def __init__(self, answer: Placed | Exception | None = None) -> None:
        self.answer = answer or placed()
        self.asked: list[Place] = []
        self.enforcing: set[int] = set()

    async def place(self, place: Place) -> Placed:
        """What Check calls."""
        self.asked.append(place)
        if isinstance(self.answer, Exception):
            raise self.answer
        # As place_batch: lenient where the caller is, or where the account is watched only; `enforcing`
        # accounts are not, whatever the caller says.
        lenient = (place.shadow and place.account_id not in self.enforcing) or self.answer.shadow
        return replace(self.answer, shadow=lenient)


class Door:
    """Check with its surroundings; `notes` are the refusals that were written down."""

    def __init__(
        self,
        memory: Memory | None = None,
        answer: Placed | Exception | None = None,
        place: Callable[[Place], Awaitable[Placed]] | None = None,
    ) -> None:
        self.memory = memory or Memory()
        self.ledger = Ledger(answer)
        self.notes: list[tuple[str, Problem]] = []
        self.looked: list[int] = []
        self.standing: Standing | Exception = Standing(0, 0, 0, 0, more=False, suspended_since=None)
        wording = Wording("pt-BR", "usd", "ti@example.com", "https://credit.example.com")
        self.check = Check(
            self.memory,
            place or self.ledger.place,
            lambda _request, _client, kind, problem: self.notes.append((kind, problem)),
            balance=Balance(self._stand, wording, lambda: NOW_S),
            token_keys=TOKEN_KEYS,
            wording=wording,
            now_s=lambda: NOW_S,
        )

    async def _stand(self, account_id: int) -> Standing:
        """What the person has; `standing` says it."""
        self.looked.append(account_id)
        if isinstance(self.standing, Exception):
            raise self.standing
        return self.standing


def a_request(**changes: Any) -> Request:
    """Maria's chat request of 2,000 bytes."""
    fields: dict[str, Any] = {
        "hold_id": HOLD,
        "key_sha256": sha256(KEY.encode()).digest(),
        "path": "/v1/chat/completions",
        "has_query": False,
        "user_header": "maria",
        "size_bytes": 2_000,
        "body": {"model": "gpt-4o"},
    }
    return Request(**fields | changes)


def a_check(
    body: Mapping[str, Any] | None = None,
    path: str = "/v1/chat/completions",
    size: int = 2_000,
    **headers: str,
) -> pb.CheckRequest:
    """The question as Envoy asks it; headers by name with _ for -, an empty one is absent."""
    known = {"authorization": f"Bearer {KEY}", "x_user_id": "maria", "x_request_id": HOLD}
    check = pb.CheckRequest()
    http = check.attributes.request.http
    http.method, http.path, http.size = "POST", path, size
    for name, value in (known | headers).items():
        if value:
            http.headers[name.replace("_", "-")] = value
    struct = check.attributes.metadata_context.filter_metadata["pedagio.body"]
    struct.update({"model": "gpt-4o"} if body is None else dict(body))
    return check


def claims_of(answer: Allow | Refuse | Listed | Answered) -> Claims:
    """What the token says; also that the request passes."""
    assert isinstance(answer, Allow), answer
    return verify(answer.headers["x-pedagio-hold"], TOKEN_KEYS)


def reason_of(answer: Allow | Refuse | Listed | Answered) -> tuple[Reason, str | None]:
    """Why the request does not pass."""
    assert isinstance(answer, Refuse), answer
    return answer.reason, answer.param


BAD = [
    ({"user_header": None}, Reason.IDENTITY_MISSING, None),
    ({"user_header": "{{LIBRECHAT_USER_ID}}"}, Reason.IDENTITY_MISSING, None),
    ({"user_header": "maria,jose"}, Reason.IDENTITY_MISSING, None),
    ({"user_header": "jose"}, Reason.IDENTITY_MISSING, None),  # unknown, and the policy is refuse
    ({"has_query": True}, Reason.BAD_REQUEST, "query"),
    ({"hold_id": ""}, Reason.BAD_REQUEST, "x-request-id"),
    ({"body": {}}, Reason.BAD_REQUEST, "model"),
    ({"body": {"model": "gpt-4o", "n": 0.0}}, Reason.BAD_REQUEST, "n"),
    ({"body": {"model": "gpt-4o", "no-log": True}}, Reason.BAD_REQUEST, "no-log"),
    ({"body": {"model": "mystery"}}, Reason.MODEL_UNPRICED, "mystery"),
    ({"body": {"model": "nobody"}}, Reason.MODEL_UNPRICED, "nobody"),
]
