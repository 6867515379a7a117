"""One measured read as a story on two lanes. Nothing in it is guessed: every edge is a stamp.

The program's lane says whether its own code ran. The kernel's lane says what the kernel did for
it: "blocked" until the sender wrote (there was no data), "io" where a call only copied, and
"unknown" where a wake-up and a copy lie in one stretch that user space cannot see into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from experiments.io_models._five_models.models import Model
from experiments.io_models._five_models.receiver import Sample
from experiments.io_models._five_models.rows import Flow, Lane
from experiments.kit.kernel.clock import seconds

DRAWN = 12  # of the thousands of calls that find nothing
TOLD: dict[
    str, Model
] = {  # by which arm a model's story is told: those that work meanwhile show best what they gain
    "recv": "blocking",
    "spin": "non-blocking",
    "epoll": "multiplexed",
    "handler": "signal-driven",
    "io_uring, later": "asynchronous",
}


class Span(NamedTuple):
    """Nanoseconds on CLOCK_MONOTONIC; `call` is the system call it belongs to, if any."""

    lane: Lane
    state: str
    start_ns: int
    end_ns: int
    call: str = ""


def typical(samples: Sequence[Sample]) -> Sample:
    """Of the third with the most usual latency, the read that waited least: there the copy is widest."""
    ordered = sorted(samples, key=lambda sample: sample.after_send_s)
    third = len(ordered) // 3
    middle = ordered[third : len(ordered) - third]
    return min(middle, key=lambda sample: sample.wait_s)


def story(arm: str, sample: Sample) -> list[Flow]:
    """A read told in seconds since its call."""
    zero = sample.reading.called_ns
    return [
        Flow(TOLD[arm], lane, state, seconds(start_ns - zero), seconds(end_ns - zero), call)
        for lane, state, start_ns, end_ns, call in STORIES[arm](sample)
        if end_ns > start_ns
    ]


def recv(sample: Sample) -> list[Span]:
    called, _, done, *_ = sample.reading
    return [
        Span("program", "blocked", called, done),
        Span("kernel", "blocked", called, sample.sent_ns, "recv"),
        Span("kernel", "unknown", sample.sent_ns, done, "recv"),
    ]


def spin(sample: Sample) -> list[Span]:
    called, ready, done, *_ = sample.reading
    marks = sample.reading.marks
    drawn = marks[:: max(1, len(marks) // DRAWN)]
    edges = [called, *(edge for mark in drawn for edge in mark), ready]
    names = ["", "recv → EAGAIN"] * len(drawn) + [""]
    return [
        *(Span("program", "running", *edge) for edge in zip(edges, edges[1:], names, strict=False)),
        Span("program", "blocked", ready, done),
        Span("kernel", "blocked", called, sample.sent_ns),
        Span("kernel", "unknown", sample.sent_ns, ready),
        Span("kernel", "io", max(ready, sample.sent_ns), done, "recv"),
    ]


def epoll(sample: Sample) -> list[Span]:
    called, ready, done, *_ = sample.reading
    return [
        Span("program", "blocked", called, ready),
        Span("program", "blocked", ready, done),
        Span("kernel", "blocked", called, sample.sent_ns, "epoll_wait"),
        Span("kernel", "unknown", sample.sent_ns, ready, "epoll_wait"),
        Span("kernel", "io", ready, done, "recv"),
    ]


def handler(sample: Sample) -> list[Span]:
    called, ready, done, *_ = sample.reading
    return [
        Span("program", "running", called, ready),
        Span("program", "blocked", ready, done),
        Span("kernel", "blocked", called, sample.sent_ns),
        Span("kernel", "unknown", sample.sent_ns, ready),
        Span("kernel", "io", ready, done, "recv"),
    ]


def later(sample: Sample) -> list[Span]:
    called, _, done, *_ = sample.reading
    submitted = sample.reading.submitted_ns
    return [
        Span("program", "blocked", called, submitted, "io_uring_enter"),
        Span("program", "running", submitted, done),
        Span("kernel", "blocked", called, sample.sent_ns),
        Span("kernel", "unknown", sample.sent_ns, done),
    ]


STORIES: dict[str, Callable[[Sample], list[Span]]] = {
    "recv": recv,
    "spin": spin,
    "epoll": epoll,
    "handler": handler,
    "io_uring, later": later,
}
