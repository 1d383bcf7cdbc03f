"""What every test may ask for: the checkout itself."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout, absolute."""
    return ROOT
