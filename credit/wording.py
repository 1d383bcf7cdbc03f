"""The words of a refusal: figures of the decision turned into the fields of a sentence."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from credit.money import format_amount
from credit.refusal import Reason, reference, sentence

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
        return sentence(reason, language, {**known, **about, **fields}, own)
