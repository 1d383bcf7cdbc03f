"""The state folder of a system: what an older release left in it still serves."""

import json
from pathlib import Path

from local.state import Secrets, State


def test_secrets_of_an_older_release_are_kept_and_completed(tmp_path: Path) -> None:
    """A secret that this release brings is made; the others stay, since data is locked with them."""
    new = State(tmp_path / "first")
    made = new.open(fresh=True)
    new.close()
    old = {name: f"old-{name}" for name in Secrets.__dataclass_fields__ if name != "access_log_key"}
    folder = tmp_path / "second"
    folder.mkdir()
    path = folder / "secrets.json"
    path.write_text(json.dumps(old | {"of_a_newer_release": "x"}), encoding="utf-8")
    first = State(folder)
    found = first.open(fresh=False)
    first.close()
    assert {name: getattr(found, name) for name in old} == old
    assert len(found.access_log_key) == len(made.access_log_key)
    assert path.stat().st_mode & 0o777 == 0o600
    again = State(folder)
    assert again.open(fresh=False) == found
    again.close()
    assert json.loads(path.read_text(encoding="utf-8"))["of_a_newer_release"] == "x"
