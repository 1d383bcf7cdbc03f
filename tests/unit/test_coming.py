"""What a refusal says of what comes next: amount and day, pool, cap; a clause less where nobody can tell."""

from datetime import UTC, datetime
from typing import Any

import pytest

from authz.response import Refuse
from credit.coming import coming_fields
from credit.refusal import Reason
from credit.wording import Wording
from tests.unit.door import Door, Memory, a_request, placed

MIDNIGHT = datetime(2026, 12, 1, 3, tzinfo=UTC)  # in São Paulo
ROW: dict[str, Any] = {
    "next_nanos": 5_000_000_000,
    "next_at": MIDNIGHT,
    "zone": "America/Sao_Paulo",
    "pool": None,
    "cap_nanos": None,
    "cap_period": None,
    "cap_ends_at": None,
    "cap_zone": "America/Sao_Paulo",
}
CAPPED = ROW | {"cap_nanos": 2_000_000_000, "cap_period": "month", "cap_ends_at": MIDNIGHT}


async def said(reason: str, comes: dict[str, Any] | None) -> str:
    """The sentence at the door."""
    door = Door(Memory(comes=comes), placed("refused", 0, reason))
    answer = await door.check.decide(a_request())
    assert isinstance(answer, Refuse)
    return answer.text


async def test_refusal_says_when_the_next_allowance_comes_and_how_much_it_is() -> None:
    """In the zone of the plan: midnight there is the day that begins."""
    text = await said("insufficient_credit", ROW)
    assert "A próxima cota, US$ 5,00, chega em 01/12/2026." in text


@pytest.mark.parametrize(
    ("period", "ends", "words"),
    [
        ("month", MIDNIGHT, "de novembro (US$ 2,00). Ele volta em 01/12/2026."),
        ("month", datetime(2027, 1, 1, 3, tzinfo=UTC), "de dezembro (US$ 2,00). Ele volta em 01/01/2027."),
        ("day", MIDNIGHT, "de hoje (US$ 2,00). Ele volta em 01/12/2026."),
        ("week", MIDNIGHT, "de sete dias (US$ 2,00). Ele volta em 01/12/2026."),
    ],
)  # fmt: skip
async def test_refusal_by_a_cap_names_it_and_when_it_begins_anew(
    period: str, ends: datetime, words: str
) -> None:
    """Which limit, how high, until when."""
    text = await said("cap_reached", CAPPED | {"cap_period": period, "cap_ends_at": ends})
    assert text.startswith(f"Você chegou ao seu limite {words}")


async def test_refusal_by_an_empty_pool_names_it() -> None:
    """The team knows which one."""
    assert "O crédito da sua equipe TI acabou." in await said(
        "pool_exhausted", ROW | {"pool": "TI"}
    )


@pytest.mark.parametrize("comes", [{}, None])
async def test_refusal_is_whole_where_nobody_can_tell_what_comes(
    comes: dict[str, Any] | None,
) -> None:
    """A clause less, never an error; and the rest of the sentence stands."""
    text = await said("insufficient_credit", comes)
    assert text.startswith("Seu crédito de IA acabou")
    assert "próxima cota" not in text


def test_person_without_a_plan_is_promised_nothing() -> None:
    """Nothing comes by itself."""
    row = ROW | {"next_nanos": None, "next_at": None}
    assert coming_fields(Reason.INSUFFICIENT_CREDIT, row, Wording(), "en") == {"pool": ""}


def test_words_of_periods_are_those_of_the_language() -> None:
    """English for whoever reads English."""
    fields = coming_fields(Reason.CAP_REACHED, CAPPED, Wording(unit="usd"), "en")
    assert fields == {"cap": "US$2.00", "period": "November", "next_date": "2026-12-01"}
