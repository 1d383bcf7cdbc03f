"""The words of the pages: each has a Portuguese text, and no text is left that no page says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, PackageLoader, nodes

from accounting.web.look import say, words

WEB = Path("accounting/web")
# A constant that people read: a sentence, or a label of several words.
SENTENCE = re.compile(r"[A-Z][^\n=/]* [^\n=/]*[^ ]")


def trees() -> Iterator[tuple[str, nodes.Template]]:
    """Every template, parsed."""
    env = Environment(loader=PackageLoader("accounting.web"), autoescape=True)
    assert env.loader is not None
    for name in env.list_templates():
        yield name, env.parse(env.loader.get_source(env, name)[0])


def said_in_templates() -> tuple[dict[str, str], set[str]]:
    """Texts with where they stand; beginnings of texts whose end is a value."""
    texts: dict[str, str] = {}
    begun: set[str] = set()
    for name, tree in trees():
        for call in tree.find_all(nodes.Call):
            if not (isinstance(call.node, nodes.Name) and call.node.name == "_"):
                continue
            said = call.args[0]
            if isinstance(said, nodes.Concat):
                first = said.nodes[0]
                assert isinstance(first, nodes.Const), f"{name}: a text that begins with a value"
                begun.add(first.value)
                continue
            texts |= {each.value: name for each in [said, *said.find_all(nodes.Const)]
                      if isinstance(each, nodes.Const) and isinstance(each.value, str)
                      and not isinstance(said, nodes.Getitem)}  # fmt: skip
    return texts, begun


def constants() -> tuple[dict[str, str], set[str]]:
    """Sentences among the modules' constants, with where they stand; every text of the modules."""
    sentences: dict[str, str] = {}
    every: set[str] = set()
    for path in sorted(WEB.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if not isinstance(node, ast.AnnAssign) or not ast.unparse(node.annotation).startswith(
                "Final"
            ):
                continue
            found = node.value
            values = found.values if isinstance(found, ast.Dict) else [found]
            for each in values:
                text = each.value if isinstance(each, ast.Constant) else None
                if isinstance(text, str) and SENTENCE.fullmatch(text):
                    sentences[text] = path.name
        every |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    return sentences, every


def test_each_text_of_the_pages_has_a_portuguese_one() -> None:
    """A page that is half in English looks broken."""
    texts = said_in_templates()[0] | constants()[0]
    missing = {text: where for text, where in texts.items() if text not in words("pt-BR")}
    assert missing == {}


def test_no_portuguese_text_is_left_over() -> None:
    """What no page says any more only misleads whoever translates."""
    texts, begun = said_in_templates()
    known = set(texts) | constants()[1]
    left = [t for t in words("pt-BR") if t not in known and not t.startswith(tuple(begun))]
    assert left == []


def test_begun_text_has_its_ends() -> None:
    """`_("each " ~ period)`: at least one end is written, so the beginning is no slip."""
    for beginning in said_in_templates()[1]:
        assert any(text.startswith(beginning) for text in words("pt-BR")), beginning


@pytest.mark.parametrize("path", sorted((WEB / "words").glob("*.yaml")), ids=lambda path: path.name)
def test_translation_fills_in_what_the_text_does(path: Path) -> None:
    """The same names in braces, none lost, none invented; each text once."""
    text = path.read_text(encoding="utf-8")
    read = yaml.safe_load(text)
    for english, portuguese in read.items():
        names = re.findall(r"\{(\w+)\}", english)
        assert sorted(names) == sorted(re.findall(r"\{(\w+)\}", portuguese)), english
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    assert len(node.value) == len(read)


def test_text_without_translation_stays_readable() -> None:
    """Better English than nothing."""
    assert say("pt-BR", "Never heard of {what}.", what="this") == "Never heard of this."


def test_each_text_stands_in_one_file() -> None:
    """Of two the one that is read last would win, and nobody would know which."""
    seen: dict[str, str] = {}
    for file in sorted((WEB / "words").iterdir()):
        for text in yaml.safe_load(file.read_text(encoding="utf-8")):
            assert text not in seen, f"{text!r} stands in {seen.get(text)} and in {file.name}"
            seen[text] = file.name
