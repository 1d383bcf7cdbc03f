"""Answers that read like prose, made of pieces that are one token each."""

from random import Random

from local.provider.tokens import Counter

SHORT_SHARE = 0.62  # of the words; chosen so that a piece has four characters on average
COMMA_SHARE = 0.10
SENTENCE_WORDS = (6, 16)
PARAGRAPH_SHARE = 0.2  # of the sentences end a paragraph

_SHORT = {
    "pt-BR": "a o e de da do em na no um uma que se com por para ao as os mas ou nem como mais já",
    "en": "a an the of to in on at is it as by we or and but for not so if with that this can no",
}
_LONG = {
    "pt-BR": (
        "casa tempo dia parte forma caso grupo ponto valor conta ordem texto dados sistema trabalho"
        " exemplo projeto equipe empresa cliente produto resultado problema processo resposta"
        " pode deve quando onde muito também ainda sobre entre depois antes sempre cada outro"
        " primeiro melhor maior novo simples claro modelo uso custo meses semana hoje"
    ),
    "en": (
        "time day part form case group point value account order text data system work example"
        " project team company client product result problem process answer should when where"
        " much also still about between after before always each other first better larger new"
        " simple clear model use cost months week today number people place small right write"
    ),
}
LANGUAGES = tuple(_SHORT)


class Prose:
    """Draws text from fixed vocabularies, so the same seed gives the same answer."""

    def __init__(self, counter: Counter) -> None:
        self._short = {name: _single(counter, words) for name, words in _SHORT.items()}
        self._long = {name: _single(counter, words) for name, words in _LONG.items()}

    def pieces(self, tokens: int, language: str, random: Random) -> list[str]:
        """`tokens` pieces whose concatenation is a text of exactly so many tokens."""
        short, long = self._short[language], self._long[language]
        pieces: list[str] = []
        while len(pieces) < tokens:
            pieces.extend(_sentence(short, long, random))
        del pieces[tokens:]
        if pieces:
            pieces[0] = pieces[0].lstrip()
        return pieces


def _single(counter: Counter, words: str) -> list[str]:
    """The words that are one token, with the space before them."""
    return [f" {word}" for word in words.split() if counter.count(f" {word}") == 1]


def _sentence(short: list[str], long: list[str], random: Random) -> list[str]:
    """Words, commas and the full stop of one sentence."""
    pieces: list[str] = []
    for at in range(random.randint(*SENTENCE_WORDS)):
        if at and random.random() < COMMA_SHARE:
            pieces.append(",")
        pieces.append(random.choice(short if random.random() < SHORT_SHARE else long))
    pieces.append(".\n\n" if random.random() < PARAGRAPH_SHARE else ".")
    return pieces
