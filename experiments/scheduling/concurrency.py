"""Concurrent, parallel, one after another

Is doing many things at once faster?

One cook, four dishes. She can finish one after another, or she can stir each pot for a minute and
go on to the next. From the dining room the second way looks as if all four were cooked at once,
and yet there is only one pair of hands: no dish is done sooner. Only a second cook makes dinner
come earlier, and only if there is a second stove.

One cook who goes round several pots is *concurrency*: several tasks are under way, and a core goes round
between them; on Linux the kernel decides how long each may have it ([sched(7)], [EEVDF scheduler]).
Several cooks are *parallelism*: several cores work at the same moment. Here the same tasks, each a fixed
piece of computing, are done in sequence, then all at once on one core ([sched_setaffinity(2)]), and then
on all cores that there are.

- "At once is faster" is wrong on one core. The last task is done when it would have been anyway, and
  the others much later: in sequence the first of four is done after a quarter of the time; taking
  turns, all four are done near the end. What is gained is something else: nobody waits for
  a *beginning*. That is why a machine with one core could play music while it printed.
- On several cores it is faster, but hardly ever n times: cores share caches, memory and often the very
  units that compute, and a last task that finds no partner leaves a core idle.
- "Then always spread the work" is wrong as soon as tasks talk. Let two of them compute for a few
  microseconds and then wait for a byte from each other. On two cores every byte has to wake a core
  that had gone to sleep, and that takes longer than the work; on one core they simply take turns.
  The last figure shows from which amount of work between two messages the second core pays.

How it is measured: the tasks are processes that are alive before the clock starts. Each does chunks of
20 µs and looks after each one at the clock and at the number of its core. A chunk that took more
than 0.3 ms longer was interrupted: there a slice ends. The three arrangements take turns, and only
ratios within a round are judged, because the clock speed of a machine wanders. If the run queue
shows that others wanted the same core, the page says so instead of an answer.

[EEVDF scheduler]: https://docs.kernel.org/scheduler/sched-eevdf.html
[sched_setaffinity(2)]: https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
[sched(7)]: https://man7.org/linux/man-pages/man7/sched.7.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, get_args

from experiments.kit import Bars, BarsGuess, Between, Count, Line, Milliseconds, Need, Progress, Timeline
from experiments.kit.kernel import affinity
from experiments.kit.kernel.clock import known_seconds, now_ns, seconds
from experiments.kit.kernel.machine import usable_cores
from experiments.kit.stats import median
from experiments.kit.subjects.subjects import Gate, Group, Worker
from experiments.kit.subjects.work import calibrate, python_loop
from experiments.scheduling._concurrency.gains import (
    Arrangement,
    Chatty,
    Finish,
    Placement,
    Slice,
    Whole,
    gains,
    verdict,
)
from experiments.scheduling._concurrency.tasks import CHUNK_S, JOBS, Done, lane

__all__ = [
    "Chatty",
    "Finish",
    "Slice",
    "Whole",
    "charts",
    "cost",
    "guess",
    "measure",
    "needs",
    "presets",
    "verdict",
]

TALK_US = (0, 2, 5, 10, 15, 20, 30, 50)  # of work between two messages
TALK_S = 0.006  # about how long two tasks talk at a stretch
TALKS = 4  # times that they talk in a run
SWITCH_US = 15  # what a message costs beside the work, roughly: only to know how many fit

charts = [
    Timeline(
        Slice,
        title="Who has a core, and when?",
        caption="The first round. In sequence a task is blocked until its turn comes; a task that has started"
        " is ready while others have the core.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="arrangement",
    ),
    Line(Finish, title="When is each task done?", x="task", y="finish_s", by="arrangement"),
    Bars(Whole, title="How many times as fast is everything done?", x="arrangement", y="gain"),
    Line(
        Chatty,
        id="chatty",
        title="Two tasks that talk: is a second core worth it?",
        x="work_us",
        y="us_per_step",
        by="placement",
    ),
]

guess = BarsGuess(
    ask="In sequence is 1×. How many times as fast is everything done when all tasks start at once?",
    figure="bars",
    unit="×",
    low=0,
    high=lambda params: 1.25 * max(2, usable_cores()),
    bars=("on one core", "on all cores"),
    measured=lambda record: {name: median(values) for name, values in gains(record).items()},
)

needs = (Need(affinity.missing),)

presets = {
    "quick": {"work": 20, "repeats": 8},
    "crowd": {"tasks": 8, "work": 25},
    "careful": {"work": 100, "repeats": 30},
}


def measure(
    tasks: Annotated[Count, Between(2, 8), "tasks that are to be done"] = 4,
    work: Annotated[Milliseconds, Between(20, 500), "one task, alone on a core"] = 50,
    repeats: Annotated[Count, Between(3, 50), "rounds of all arrangements"] = 10,
) -> Iterator[Slice | Finish | Whole | Chatty | Progress]:
    with Group() as group, Stage(group, tasks, work / 1000) as stage:
        for repeat in range(1, repeats + 1):
            yield Progress((repeat - 1) / repeats, f"round {repeat} of {repeats}")
            yield from stage.round(repeat)
            if repeat * TALKS // repeats > (repeat - 1) * TALKS // repeats:
                yield from stage.chat()


def cost(tasks: int, work: float, repeats: int) -> float:
    cores = usable_cores()
    rounds_s = tasks * work / 1000 * (2 + 1 / min(cores, tasks))
    return 0.3 + repeats * rounds_s + 3 * min(TALKS, repeats) * TALK_S * len(TALK_US)


class Stage:
    """The processes of a run. They are alive all the time, and are told where and when to work."""

    def __init__(self, group: Group, tasks: int, work_s: float) -> None:
        affinity.demand_pinning()
        self.cores = list(affinity.usable_cores() or (0,))
        self.loops_per_s = calibrate(python_loop, 0.02) / 0.02
        self.chunks = round(work_s / CHUNK_S)
        self.gate = Gate(tasks)
        self.pipes = os.pipe(), os.pipe()
        self.tasks = [group.worker(partial(perform, self.gate), name=f"task {i + 1}") for i in range(tasks)]
        for task in self.tasks:
            answer_of(task, "compute", False, self.cores, 10, 100)  # every task has worked once

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.close()
        for end in (end for pipe in self.pipes for end in pipe):
            os.close(end)

    def arrangements(self) -> Sequence[Arrangement]:
        return get_args(Arrangement)[: 3 if len(self.cores) > 1 else 2]

    def perform(self, arrangement: Arrangement) -> tuple[int, list[Done]]:
        """All tasks once: when the first was let go, and what each noted."""
        together = arrangement != "in sequence"
        cores = self.cores if arrangement == "on all cores" else self.cores[-1:]
        job = ("compute", together, cores, self.chunks, round(self.loops_per_s * CHUNK_S))
        if not together:
            began_ns = now_ns()
            return began_ns, [Done(*answer_of(task, *job)) for task in self.tasks]
        for task in self.tasks:
            task.ask(*job)
        began_ns = self.gate.open()
        return began_ns, [Done(*task.answer()) for task in self.tasks]

    def round(self, repeat: int) -> Iterator[Slice | Finish | Whole]:
        """All arrangements once, in turns forwards and backwards: a clock speed that drifts favours none."""
        performed = {name: self.perform(name) for name in self.arrangements()[:: 1 if repeat % 2 else -1]}
        finished = {
            name: [seconds(task.end_ns - began_ns) for task in done]
            for name, (began_ns, done) in performed.items()
        }
        for name in self.arrangements():
            began_ns, done = performed[name]
            if repeat == 1:
                yield from slices(name, began_ns, done)
            for task, (one, finish_s) in enumerate(zip(done, finished[name], strict=True), 1):
                yield Finish(task, name, repeat, finish_s, seconds(one.cpu_ns), known_seconds(one.delay_ns))
            whole_s = max(finished[name])
            used = seconds(sum(one.cpu_ns for one in done)) / whole_s
            yield Whole(name, repeat, whole_s, max(finished["in sequence"]) / whole_s, used)

    def chat(self) -> Iterator[Chatty]:
        """Two tasks talk, on one core and on two in turns, with more and more work in between."""
        if len(self.cores) < 2:
            return
        places: Mapping[Placement, tuple[int, int]] = {
            "one core": (self.cores[-1], self.cores[-1]),
            "two cores": (self.cores[0], self.cores[-1]),
        }
        (to_first, from_second), (to_second, from_first) = self.pipes
        for work_us in TALK_US:
            steps = max(50, round(TALK_S / (2 * work_us + SWITCH_US) * 1e6))
            talking = (steps, round(self.loops_per_s * work_us / 1e6))
            for placement, (first, second) in places.items():
                self.tasks[0].ask("talk", first, to_first, from_first, *talking)
                self.tasks[1].ask("talk", second, to_second, from_second, *talking)
                starts, ends = zip(*(task.answer() for task in self.tasks[:2]), strict=True)
                yield Chatty(work_us, placement, (max(ends) - min(starts)) / 1000 / steps)


def perform(gate: Gate, job: str, *arguments: object) -> object:
    """In a subject: one of the jobs, by name; who computes together with others waits for the gate."""
    if job == "compute":
        together, *rest = arguments
        return JOBS[job](gate if together else None, *rest)
    return JOBS[job](*arguments)


def answer_of(task: Worker, *job: object) -> Any:
    task.ask(*job)
    return task.answer()


def slices(arrangement: Arrangement, began_ns: int, tasks: Sequence[Done]) -> Iterator[Slice]:
    asked_ns = began_ns
    for number, done in enumerate(tasks, 1):
        name = f"task {number}" if arrangement == "in sequence" else f"task {number} {arrangement}"
        for state, core, start, end in lane(done, began_ns, asked_ns):
            place = seconds(start - began_ns), seconds(end - began_ns)
            yield Slice(arrangement, name, number, state, core, *place)
        if arrangement == "in sequence":
            asked_ns = done.end_ns
