"""Style as a unit test: what the linters cannot say about this repository."""

import ast
import functools
import io
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]

LINES_PER_FILE = 300
LINES_PER_FUNCTION = 60
FORBIDDEN_NAMES = {"utils", "common", "helpers", "misc", "base", "manager"}
INTEGER_ONLY = tuple(
    f"credit/{name}.py" for name in ("money", "prices", "cost", "bounds", "grant", "models")
)
# Data and prose of others, or resolved by a tool: nobody reads them top to bottom.
ANY_LENGTH = (".lock", ".json", "LICENSE", "_pb2.py", "_pb2.pyi", "_pb2_grpc.py")

# The job is what stands before a colon; an "and" after commas ends an enumeration of its parts.
TWO_JOBS = re.compile(r"^[^,:;(]* and ")
# Modules whose first docstring line may join two words all the same, with the reason.
ONE_JOB_DESPITE_AND: dict[str, str] = {}

SQL = re.compile(
    r"\bSELECT\s.+\sFROM\b|\bINSERT\s+INTO\b|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b", re.DOTALL
)
MACHINE_PATH = re.compile(r"(?<![\w.}])/(work|root|home)/\w")
# YAML 1.1 reads these, bare, as booleans: the body key n would silently become false.
BARE_BOOLEAN = re.compile(
    r"^\s*(- )?(n|y|no|yes|on|off)\s*:|[:\-]\s+(n|y|no|yes|on|off)\s*(#.*)?$", re.IGNORECASE
)


@functools.cache
def tracked(*patterns: str) -> tuple[Path, ...]:
    """Files git knows or would add, existing ones only, matching the git patterns."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = (ROOT / name for name in listing.split("\0") if name)
    return tuple(sorted(path for path in files if path.is_file()))


@functools.cache
def python_files(*patterns: str) -> tuple[Path, ...]:
    """Python written by hand."""
    found = tracked(*(patterns or ("*.py",)))
    return tuple(p for p in found if p.suffix == ".py" and "_pb2" not in p.name)


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of one file, parsed once for all rules."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(path: Path) -> str:
    """The path as git prints it."""
    return path.relative_to(ROOT).as_posix()


def offenders(files: tuple[Path, ...], find: Callable[[Path], Iterator[str]]) -> list[str]:
    """One `file: what` per finding, so that a failure reads as a list of repairs."""
    return [f"{named(path)}: {finding}" for path in files for finding in find(path)]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def calls_on(tree: ast.AST, owner: str) -> Iterator[tuple[str, int]]:
    """Names of the attributes reached from `owner` (also through `owner.mark`), with lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        reached = node.value.value if isinstance(node.value, ast.Attribute) else node.value
        if isinstance(reached, ast.Name) and reached.id == owner:
            yield node.attr, node.lineno


def test_files_of_any_kind_stay_short() -> None:
    """A file has at most 300 lines, so that it can be read in one sitting."""

    def find(path: Path) -> Iterator[str]:
        try:
            lines = path.read_text(encoding="utf-8").count("\n")
        except UnicodeDecodeError:
            return
        if lines > LINES_PER_FILE:
            yield f"{lines} lines"

    files = tuple(path for path in tracked() if not path.name.endswith(ANY_LENGTH))
    assert offenders(files, find) == []


def test_functions_of_any_module_stay_short() -> None:
    """A function has at most 60 lines, docstring included."""

    def find(path: Path) -> Iterator[str]:
        for function in functions(parsed(path)):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > LINES_PER_FUNCTION:
                yield f"{function.name} has {lines} lines"

    assert offenders(python_files(), find) == []


def test_modules_without_exception_say_one_job() -> None:
    """Every module starts with its job; if the first line needs "and", the module needs a split."""

    def find(path: Path) -> Iterator[str]:
        first_line = (ast.get_docstring(parsed(path)) or "").partition("\n")[0]
        if not first_line:
            yield "has no docstring"
        elif TWO_JOBS.search(first_line) and named(path) not in ONE_JOB_DESPITE_AND:
            yield first_line

    assert offenders(python_files(), find) == []


def test_names_that_say_nothing_are_refused() -> None:
    """No module or folder is called after the absence of an idea."""
    found = [
        named(path)
        for path in python_files()
        if FORBIDDEN_NAMES & {Path(part).stem for part in path.relative_to(ROOT).parts}
    ]
    assert found == []


