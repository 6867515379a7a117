"""Timelines: who was in which state when, stamped where it happened.

Two ways to record, both made of integer appends to a flat list (a tuple for each event would wake
the garbage collector). A `Recorder` notes that a state begins. `bursts` needs no states at all: a
thread that always wants a core looks at the clock again and again, and wherever the clock jumped,
it did not run. Sorting the bursts of all threads of a process afterwards tells who held the GIL.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from typing import NamedTuple

from experiments.kit.kernel.clock import now_ns

GAP_NS = 20_000  # a longer step of the clock is a gap; a look takes 0.1 µs, an interrupt some µs
SLIVER_NS = 100_000  # a shorter gap is an interrupt; nobody else got the core, and nobody sees it drawn
HANDOFF_NS = 200_000  # the GIL is free for longer than a wake-up takes: its next holder lacks a core
NEVER_NS = sys.maxsize


class Span(NamedTuple):
    """A stretch of time that a lane spent in one state (`experiments.kit.charts.STATES`)."""

    lane: str
    state: str
    start_ns: int
    end_ns: int


class Recorder:
    """Lanes of marks. A mark is two integers: when, and which state begins then."""

    def __init__(self, states: Sequence[str]) -> None:
        self.states = tuple(states)
        self.lanes: dict[str, list[int]] = {}

    def lane(self, name: str) -> Callable[[int], None]:
        """The function that marks the begin of a state, given by its place in `states`."""
        append = self.lanes.setdefault(name, []).append
        clock = now_ns

        def mark(state: int) -> None:
            append(clock())
            append(state)

        return mark

    def spans(self) -> Iterator[Span]:
        """What was marked; a lane's last mark only ends the span before it."""
        for lane, marks in self.lanes.items():
            for (start, state), (end, _) in pairwise(pairs(marks)):
                yield Span(lane, self.states[state], start, end)


@dataclass
class Hold:
    """Bursts of one lane with no other lane's burst between: it held the GIL all the while."""

    lane: str
    bursts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def start_ns(self) -> int:
        return self.bursts[0][0]

    @property
    def end_ns(self) -> int:
        return self.bursts[-1][1]


def pairs(flat: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def bursts(until_ns: int = NEVER_NS, looks: int = sys.maxsize, gap_ns: int = GAP_NS) -> list[int]:
    """Spin, and note when this thread ran: start, end, start, end, … in nanoseconds.

    Nothing else belongs in this loop: whatever it did would be seen as a gap.
    """
    clock = now_ns
    found: list[int] = []
    append = found.append
    start = last = clock()
    for _ in repeat(None, looks):
        now = clock()
        if now - last > gap_ns:
            append(start)
            append(last)
            start = now
        last = now
        if now >= until_ns:
            break
    append(start)
    append(last)
    return found


def call_bursts(call: Callable[[], object], until_ns: int = NEVER_NS, calls: int = sys.maxsize) -> list[int]:
    """The same for a thread that only calls: a call that takes thrice the shortest was interrupted."""
    clock = now_ns
    found: list[int] = []
    start = last = clock()
    shortest = NEVER_NS
    for _ in repeat(None, calls):
        call()
        now = clock()
        shortest = min(shortest, now - last)
        if now - last > 3 * shortest:
            found += (start, last)
            start = now - shortest
        last = now
        if now >= until_ns:
            break
    found += (start, last)
    return found


def holds(lanes: Mapping[str, Sequence[int]]) -> list[Hold]:
    """The bursts of all threads of one process in order, joined where the same thread went on."""
    merged: list[Hold] = []
    for start, end, lane in sorted((*burst, lane) for lane, flat in lanes.items() for burst in pairs(flat)):
        if not merged or merged[-1].lane != lane:
            merged.append(Hold(lane))
        merged[-1].bursts.append((start, end))
    return merged


def overlap_ns(lanes: Mapping[str, Sequence[int]]) -> int:
    """How long at least two lanes ran at the same moment: 0 where one lock lets one run at a time."""
    runs = [burst for flat in lanes.values() for burst in pairs(flat)]
    steps = sorted([(start, 1) for start, _ in runs] + [(end, -1) for _, end in runs])
    running = total = 0
    for (t, step), (after, _) in pairwise(steps):
        running += step
        if running > 1:
            total += after - t
    return total


def gaps(
    lanes: Mapping[str, Sequence[int]], least_ns: int, begin_ns: int, end_ns: int
) -> list[tuple[int, int]]:
    """The stretches of at least this length in which no lane ran."""
    found = []
    ran_until = begin_ns
    for start, end in sorted(burst for flat in lanes.values() for burst in pairs(flat)):
        if min(start, end_ns) - ran_until >= least_ns:
            found.append((ran_until, min(start, end_ns)))
        ran_until = max(ran_until, end)
    if end_ns - ran_until >= least_ns:
        found.append((ran_until, end_ns))
    return found


def spans_with_gil(merged: Sequence[Hold], lane: str, begin_ns: int, end_ns: int) -> Iterator[Span]:
    """One lane, told from who ran: on a core, holding the GIL without a core, or waiting for the GIL.

    While nobody holds the GIL, the one who takes it next does not wait for it but for a core.
    """
    here = free = begin_ns
    for hold in merged:
        if hold.lane == lane:
            taken = free if hold.start_ns - free > HANDOFF_NS else hold.start_ns
            yield from clipped(Span(lane, "gil", here, taken), end_ns)
            yield from clipped(Span(lane, "ready", taken, hold.start_ns), end_ns)
            for span in spans_without_gil(lane, hold.bursts):
                yield from clipped(span, end_ns)
            here = hold.end_ns
        free = hold.end_ns
    yield from clipped(Span(lane, "gil", here, end_ns), end_ns)


def spans_without_gil(lane: str, runs: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """A lane that needs nothing but a core: between its bursts it was ready."""
    before = None
    for start, end in joined(runs):
        if start == end:  # it lost the core before it could look at the clock again
            continue
        if before is not None:
            yield Span(lane, "ready", before, start)
        yield Span(lane, "running", start, end)
        before = end


def joined(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same runs without the slivers between them."""
    whole = list(runs[:1])
    for start, end in runs[1:]:
        if start - whole[-1][1] < SLIVER_NS:
            whole[-1] = whole[-1][0], end
        else:
            whole.append((start, end))
    return whole


def masked(spans: Iterable[Span], hidden: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The same, with what lies in a hidden stretch as "unknown"."""
    for span in spans:
        at = span.start_ns
        for start, end in hidden:
            if start < span.end_ns and at < end:
                yield from clipped(span._replace(start_ns=at), start)
                yield Span(span.lane, "unknown", max(at, start), min(end, span.end_ns))
                at = min(end, span.end_ns)
        yield from clipped(span._replace(start_ns=at), span.end_ns)


def clipped(span: Span, end_ns: int) -> Iterator[Span]:
    """The part of a span before `end_ns`, if there is one."""
    if span.start_ns < (end := min(span.end_ns, end_ns)):
        yield span._replace(end_ns=end)
