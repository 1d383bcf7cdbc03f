"""The texts of notices: files that an installation may replace, one by one, in its own folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from accounting.notify.channel import Addressee, Notice
from credit.money import format_amount

OURS: Final = Path(__file__).with_name("words")
LANGUAGES: Final = ("pt-BR", "en")
KINDS: Final = (
    "threshold", "allowance", "exception", "alarm", "unpriced", "mode", "spike", "request",
    "request_outcome", "dispute_outcome", "person_link",
)  # fmt: skip
ADDRESSES: Final = ("url", "approve_url", "deny_url", "page_url")


@dataclass(frozen=True, slots=True)
class Said:
    """One message; `subject` is the first line of the text file."""

    subject: str
    text: str
    html: str


def _file(notice: Notice) -> str:
    """A pool's threshold is told to administrators, in other words than a person's own."""
    told_to_admins = notice.kind == "threshold" and notice.audience == "admins"
    return "threshold_admins" if told_to_admins else notice.kind


class Texts:
    """Renders `<language>/<kind>.txt`; the HTML is the same text in `<language>/frame.html`."""

    def __init__(self, folder: str, unit: str, url: str, contact: str) -> None:
        """`folder` goes before our own files, empty: only ours; `unit`: credits or usd."""
        folders = ([folder] if folder else []) + [str(OURS)]
        self._unit = unit
        self._usual = {"url": url, "contact": contact}
        loader = ChoiceLoader([FileSystemLoader(each) for each in folders])
        self._plain = SandboxedEnvironment(
            loader=loader, undefined=StrictUndefined, trim_blocks=True
        )
        self._marked = SandboxedEnvironment(
            loader=loader, undefined=StrictUndefined, trim_blocks=True, autoescape=True
        )

    def render(self, notice: Notice, addressee: Addressee) -> Said:
        """The message for one addressee; raises jinja2's errors for a text that cannot be used."""
        language = addressee.language if addressee.language in LANGUAGES else LANGUAGES[0]
        facts = self._facts(notice.facts, language) | self._usual | {"name": addressee.name}
        whole = self._plain.get_template(f"{language}/{_file(notice)}.txt").render(facts)
        subject, _, text = whole.strip().partition("\n")
        paragraphs = [part.strip() for part in text.strip().split("\n\n")]
        frame = self._marked.get_template(f"{language}/frame.html")
        links = {
            each: facts[name]
            for each in paragraphs
            for name in ADDRESSES
            if facts.get(name) and facts[name] in each
        }
        html = frame.render(
            subject=subject, paragraphs=paragraphs, url=self._usual["url"], links=links
        )
        return Said(subject, text.strip() + "\n", html)

    def _facts(self, facts: Mapping[str, Any], language: str) -> dict[str, Any]:
        """Amounts (`*_nanos`) become words under the name without the suffix."""
        said: dict[str, Any] = {}
        for name, value in facts.items():
            if name.endswith("_nanos"):
                said[name.removesuffix("_nanos")] = format_amount(int(value), language, self._unit)
            else:
                said[name] = value
        return said
