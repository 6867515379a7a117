"""Breaking

Where does it break?

It breaks at the place it is told: before a row, by a signal, or in the verdict on its row.
"""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from experiments.kit import Between, Count, Line, Record, Verdict, say


class Row(NamedTuple):
    """The only one."""

    place: Literal["measure", "signal", "verdict"]
    n: Count


charts = [Line(Row, x="n", y="n")]


def measure(
    place: Literal["measure", "signal", "verdict"] = "measure",
    n: Annotated[Count, Between(0, 10), "a number"] = 1,
) -> Iterator[Row]:
    sys.stdout.write("these are my last words\n")
    if place == "measure":
        raise ValueError("no such luck")
    if place == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    yield Row(place, n)


def verdict(record: Record) -> Verdict:
    return Verdict("fine", say("{n}", n=1 / (record[Row][0].n - 1)))
