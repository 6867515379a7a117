"""The tables of `threads.gil_wait`, and how they are told from what the threads noted, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

from experiments.kit import Count, PerSecond, Seconds, timeline, units
from experiments.kit.kernel.clock import NS_PER_S, known_seconds, known_sum, seconds
from experiments.kit.stats import quantile
from experiments.kit.subjects import tally
from experiments.threads._gil_wait.parts import READER, Part, blocked_ns, shortened
from experiments.threads._gil_wait.segment import Answer, Lane

PROCESS = "process"
MOST_SPANS = 4000  # drawn in a run, and
MOST_HOLDS = 2000  # hold times kept; beyond that they are thinned, and the captions say so

Beside = Literal["threads of one process", "a process of its own"]


class Share(NamedTuple):
    """Where the time of one thread went. `gil_wait_s` is what the other three leave: inferred."""

    thread: str
    wall_s: Seconds
    running_s: Annotated[Seconds, "on a core, counted by the kernel"]
    gil_wait_s: Annotated[Seconds | None, "waiting for the GIL: wall less all the others"]
    ready_s: Annotated[Seconds | None, "in the run queue without a core, counted by the kernel"]
    blocked_s: Annotated[Seconds, "waiting for data that had not been sent yet"]


class Span(NamedTuple):
    """A stretch of recorded time; the pauses between recordings are cut out."""

    group: Beside
    lane: str
    state: str
    start_s: Seconds
    end_s: Seconds


class Hold(NamedTuple):
    """How long a thread kept the GIL before another one had it."""

    thread: str
    hold_s: Seconds


class Handover(NamedTuple):
    """How the lock went from thread to thread, counted from who ran."""

    count: Count  # type: ignore[assignment]  # the catalogue's name; rows are never searched as tuples
    per_second: PerSecond
    hold_p50_s: Seconds | None
    hold_p90_s: Seconds | None
    overlap_s: Annotated[Seconds, "in which two threads that compute ran at the same moment"]
    voluntary: Annotated[
        Count | None, "context switches that the kernel counted: waiters that woke up to ask, too"
    ]
    reads: Annotated[Count, "messages that the reading thread got"]
    drawn: Annotated[units.Share, "of the recorded time that is on the timeline"]
    idle_s: Annotated[Seconds | None, "in gaps of 50 ms and more in which none of the threads ran"] = None


class Transition(NamedTuple):
    """How often threads of the process went from one state to another; only what was counted."""

    source: str
    target: str
    count: Count  # type: ignore[assignment]  # the catalogue's name; rows are never searched as tuples
    how: str


def read_part(answer: Answer, names: Sequence[str], turns: bool) -> Part:
    begin_ns, until_ns, lanes = answer
    named = {name: Lane(*noted) for name, noted in zip(names, lanes, strict=False)}  # type: ignore[arg-type]
    return Part(named, begin_ns, until_ns, turns)


def left_of(wall: int, running: int, ready: int | None, blocked: int) -> int | None:
    """What no account explains; None where one of them is not known."""
    return None if ready is None else max(0, wall - running - ready - blocked)


class Story:
    """What is known so far: rows for each part, and sums for the end."""

    def __init__(self, parts: int, turns: bool) -> None:
        self.parts = parts
        self.turns = turns
        self.recorded_ns = self.drawn_ns = self.overlap_ns = self.idle_ns = 0
        self.sums: dict[str, list[int | None]] = {}  # lane -> wall, running, ready, blocked
        self.holds_s: list[float] = []
        self.handovers: Counter[tuple[str, str]] = Counter()
        self.reads = 0
        self.voluntary: int | None = 0
        self.involuntary: int | None = 0

    def add(self, threads: int, answer: Answer, beside: Answer | None) -> Iterator[Span | Hold]:
        part = read_part(answer, [*(f"thread {i + 1}" for i in range(threads)), READER], self.turns)
        alone = read_part(beside, [PROCESS], False) if beside else None
        yield from self.spans(part, alone)
        yield from self.holds(part)
        self.add_lanes(part)
        if alone:
            self.add_lanes(alone)
        self.overlap_ns += part.overlap_ns()
        self.idle_ns += part.idle_ns()
        self.handovers.update(part.handovers())
        for lane in part.lanes.values():
            self.reads += len(lane.reads) // 3
            self.voluntary = known_sum((self.voluntary, lane.voluntary))
            self.involuntary = known_sum((self.involuntary, lane.involuntary))
        self.recorded_ns += part.until_ns - part.begin_ns

    def add_lanes(self, part: Part) -> None:
        for name, lane in part.lanes.items():
            wall_ns, io_ns = lane.end_ns - part.begin_ns, blocked_ns(lane)
            # A wait in the run queue that had begun before the start is counted whole when it ends.
            most_ns = max(0, wall_ns - lane.cpu_ns - io_ns)
            ready_ns = None if lane.delay_ns is None else min(lane.delay_ns, most_ns)
            seen = wall_ns, lane.cpu_ns, ready_ns, io_ns
            sums = self.sums.get(name, [0] * 4)
            self.sums[name] = [known_sum(pair) for pair in zip(sums, seen, strict=True)]
            if name != PROCESS:  # which is added up when it is reaped
                tally.add(0, lane.delay_ns)  # so is the time on a core of all threads

    def spans(self, part: Part, alone: Part | None) -> Iterator[Span]:
        begin_ns, most = part.begin_ns, MOST_SPANS // self.parts
        kept, drawn_until_ns = shortened(part.spans(), begin_ns, part.until_ns, most)
        self.drawn_ns += drawn_until_ns - begin_ns
        groups: list[tuple[Beside, list[timeline.Span]]] = [("threads of one process", kept)]
        if alone:
            groups.append(
                ("a process of its own", shortened(alone.spans(), begin_ns, drawn_until_ns, most)[0])
            )
        shift_ns = self.recorded_ns - begin_ns
        for group, spans in groups:
            for lane, state, start, end in spans:
                yield Span(group, lane, state, (start + shift_ns) / NS_PER_S, (end + shift_ns) / NS_PER_S)

    def holds(self, part: Part) -> Iterator[Hold]:
        lengths = part.lengths_s()
        self.holds_s += [hold_s for _, hold_s in lengths]
        stride = -(-len(lengths) * self.parts // MOST_HOLDS) or 1
        for thread, hold_s in lengths[::stride]:
            yield Hold(thread, hold_s)

    def end(self) -> Iterator[Share | Handover | Transition]:
        for name, (wall, running, ready, blocked) in self.sums.items():
            if wall is None or running is None or blocked is None:
                continue  # never: a thread can tell these itself
            gil_wait = 0 if name == PROCESS else left_of(wall, running, ready, blocked)
            gil_wait_s, ready_s = (known_seconds(ns) for ns in (gil_wait, ready))
            yield Share(name, seconds(wall), seconds(running), gil_wait_s, ready_s, seconds(blocked))
        yield self.handover()
        yield from self.transitions()

    def handover(self) -> Handover:
        count, recorded_s = self.handovers.total(), self.recorded_ns / NS_PER_S
        return Handover(
            count,
            count / recorded_s,
            quantile(self.holds_s, 0.5) if self.holds_s else None,
            quantile(self.holds_s, 0.9) if self.holds_s else None,
            self.overlap_ns / NS_PER_S,
            self.voluntary,
            self.reads,
            self.drawn_ns / self.recorded_ns,
            seconds(self.idle_ns),
        )

    def transitions(self) -> Iterator[Transition]:
        taken = self.handovers.total()
        dropped = sum(count for (giver, _), count in self.handovers.items() if giver != READER)
        preempted, reads = self.involuntary, self.reads
        ran = "counted from who ran"
        read = "counted by the thread that reads"
        kernel = "the kernel's involuntary context switches"
        known = (
            ()
            if preempted is None
            else (
                Transition("running", "ready", preempted, kernel),
                Transition(
                    "ready", "running", preempted, "as often as it was preempted: all of them came back"
                ),
            )
        )
        seen = [
            Transition("running", "gil", dropped, ran),
            Transition("gil", "running", taken, ran),
            *known,
            Transition("running", "blocked", reads, read),
            Transition("blocked", "gil" if self.turns else "ready", reads, read),
        ]
        return (row for row in seen if row.count)
