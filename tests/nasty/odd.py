"""Odd numbers

What can JSON not say?

It yields numbers that JSON does not have.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Odd(NamedTuple):
    name: str
    value: float


charts = []


def measure() -> Iterator[Odd]:
    yield Odd("nan", float("nan"))
    yield Odd("infinity", float("-inf"))
    yield Odd("half", 0.5)
