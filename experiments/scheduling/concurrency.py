"""Concurrent, parallel, one after another

Is doing many things at once faster?

One cook, four dishes. She can finish one after another, or she can stir each pot for a minute and
go on to the next. From the dining room the second way looks as if all four were cooked at once,
and yet there is only one pair of hands: no dish is done sooner. Only a second cook makes dinner
come earlier, and only if there is a second stove.

The first is *concurrency*: several tasks are under way, and a core goes round between them. The second
is *parallelism*: several cores work at the same moment. Here the same tasks, each a fixed piece of
computing, are done in sequence, then all at once on one core, and then on all cores that there are.

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
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, get_args

from experiments.kit import (
    Bars,
    BarsGuess,
    Between,
    Check,
    Count,
    Line,
    Microseconds,
    Milliseconds,
    Progress,
    Ratio,
    Record,
    Seconds,
    Timeline,
    Verdict,
    duration,
    percent,
    say,
    times,
)
from experiments.kit.clock import now_ns, seconds
from experiments.kit.machine import usable_cores
from experiments.kit.stats import FEWEST, Estimate, estimate, median, ratio_interval
from experiments.kit.subjects import Gate, Group, Worker
from experiments.kit.work import calibrate, python_loop
from experiments.scheduling._tasks import CHUNK_S, JOBS, Done, lane, most_at_once

Arrangement = Literal["in sequence", "on one core", "on all cores"]
Placement = Literal["one core", "two cores"]

TALK_US = (0, 2, 5, 10, 15, 20, 30, 50)  # of work between two messages
TALK_S = 0.01  # about how long two tasks talk at a stretch
SWITCH_US = 15  # what a message costs beside the work, roughly: only to know how many fit
FASTER = 1.15  # a gain below this is none
CROWDED = 0.15  # of its time in the run queue, with a core for each task: others had it


class Slice(NamedTuple):
    """A stretch of a task's time in the first round of each arrangement."""

    arrangement: Arrangement
    lane: str
    task: Count
    state: str
    core: Count | None
    start_s: Seconds
    end_s: Seconds


class Finish(NamedTuple):
    """When each task was done, counted from the start of the first."""

    task: Count
    arrangement: Arrangement
    repeat: Count
    finish_s: Seconds
    cpu_s: Annotated[Seconds, "on a core"]
    delay_s: Annotated[Seconds, "ready without a core"]


class Whole(NamedTuple):
    """All tasks of one round, done in one arrangement."""

    arrangement: Arrangement
    repeat: Count
    makespan_s: Annotated[Seconds, "from the first start to the last end"]
    gain: Annotated[Ratio, "how many times as soon as in sequence, in the same round"]
    effective_cores: Annotated[Ratio, "CPU seconds per second"]
    at_once: Annotated[Count, "tasks that ran at the same moment, at most"]


class Chatty(NamedTuple):
    """Two tasks that swap a byte after every piece of work."""

    work_us: Annotated[Microseconds, "work of each task between two messages"]
    placement: Placement
    us_per_step: Annotated[Microseconds, "for the work of both, and the exchange"]


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
    Bars(Whole, title="How many times as soon is everything done?", x="arrangement", y="gain"),
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
    ask="In sequence is 1×. How many times as soon is everything done when all tasks start at once?",
    figure="bars",
    unit="×",
    low=0,
    high=lambda params: 1.25 * max(2, usable_cores()),
    bars=("on one core", "on all cores"),
    measured=lambda record: {name: median(values) for name, values in gains(record).items()},
)

presets = {
    "quick": {"tasks": 3, "work": 50, "repeats": 3},
    "crowd": {"tasks": 8, "work": 50},
    "careful": {"work": 200, "repeats": 12},
}


