"""One part of a `threads.gil_wait` recording: from what threads noted to what they did. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from experiments.kit import timeline
from experiments.kit.kernel.clock import known_sum, seconds
from experiments.kit.timeline import Hold, Span
from experiments.threads._gil_wait.segment import Lane

READER = "reader"
GAP_NS = 50_000_000  # in which nobody ran: to hand over the lock, or to wait for a core among few, takes less


@dataclass
class Part:
    """The lanes of one process, and how the lock went round in it. `turns`: they need the GIL to run."""

    lanes: Mapping[str, Lane]
    begin_ns: int
    until_ns: int
    turns: bool
    holds: list[Hold] = field(init=False)

    def __post_init__(self) -> None:
        merged = timeline.holds(self.bursts()) if self.turns else []
        self.holds = [hold for hold in merged if hold.start_ns < self.until_ns]  # later ones only take leave

    def bursts(self) -> dict[str, list[int]]:
        return {name: lane.bursts for name, lane in self.lanes.items()}

    def handovers(self) -> list[tuple[str, str]]:
        """Who gave the lock to whom."""
        return [(before.lane, after.lane) for before, after in pairwise(self.holds)]

    def lengths_s(self) -> list[tuple[str, float]]:
        """Of the holds of threads that compute; the recording cut the first and the last."""
        whole = [hold for hold in self.holds[1:-1] if hold.lane != READER]
        return [(hold.lane, seconds(hold.end_ns - hold.start_ns)) for hold in whole]

    def overlap_ns(self) -> int:
        """How long two threads that compute ran at the same moment."""
        return timeline.overlap_ns({name: flat for name, flat in self.bursts().items() if name != READER})

    def idle(self) -> list[tuple[int, int]]:
        """Where none of the threads ran, in gaps so long that no hand-over explains them."""
        return timeline.gaps(self.bursts(), GAP_NS, self.begin_ns, self.until_ns)

    def idle_ns(self) -> int:
        return sum(end - start for start, end in self.idle())

    def unexplained(self) -> list[tuple[int, int]]:
        """The same, where the run queue does not account for half of it: nobody knows what it was."""
        waited_ns = known_sum(lane.delay_ns for lane in self.lanes.values())
        return self.idle() if waited_ns is None or 2 * waited_ns < self.idle_ns() else []

    def spans(self) -> list[Span]:
        drawn = (
            span for name in self.lanes for span in self.lane_spans(name) if span.start_ns < self.until_ns
        )
        return list(timeline.masked(drawn, self.unexplained()))

    def lane_spans(self, name: str) -> Iterator[Span]:
        lane = self.lanes[name]
        if lane.reads:
            return reader_spans(name, lane, "gil" if self.turns else "ready")
        if self.turns:
            return timeline.spans_with_gil(self.holds, name, self.begin_ns, self.until_ns)
        whole = (self.begin_ns, self.begin_ns), *timeline.pairs(lane.bursts), (self.until_ns, self.until_ns)
        return timeline.spans_without_gil(name, whole)


def reader_spans(name: str, lane: Lane, waiting: str) -> Iterator[Span]:
    """Blocked until the data were sent; then waiting to run; then running until the next call."""
    reads = list(zip(lane.reads[::3], lane.reads[1::3], lane.reads[2::3], strict=True))
    next_calls = [called for called, _, _ in reads[1:]] + [lane.bursts[-1]]
    for (called, sent, returned), next_call in zip(reads, next_calls, strict=True):
        yield Span(name, "blocked", called, sent)
        yield Span(name, waiting, sent, returned)
        yield Span(name, "running", returned, next_call)


def blocked_ns(lane: Lane) -> int:
    """How long a reader waited for data that had not been sent yet."""
    return sum(lane.reads[1::3]) - sum(lane.reads[::3])


def shortened(spans: Sequence[Span], begin_ns: int, until_ns: int, most: int) -> tuple[list[Span], int]:
    """The first stretch with about `most` spans in it, and when it ends."""
    if len(spans) > most:
        until_ns = begin_ns + (until_ns - begin_ns) * most // len(spans)
    kept = [
        span._replace(start_ns=max(span.start_ns, begin_ns), end_ns=min(span.end_ns, until_ns))
        for span in spans
    ]
    return [span for span in kept if span.start_ns < span.end_ns], until_ns
