"""Counting

How far does it count?

It yields `n` rows and a progress after each, and takes `pause_s` for every one.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from experiments.kit import Line, Progress


class Step(NamedTuple):
    i: int
    half: float


charts = [Line(Step, x="i", y="half")]


def measure(n: int = 3, pause_s: float = 0.0) -> Iterator[Step | Progress]:
    for i in range(n):
        if pause_s:
            time.sleep(pause_s)
        yield Step(i, i / 2)
        yield Progress((i + 1) / n, f"step {i + 1}")
