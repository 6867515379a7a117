"""Two subjects on one core

How long do they wait for it?

Each burns 50 ms on core 0.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from experiments.kit.subjects.subjects import Group


class Waited(NamedTuple):
    delay_ns: int


charts = []


def measure() -> Iterator[Waited]:
    with Group() as group:
        subjects = [group.fork(burn, name=f"burner {i}", core=0) for i in (1, 2)]
        for subject in subjects:
            yield Waited(subject.reap().delay_ns)


def burn() -> None:
    while time.process_time() < 0.05:
        pass
