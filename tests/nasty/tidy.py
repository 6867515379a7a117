"""A tidy experiment

Does it get to clean up?

It yields rows, makes `mark`, waits to be ended, and removes `mark` on its way out.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Step(NamedTuple):
    i: int


charts = []


def measure(mark: str) -> Iterator[Step]:
    try:
        yield Step(1)
        yield Step(2)
        yield Step(3)
        Path(mark).touch()
        time.sleep(60)
    finally:
        Path(mark).unlink()
