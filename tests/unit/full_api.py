"""Envoy's full API as its typed package has it: what our trimmed protobufs must agree with."""

import dataclasses
from typing import Any


def numbers_of_full(message: Any) -> dict[str, int]:
    """Field name to field number of a class of the typed full API."""
    return {
        field.name: field.metadata["betterproto"].number for field in dataclasses.fields(message)
    }


def check_numbers(trimmed: Any, complete: Any) -> None:
    """Each field of our subset has Envoy's number: a wrong one reads as an absent field."""
    wanted = numbers_of_full(complete)
    for field in trimmed.DESCRIPTOR.fields:
        assert wanted[field.name] == field.number, field.full_name
