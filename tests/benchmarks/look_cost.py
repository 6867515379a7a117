"""What one look at a task and one event of a timeline cost.

python tests/benchmarks/look_cost.py [rounds]

The limits are 30 µs a look and 100 ns an event. Costs are CPU time of the looking thread, so that a
busy machine does not change them much. Beside the looks of the sampler stands psutil's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import psutil

from experiments.kit.kernel.clock import NS_PER_S, now_ns
from experiments.kit.kernel.proc import Task
from experiments.kit.stats import median, quantile
from experiments.kit.subjects.sampling import Painter, Sampler, look_at
from experiments.kit.subjects.subjects import Group
from experiments.kit.timeline import Recorder, bursts

cpu_ns = time.thread_time_ns
ROUNDS = 20
LOOKS = 500
EVENTS = 100_000
TASKS = 8
RATE = 200
SHORT_S = 0.0001  # between any two looks in a row such a task has run, and must be asked why it waits
LOOK_S = 0.002  # the same for looks that are 5 ms apart


def nap(seconds: float) -> None:
    while True:
        time.sleep(seconds)


def each_ns(call: Callable[[], object], times: int, rounds: int) -> list[float]:
    """Nanoseconds of one call, in rounds of many."""
    found = []
    for _ in range(rounds):
        start_ns = cpu_ns()
        for _ in range(times):
            call()
        found.append((cpu_ns() - start_ns) / times)
    return found


def tell(what: str, found: list[float], unit: str, factor: float) -> None:
    low, middle, high = (value / factor for value in (min(found), median(found), quantile(found, 0.9)))
    print(f"{what:<52}{middle:8.2f} {unit}   (best {low:.2f}, nine of ten below {high:.2f})")


def looks(group: Group, rounds: int) -> None:
    sleeper, busy = (Task(group.fork(nap, seconds).pid) for seconds in (3600, SHORT_S))
    while sleeper.state() != "S" or busy.times().slices < 10:
        time.sleep(0.001)
    before = look_at(sleeper)
    painter = Painter()
    process = psutil.Process(sleeper.pid)
    tell(
        "look at a task that has not run since",
        each_ns(lambda: look_at(sleeper, before), LOOKS, rounds),
        "µs",
        1e3,
    )
    tell("look at a task that has, with its reason", each_ns(lambda: look_at(busy), LOOKS, rounds), "µs", 1e3)
    tell("look and paint", each_ns(lambda: painter.look(look_at(busy)), LOOKS, rounds), "µs", 1e3)
    tell("its switches (/proc/<pid>/status)", each_ns(busy.switches, LOOKS, rounds), "µs", 1e3)
    tell(
        "psutil: status and cpu_times",
        each_ns(lambda: (process.status(), process.cpu_times()), 50, rounds),
        "µs",
        1e3,
    )


def sampling(group: Group, seconds: float) -> None:
    """The same in its place: after a pause in which others used the caches."""
    tasks = {str(n): Task(group.fork(nap, LOOK_S).pid) for n in range(TASKS)}
    sampler = Sampler(tasks, RATE)
    start_ns = cpu_ns()
    sampler.look_until(now_ns() + int(seconds * NS_PER_S))
    spent_ns = cpu_ns() - start_ns
    cost_us = spent_ns / sampler.looks / TASKS / 1e3
    share = spent_ns / (seconds * NS_PER_S)
    print(f"look at {RATE} Hz, {TASKS} tasks that sleep and wake{cost_us:14.2f} µs   ({share:.1%} of a core)")
    print(f"looks came late by {sampler.late_ns / sampler.looks / 1e3:.0f} µs on average")


def recording(rounds: int) -> None:
    def marks() -> float:
        mark = Recorder(["running"]).lane("a")
        start_ns = cpu_ns()
        for _ in range(EVENTS):
            mark(0)
        return (cpu_ns() - start_ns) / EVENTS

    def spins() -> float:
        start_ns = cpu_ns()
        bursts(looks=EVENTS)
        return (cpu_ns() - start_ns) / EVENTS

    tell("timeline: one mark", [marks() for _ in range(rounds)], "ns", 1)
    tell("timeline: one look of a burst at the clock", [spins() for _ in range(rounds)], "ns", 1)


def main(rounds: int = ROUNDS) -> None:
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the best round is the least disturbed one"
    )
    with Group() as group:
        looks(group, rounds)
    with Group() as group:
        sampling(group, rounds / 10)
    recording(rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
