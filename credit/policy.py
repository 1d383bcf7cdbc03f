"""Policies: what a client's people, or the people of a plan, may use, and what they are told (pure).

Data, one shape for both kinds of subject; where a plan says something it wins over its client.
A field that is absent or null says nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import translate
from functools import lru_cache
from typing import Any, Final, Self

from credit import policy_fields
from credit.grant import SHARE_PERCENT, SMALL_PERCENT, GrantRule
from credit.money import write_amount
from credit.policy_fields import PolicyError
from credit.refusal import Reason

__all__ = ["EMPTY", "Policy", "PolicyError"]

Texts = Mapping[Reason, Mapping[str, tuple[str, ...]]]
RULE: Final = "grant_rule"
MARKUP_LIMIT_PERCENT: Final = 1_000  # the ledger's own bound too (hold.markup_percent)
_RULE_PARTS: Final = ("small_percent", "share_percent")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy; None (or an empty mapping) says nothing.

    `models`: patterns as in a shell, None for all; `max_output_tokens` per choice; `max_open_holds` of
    one account; `small_percent`, `share_percent`: of what is available (credit/grant.py);
    `markup_percent` on top of each cost; `cheaper`: model -> the one to hint at; `degrade`: hint,
    switch; `texts`: reason -> language -> clauses; `service_accounts`: path -> the service client whose
    account pays for a call that names nobody; `settings`: name -> whether the person may change it;
    `flat_holds`: path -> nano-USD to hold for one call where tokens say nothing (0: free);
    `balance_model`: the name that answers with the balance; `balance_line`: answers may end with a line about it;
    `requests`: what people may ask for, how much of it is granted at once (policy_fields.read_requests).
    """

    models: tuple[str, ...] | None = None
    max_output_tokens: int | None = None
    max_open_holds: int | None = None
    small_percent: int | None = None
    share_percent: int | None = None
    markup_percent: int | None = None
    cheaper: Mapping[str, str] = field(default_factory=dict)
    degrade: str | None = None
    remaining_header: bool | None = None
    rate_limit_headers: bool | None = None
    texts: Texts = field(default_factory=dict)
    list_models: bool | None = None
    service_accounts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, bool] = field(default_factory=dict)
    flat_holds: Mapping[str, int] = field(default_factory=dict)
    balance_model: str | None = None
    balance_line: bool | None = None
    requests: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grant_rule(self) -> GrantRule:
        """The constants of the grant rule, with the installation's where this says nothing."""
        small, share = self.small_percent, self.share_percent
        return GrantRule(
            SMALL_PERCENT if small is None else small, SHARE_PERCENT if share is None else share
        )

    def allows(self, model: str) -> bool:
        """Whether the model may be asked for."""
        return self.models is None or _matcher(self.models).fullmatch(model) is not None

    def text(self, reason: Reason, language: str) -> tuple[str, ...] | None:
        """The clauses for a refusal, where this policy has its own."""
        return self.texts.get(reason, {}).get(language)

    def lets_change(self, setting: str) -> bool:
        """Whether a person may change this setting of theirs (policy_fields.SETTINGS)."""
        return self.settings.get(setting, True)

    def merge(self, plan: "Policy") -> "Policy":
        """This policy of a client with that of a plan over it; what is named by entries, entry by entry."""
        values = {name: _over(getattr(self, name), getattr(plan, name)) for name in _NAMES}
        values["texts"] = {
            reason: {**self.texts.get(reason, {}), **plan.texts.get(reason, {})}
            for reason in {**self.texts, **plan.texts}
        }
        values["cheaper"] = {**self.cheaper, **plan.cheaper}
        values["service_accounts"] = {**self.service_accounts, **plan.service_accounts}
        values["settings"] = {**self.settings, **plan.settings}
        values["flat_holds"] = {**self.flat_holds, **plan.flat_holds}
        values["requests"] = {**self.requests, **plan.requests}
        return Policy(**values)

    def to_json(self) -> dict[str, Any]:
        """As stored; what is not said is left out."""
        said = {name: getattr(self, name) for name in _NAMES if name not in _RULE_PARTS}
        body = {name: value for name, value in said.items() if value not in (None, {})}
        if self.models is not None:
            body["models"] = list(self.models)
        if self.texts:
            body["texts"] = {
                reason.value: {language: list(clauses) for language, clauses in by_language.items()}
                for reason, by_language in self.texts.items()
            }
        if self.flat_holds:
            body["flat_holds"] = {
                path: write_amount(nanos) for path, nanos in self.flat_holds.items()
            }
        if self.requests:
            body["requests"] = _amounts_written(self.requests)
        parts = {name: getattr(self, name) for name in _RULE_PARTS}
        rule = {name: value for name, value in parts.items() if value is not None}
        return body | ({RULE: rule} if rule else {})

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """The inverse of to_json, with everything checked; raises PolicyError naming the field."""
        said = policy_fields.read_object("policy", body, _READERS)
        rule = said.pop(RULE, {})
        return cls(**said, **rule)


_NAMES: Final = tuple(each.name for each in fields(Policy))
_READERS: Final = {
    "models": policy_fields.read_patterns,
    "max_output_tokens": policy_fields.whole(1, 10_000_000),
    "max_open_holds": policy_fields.whole(1, 10_000),
    RULE: policy_fields.nested(
        {"small_percent": policy_fields.whole(0, 100), "share_percent": policy_fields.whole(1, 100)}
    ),
    "markup_percent": policy_fields.whole(0, MARKUP_LIMIT_PERCENT),
    "cheaper": policy_fields.read_cheaper,
    "degrade": policy_fields.choice("hint", "switch"),
    "remaining_header": policy_fields.read_switch,
    "rate_limit_headers": policy_fields.read_switch,
    "texts": policy_fields.read_texts,
    "list_models": policy_fields.read_switch,
    "service_accounts": policy_fields.read_service_accounts,
    "settings": policy_fields.nested(
        dict.fromkeys(policy_fields.SETTINGS, policy_fields.read_switch)
    ),
    "flat_holds": policy_fields.read_flat_holds,
    "balance_model": policy_fields.read_name,
    "balance_line": policy_fields.read_switch,
    "requests": policy_fields.read_requests,
}
EMPTY: Final = Policy()


def _amounts_written(requests: Mapping[str, Any]) -> dict[str, Any]:
    """With each amount in its unit, as it was read."""
    return {
        name: {key: write_amount(each) if key == "amount" else each for key, each in entry.items()}
        if isinstance(entry, Mapping)
        else entry
        for name, entry in requests.items()
    }


def _over(below: Any, above: Any) -> Any:
    return below if above is None else above


@lru_cache(maxsize=1024)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all patterns; the case counts, as it does for LiteLLM."""
    return re.compile("|".join(map(translate, patterns)) or "(?!)")
