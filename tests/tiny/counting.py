"""Counting

How far does it count?

It yields `n` rows, and takes `pause` for each.
"""

import time
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from experiments.kit import Between, Count, Line, Milliseconds, Progress, Ratio, Record, Seconds, Verdict, say


class Step(NamedTuple):
    """One step."""

    i: Annotated[Count, "its number"]
    half: Ratio
    at_s: Seconds


charts = [Line(Step, x="i", y="half", title="How far?")]
presets = {"quick": {"n": 2}}


def measure(
    n: Annotated[Count, Between(1, 100_000), "how many"] = 3,
    pause: Annotated[Milliseconds, Between(0, 10_000), "before each"] = 0,
) -> Iterator[Step | Progress]:
    for i in range(n):
        time.sleep(pause / 1000)
        yield Step(i, i / 2, float("nan") if i == 1 else 0.5)
        yield Progress((i + 1) / n, f"step {i + 1}")


def cost(n: int, pause: float) -> float:
    return n * pause / 1000


def verdict(record: Record) -> Verdict:
    return Verdict("far", say("It counted {n} steps.", n=len(record[Step])))
