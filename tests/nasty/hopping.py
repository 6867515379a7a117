"""Hopping pids

Can a process outrun its killer?

Each of `hoppers` processes forks itself anew all the time and leaves, ignoring SIGTERM.
"""

import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple


class Begun(NamedTuple):
    hoppers: int


charts = []


def measure(hoppers: int = 5) -> Iterator[Begun]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(hoppers):
        if os.fork() == 0:
            hop()
    yield Begun(hoppers)
    while True:
        time.sleep(1)


def hop() -> None:
    while True:
        time.sleep(0.002)
        if os.fork():
            os._exit(0)
