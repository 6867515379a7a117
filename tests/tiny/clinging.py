"""Clinging

Does it let go?

It forks two children that ignore SIGTERM, names them, and waits for ever.
"""

import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

from experiments.kit import Bars, Pid, Record, Verdict, say


class Born(NamedTuple):
    """Both of them."""

    first: Pid
    second: Pid


charts = [Bars(Born, x="first", y="second")]


def measure() -> Iterator[Born]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield Born(cling(), cling())
    while True:
        time.sleep(1)


def cling() -> int:
    child = os.fork()
    while child == 0:
        time.sleep(1)
    return child


def verdict(record: Record) -> Verdict:
    return Verdict("no", say("It ended."))
