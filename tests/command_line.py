"""Numbers on the command lines of the long proofs."""

import argparse
from collections.abc import Callable


def at_least_one(variable: str) -> Callable[[str], int]:
    """A type for argparse: a whole number from 1, else a sentence with make's name of it."""

    def read(text: str) -> int:
        if not (text.isdecimal() and int(text) >= 1):
            raise argparse.ArgumentTypeError(f"{variable} must be a number from 1, not {text}")
        return int(text)

    return read
