"""A hungry experiment

How much memory does it take?

It fills `size_b` bytes, shares them with `children` forked ones, and sleeps.
"""

import os
import time
from collections.abc import Iterator
from typing import NamedTuple


class Eaten(NamedTuple):
    size_b: int


charts = []


def measure(size_b: int, children: int = 0, seconds: float = 60) -> Iterator[Eaten]:
    eaten = b"x" * size_b
    for _ in range(children):
        if os.fork() == 0:
            time.sleep(seconds)
            os._exit(0)
    yield Eaten(len(eaten))
    time.sleep(seconds)