def measure(
    tasks: Annotated[Count, Between(2, 8), "tasks that are to be done"] = 4,
    work: Annotated[Milliseconds, Between(20, 500), "one task, alone on a core"] = 100,
    repeats: Annotated[Count, Between(3, 20), "rounds of all arrangements"] = 5,
) -> Iterator[Slice | Finish | Whole | Chatty | Progress]:
    with Group() as group, Stage(group, tasks, work / 1000) as stage:
        for repeat in range(1, repeats + 1):
            yield Progress((repeat - 1) / repeats, f"round {repeat} of {repeats}")
            sequence_s = 0.0
            for arrangement in stage.arrangements():
                began_ns, done = stage.perform(arrangement)
                if repeat == 1:
                    yield from slices(arrangement, began_ns, done)
                finished = [seconds(one.end_ns - began_ns) for one in done]
                sequence_s = sequence_s or max(finished)
                for task, (one, finish_s) in enumerate(zip(done, finished, strict=True), 1):
                    used_s = seconds(one.cpu_ns), seconds(one.delay_ns)
                    yield Finish(task, arrangement, repeat, finish_s, *used_s)
                cpu_s = seconds(sum(one.cpu_ns for one in done))
                whole_s = max(finished)
                yield Whole(
                    arrangement, repeat, whole_s, sequence_s / whole_s, cpu_s / whole_s, most_at_once(done)
                )
            yield from stage.chat()


def cost(tasks: int, work: float, repeats: int) -> float:
    cores = usable_cores()
    rounds_s = tasks * work / 1000 * (2 + 1 / min(cores, tasks))
    return 0.3 + repeats * (rounds_s + 2.5 * TALK_S * len(TALK_US))


class Stage:
    """The processes of a run. They are alive all the time, and are told where and when to work."""

    def __init__(self, group: Group, tasks: int, work_s: float) -> None:
        self.cores = sorted(os.sched_getaffinity(0))
        self.loops_per_s = calibrate(python_loop, 0.02) / 0.02
        self.chunks = round(work_s / CHUNK_S)
        self.gate = Gate(tasks)
        self.pipes = os.pipe(), os.pipe()
        self.tasks = [group.worker(partial(perform, self.gate), name=f"task {i + 1}") for i in range(tasks)]

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
    for number, done in enumerate(tasks, 1):
        name = f"task {number}" if arrangement == "in sequence" else f"task {number} {arrangement}"
        for state, core, start, end in lane(done, began_ns, arrangement != "in sequence"):
            place = seconds(start - began_ns), seconds(end - began_ns)
            yield Slice(arrangement, name, number, state, core, *place)


# -- what was guessed, and the verdict -----------------------------------------------------------


def gains(record: Record) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in record[Whole]:
        found.setdefault(row.arrangement, []).append(row.gain)
    return found


TOLD = "{n} tasks that start at once on one core are done {one} as soon as in sequence"
BOTH = f"{TOLD}, on {{cores}} cores {{all}}."
ALONE = f"{TOLD}."
WHY = {
    "only on several cores": "One core that takes turns does the same work; only more cores do more.",
    "not on one core": "A core that takes turns does the same work; it has just more tasks under way.",
}
SPREAD = "But the rounds spread too far to be sure: take more of them, or a quieter moment."
CROWDED_OUT = "But for {waited} of the time a task alone waited for a core: other programs had it."
NO_CORE = "But there was no second core to spare."
RIDDLE = "Taking turns cannot make work less, so run it again."


def verdict(record: Record) -> Verdict:
    gained = gains(record)
    one, many = gained.get("on one core", []), gained.get("on all cores", [])
    if len(one) < FEWEST or (record.machine.cores > 1 and len(many) < FEWEST):
        return Verdict("unclear", say("It takes {few} rounds to see how far they spread.", few=FEWEST))
    seen = {name: estimate(values) for name, values in gained.items()}
    waited = waiting_alone(record)
    doubt = contradiction(seen, waited)
    answer = "only on several cores" if many else "not on one core"
    headline = say(
        f"{BOTH if many else ALONE} {doubt or WHY[answer]}",
        n=record.params["tasks"],
        one=times(seen["on one core"].value),
        cores=record.machine.cores,
        all=times(seen["on all cores"].value if many else 1),
        waited=percent(waited, "ready"),
    )
    return Verdict("unclear" if doubt else answer, headline, tuple(checks_of(record, seen)))