def test_money_modules_hold_integers_only() -> None:
    """No float literal or float() in the modules that compute money."""

    def find(path: Path) -> Iterator[str]:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                yield f"line {node.lineno}: {node.value}"
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "float":
                yield f"line {called.lineno}: float()"

    assert offenders(python_files(*INTEGER_ONLY), find) == []


def test_comments_in_python_promise_nothing() -> None:
    """Work left to do is an issue, not a comment."""

    def find(path: Path) -> Iterator[str]:
        source = io.StringIO(path.read_text(encoding="utf-8"))
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT and re.search("TODO|FIXME|XXX", token.string):
                yield f"line {token.start[0]}: {token.string}"

    assert offenders(python_files(), find) == []


def test_tests_always_run() -> None:
    """No test is skipped or expected to fail: what cannot run is not a test yet."""

    def find(path: Path) -> Iterator[str]:
        for name, line in calls_on(parsed(path), "pytest"):
            if name in {"skip", "skipif", "xfail", "importorskip"}:
                yield f"line {line}: {name}"

    assert offenders(python_files("tests/*.py"), find) == []


def test_tests_never_patch_our_code() -> None:
    """What a test must replace is passed in by argument."""

    def find(path: Path) -> Iterator[str]:
        for name, line in calls_on(parsed(path), "monkeypatch"):
            if name == "setattr":
                yield f"line {line}: monkeypatch.setattr"
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom | ast.Import) and "mock" in ast.dump(node):
                yield f"line {node.lineno}: mock"

    assert offenders(python_files("tests/*.py"), find) == []


def test_test_names_say_subject_condition_outcome() -> None:
    """A test's name has at least a subject, a condition or verb, and an outcome."""
    words_of_a_name = 4  # the word "test" is the first

    def find(path: Path) -> Iterator[str]:
        for function in functions(parsed(path)):
            short = len(function.name.split("_")) < words_of_a_name
            if function.name.startswith("test_") and short:
                yield function.name

    assert offenders(python_files("tests/*.py"), find) == []


def test_locks_name_no_address() -> None:
    """Locks carry hashes, never where a package was downloaded from."""
    locks = tracked("*.lock")
    assert locks
    assert [named(lock) for lock in locks if "://" in lock.read_text(encoding="utf-8")] == []
    assert [named(lock) for lock in locks if "--hash=" not in lock.read_text("utf-8")] == []


def test_text_of_any_file_names_no_machine() -> None:
    """Nothing tracked points into the folders of the machine it was written on."""

    def find(path: Path) -> Iterator[str]:
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                yield f"line {number}: {line.strip()[:80]}"

    assert offenders(tracked(), find) == []


def test_sql_lives_in_sql_files() -> None:
    """A statement is a file with a header, never a Python string."""

    def find(path: Path) -> Iterator[str]:
        tree = parsed(path)
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in prose else None
            if isinstance(text, str) and SQL.search(text):
                yield f"{text[:60]!r}"

    assert offenders(python_files("credit/*.py", "authz/*.py", "accounting/*.py"), find) == []


def test_sql_statements_enumerate_columns() -> None:
    """A new column must not change what an old statement returns.

    A row variable inside a PL/pgSQL function is of its table's type, so a star is right there.
    """
    star = re.compile(r"\bselect\s+(\w+\.)?\*", re.IGNORECASE)
    texts = {named(path): path.read_text(encoding="utf-8") for path in tracked("*.sql")}
    plain = {name: text for name, text in texts.items() if "plpgsql" not in text}
    assert [name for name, text in plain.items() if star.search(text)] == []


def test_migrations_in_order_leave_no_gap() -> None:
    """Migrations are NNNN.name.sql, numbered from 0001 without holes, forward only."""
    names = [path.name for path in tracked("migrations/*.sql")]
    matches = [re.fullmatch(r"(\d{4})\.[a-z0-9-]+\.sql", name) for name in names]
    assert all(matches), names
    assert [int(m[1]) for m in matches if m] == list(range(1, len(names) + 1))


def test_yaml_words_that_turn_boolean_are_quoted() -> None:
    """A bare n, y, on or off is a boolean in YAML 1.1; all keys are text."""

    def find(path: Path) -> Iterator[str]:
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if BARE_BOOLEAN.search(line) and not line.lstrip().startswith("#"):
                yield f"line {number}: {line.strip()}"
        list(yaml.compose_all(text, Loader=yaml.SafeLoader))  # raises where it cannot be read

    assert offenders(tracked("*.yaml", "*.yml"), find) == []
