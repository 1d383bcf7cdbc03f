"""How pages look: templates in the reader's language, amounts and moments as people write them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from accounting.web.findings import finding
from accounting.web.guard import FORM_COOKIE, FORM_FIELD, Forms
from accounting.web.labels import label
from credit.money import exact_usd, format_amount, format_usd, write_amount

LANGUAGES: Final = ("pt-BR", "en")
LANGUAGE_COOKIE: Final = "pedagio_language"
YEAR_S: Final = 365 * 86_400


@cache
def words(language: str) -> Mapping[str, str]:
    """English text -> the text of that language; English itself has none."""
    if language == "en":
        return {}
    read: dict[str, str] = {}
    for file in (files("accounting.web") / "words").iterdir():
        if file.name.startswith(f"{language}."):  # one file for each part of the pages
            read |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return read


def say(language: str, text: str, /, **values: Any) -> str:
    """The text in that language, with `{name}` filled in; unknown texts stay English (a test finds them)."""
    said = words(language).get(text, text)
    return said.format(**values) if values else said


class Look:
    """Renders pages; `unit`: credits or usd; `zone`: where days begin and clocks are read."""

    def __init__(
        self, forms: Forms, *, language: str, unit: str, zone: str, contact: str, secure: bool
    ) -> None:
        """`language`: of browsers that ask for none of ours; `secure`: cookies travel by https only."""
        self._forms = forms
        self._usual = language
        self._unit = unit
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._contact = contact
        self.secure = secure
        self._env = Environment(
            loader=PackageLoader("accounting.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def language(self, request: Request) -> str:
        """What was chosen, else what the browser asks for first among ours."""
        for chosen in (
            getattr(request.state, "language", ""),  # of the person whose page it is
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
        ):
            if chosen in LANGUAGES:
                return str(chosen)
        for each in request.headers.get("accept-language", "").split(","):
            asked = each.partition(";")[0].strip().lower()
            if asked[:2] in {"pt", "en"}:
                return "pt-BR" if asked[:2] == "pt" else "en"
        return self._usual

    def page(
        self, request: Request, template: str, status: int = 200, /, **facts: Any
    ) -> HTMLResponse:
        """A page; sets the cookies that its forms and its language need."""
        language = self.language(request)
        html = self._env.get_template(template).render(
            self._ways(language),
            language=language,
            languages=LANGUAGES,
            contact=self._contact,
            path=request.url.path,
            csrf=self._hidden(request),
            **facts,
        )
        answer = HTMLResponse(html, status)
        if getattr(request.state, "form_cookie", ""):
            answer.set_cookie(
                FORM_COOKIE, request.state.form_cookie, httponly=True, samesite="strict",
                secure=self.secure,
            )  # fmt: skip
        if request.query_params.get("lang") == language:
            answer.set_cookie(
                LANGUAGE_COOKIE, language, max_age=YEAR_S, httponly=True, samesite="lax",
                secure=self.secure,
            )  # fmt: skip
        return answer

    def amount(self, nanos: int, language: str) -> str:
        """An amount as this installation shows them."""
        return format_amount(nanos, language, self._unit)

    @property
    def unit(self) -> str:
        """In which amounts are shown: credits or usd."""
        return self._unit

    def _hidden(self, request: Request) -> Markup:
        token = self._forms.token(request)
        return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, token)

    def _ways(self, language: str) -> dict[str, Any]:
        """What templates may call: texts (`_`, `named`), amounts, moments, shares."""
        pattern = "%d/%m/%Y" if language == "pt-BR" else "%Y-%m-%d"

        def at(ms: int, form: str) -> str:
            return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone(self._zone):{form}}"

        def say_here(text: str, /, **values: Any) -> str:
            return say(language, text, **values)

        def told(text: str) -> str:
            known = language == "en" or text in words(language)
            return say_here(text) if known else finding(text, say_here)

        return {
            "_": say_here,
            "told": told,
            "named": lambda kind, word: say_here(label(kind, word)),
            "money": lambda nanos: format_amount(nanos, language, self._unit),
            "usd": lambda nanos: format_usd(nanos, language),
            "exact": lambda nanos: _local(exact_usd(nanos), language),
            "written": lambda nanos: _local(write_amount(max(nanos, 0)), language),
            "count": lambda number: _local(f"{number:,}", language),
            "iso_day": lambda text: f"{date.fromisoformat(text):{pattern}}",
            "cents": lambda cents, currency: _cents(cents, currency, language),
            "day": lambda ms: at(ms, pattern) if ms else "",
            "when": lambda ms: at(ms, f"{pattern} %H:%M") if ms else "",
            "percent": lambda part, whole: round(100 * part / whole) if whole else 0,
        }


def _cents(cents: int, currency: str, language: str) -> str:
    whole, rest = divmod(cents, 100)
    return _local(f"{'R$' if currency == 'BRL' else 'US$'}{whole:,}.{rest:02d}", language)


def _local(amount: str, language: str) -> str:
    """An English figure as that language writes it: `US$ 1.234,50` for `US$1,234.50`."""
    if language != "pt-BR":
        return amount
    return amount.translate(str.maketrans(",.", ".,")).replace("$", "$ ")
