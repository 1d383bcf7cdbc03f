"""The words of a refusal: figures of the decision turned into the fields of a sentence."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from credit.money import format_amount
from credit.refusal import Reason, reference, sentence

PERIODS: Final[Mapping[str, Mapping[str, str]]] = {
    "pt-BR": {"day": "diário", "week": "semanal", "month": "mensal"},
    "en": {"day": "daily", "week": "weekly", "month": "monthly"},
}
ABOUT_MODELS = frozenset({Reason.MODEL_UNPRICED, Reason.MODEL_NOT_ALLOWED})


@dataclass(frozen=True, slots=True)
class Wording:
    """How this installation speaks. `unit`: credits or usd; `contact` and the addresses may be empty.

    `url`: the page that texts name; `public_url`: where the pages for people begin.
    """

    language: str = "pt-BR"
    unit: str = "credits"
    contact: str = ""
    url: str = ""
    public_url: str = ""

    def amounts(self, available_nanos: int, held_nanos: int, language: str) -> dict[str, str]:
        """What the sentences may say about the balance at the moment of the decision (nano-USD)."""
        return {
            "available": format_amount(max(available_nanos, 0), language, self.unit),
            "held": format_amount(held_nanos, language, self.unit) if held_nanos > 0 else "",
        }

    def amount(self, nanos: int, language: str) -> str:
        """An amount as this installation shows them."""
        return format_amount(nanos, language, self.unit)

    @staticmethod
    def chosen(others: Sequence[Mapping[str, Any]] | None, language: str) -> str:
        """The period of the limit that the person set, where no cap of the administrators left less; else empty.

        `others`: as a decision stores them; `chosen` marks a person's own limit.
        """
        caps = [each for each in others or () if each["role"] == "cap"]
        least = min(
            caps, key=lambda each: (each["posted"] - each["held"], "chosen" in each), default={}
        )
        return PERIODS.get(language, PERIODS["en"]).get(least.get("chosen", ""), "")

    @staticmethod
    def date(moment: dt.date, language: str) -> str:
        """A day as people of that language write it."""
        return f"{moment:%d/%m/%Y}" if language == "pt-BR" else f"{moment:%Y-%m-%d}"

    def sentence(
        self,
        reason: Reason,
        language: str,
        hold_id: str,
        param: str | None,
        fields: Mapping[str, str],
        own: Sequence[str] | None = None,
    ) -> str:
        """The whole sentence for a person; `own`: the clauses of a policy in place of the usual ones."""
        about = {"model": param or ""} if reason in ABOUT_MODELS else {"field": param or ""}
        known = {"contact": self.contact, "url": self.url, "ref": reference(hold_id)}
        # A chosen limit is named by its length already.
        said = {**fields, "period": ""} if fields.get("chosen") else fields
        return sentence(reason, language, {**known, **about, **said}, own)
