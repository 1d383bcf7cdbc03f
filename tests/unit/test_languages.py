"""The languages that people chose: asked for once, and never a reason to fail."""

from authz.languages import Languages


class Ledger:
    """Answers as told, and counts the questions."""

    def __init__(self, answer: str | None) -> None:
        self.answer: str | Exception | None = answer
        self.asked = 0

    async def find(self, account_id: int) -> str | None:  # noqa: ARG002
        """What Languages calls."""
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_language_is_asked_for_once_until_news_of_another() -> None:
    """Also where the person has chosen none."""
    for chosen in ("en", None):
        ledger = Ledger(chosen)
        languages = Languages(ledger.find)
        languages.load(chosen=True)
        for _ in range(2):
            assert await languages.find(7, "pt-BR") == (chosen or "pt-BR")
        assert ledger.asked == 1
        languages.load(chosen=True)
        await languages.find(7, "pt-BR")
        assert ledger.asked == 2


async def test_language_is_not_asked_for_where_nobody_chose_one() -> None:
    """An installation without settings pays nothing for them."""
    ledger = Ledger("en")
    assert await Languages(ledger.find).find(7, "pt-BR") == "pt-BR"
    assert ledger.asked == 0


async def test_language_that_cannot_be_read_is_the_usual_one_and_asked_for_again() -> None:
    """The ledger is away: refused or not, the person is answered."""
    ledger = Ledger("en")
    languages = Languages(ledger.find)
    languages.load(chosen=True)
    ledger.answer = ConnectionError()
    assert await languages.find(7, "pt-BR") == "pt-BR"
    ledger.answer = "en"
    assert await languages.find(7, "pt-BR") == "en"