def waiting_alone(record: Record) -> float:
    """The share of its time that a task in sequence was ready without a core: nobody of ours wanted it."""
    alone = [row for row in record[Finish] if row.arrangement == "in sequence"]
    return median(row.delay_s / (row.cpu_s + row.delay_s) for row in alone)


def contradiction(seen: Mapping[str, Estimate], waited: float) -> str:
    """Why nothing can be concluded, or ""."""
    crowded = waited > CROWDED
    one = seen["on one core"]
    if one.low > FASTER:
        return CROWDED_OUT if crowded else RIDDLE
    if one.high > FASTER:
        return CROWDED_OUT if crowded else SPREAD
    if "on all cores" in seen and not (faster := seen["on all cores"].beyond(FASTER)):
        return CROWDED_OUT if crowded else SPREAD if faster is None else NO_CORE
    return ""


def checks_of(record: Record, seen: Mapping[str, Estimate]) -> Iterator[Check]:
    one = seen["on one core"]
    claim = say("On one core nothing is gained: {low} to {high}.", low=times(one.low), high=times(one.high))
    yield Check(claim, one.high <= FASTER or None)
    if "on all cores" in seen:
        many = seen["on all cores"]
        claim = say("On all cores it is sooner: {low} to {high}.", low=times(many.low), high=times(many.high))
        yield Check(claim, many.beyond(FASTER))
    most = {row.arrangement: row.at_once for row in record[Whole]}
    claim = say("At the same moment at most {n} of them ran on one core.", n=most["on one core"])
    yield Check(claim, most["on one core"] == 1)
    yield first_check(record)
    yield from chat_checks(record[Chatty], crowded=waiting_alone(record) > CROWDED)


def first_check(record: Record) -> Check:
    """Who is done first: that is what taking turns costs."""
    firsts: dict[str, dict[int, float]] = {}
    for row in record[Finish]:
        rounds = firsts.setdefault(row.arrangement, {})
        rounds[row.repeat] = min(row.finish_s, rounds.get(row.repeat, row.finish_s))
    alone, turns = (list(firsts[name].values()) for name in ("in sequence", "on one core"))
    claim = say(
        "The first task was done after {alone} in sequence, and after {turns} by turns.",
        alone=duration(median(alone)),
        turns=duration(median(turns)),
    )
    n = min(len(alone), len(turns))
    return Check(claim, ratio_interval(turns[:n], alone[:n]).beyond(FASTER))


def chat_checks(rows: Sequence[Chatty], crowded: bool) -> Iterator[Check]:
    took: dict[float, dict[str, list[float]]] = {}
    for row in rows:
        took.setdefault(row.work_us, {}).setdefault(row.placement, []).append(row.us_per_step)
    if not took or any(len(places) < 2 for places in took.values()):
        return
    idle = took[min(took)]
    n = min(map(len, idle.values()))
    quicker = ratio_interval(idle["two cores"][:n], idle["one core"][:n])
    claim = say(
        "Tasks that only talk are {low} to {high} as quick on one core as on two.",
        low=times(quicker.low),
        high=times(quicker.high),
    )
    yield Check(claim, None if crowded else quicker.beyond(1))
    if pays := [w for w in sorted(took) if median(took[w]["two cores"]) < median(took[w]["one core"])]:
        claim = say(
            "A second core pays from about {work} of work between two messages.", work=duration(pays[0] / 1e6)
        )
        yield Check(claim, True if quicker.low > 1 and pays[0] > min(took) and not crowded else None)
