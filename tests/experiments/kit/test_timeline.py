import os

import pytest

from experiments.kit import timeline
from experiments.kit.kernel.clock import now_ns, thread_times
from experiments.kit.subjects.subjects import Group
from experiments.kit.timeline import (
    Recorder,
    Span,
    bursts,
    call_bursts,
    holds,
    overlap_ns,
    spans_with_gil,
    spans_without_gil,
)

MS = 1_000_000


def test_a_recorder_turns_marks_into_spans():
    recorder = Recorder(["running", "blocked"])
    mark = recorder.lane("reader")
    for state in (0, 1, 0):
        mark(state)
    first, second = recorder.spans()
    assert (first.lane, first.state, second.state) == ("reader", "running", "blocked")
    assert first.start_ns <= first.end_ns == second.start_ns <= second.end_ns


def test_lanes_of_a_recorder_do_not_mix():
    recorder = Recorder(["running", "blocked"])
    left, right = recorder.lane("left"), recorder.lane("right")
    left(0)
    right(1)
    left(1)
    right(0)
    assert [(span.lane, span.state) for span in recorder.spans()] == [
        ("left", "running"),
        ("right", "blocked"),
    ]


def test_holds_join_the_bursts_of_one_thread_until_another_one_runs():
    merged = holds({"a": [0, 10, 12, 20, 50, 60], "b": [25, 45]})
    assert [(hold.lane, hold.start_ns, hold.end_ns) for hold in merged] == [
        ("a", 0, 20),
        ("b", 25, 45),
        ("a", 50, 60),
    ]
    assert merged[0].bursts == [(0, 10), (12, 20)]


@pytest.mark.parametrize(
    ("lanes", "overlap"),
    [
        ({"a": [0, 10], "b": [10, 20]}, 0),
        ({"a": [0, 10], "b": [4, 20]}, 6),
        ({"a": [0, 10, 20, 30], "b": [5, 25]}, 10),
        ({"a": [0, 10], "b": [0, 10], "c": [0, 10]}, 10),
        ({}, 0),
    ],
)
def test_overlap_is_the_time_in_which_two_ran(lanes, overlap):
    assert overlap_ns(lanes) == overlap


def test_a_thread_waits_for_the_gil_while_another_one_holds_it():
    merged = holds({"a": [0, 5 * MS, 10 * MS, 15 * MS], "b": [5 * MS, 10 * MS]})
    assert list(spans_with_gil(merged, "b", 0, 15 * MS)) == [
        Span("b", "gil", 0, 5 * MS),
        Span("b", "running", 5 * MS, 10 * MS),
        Span("b", "gil", 10 * MS, 15 * MS),
    ]


def test_a_thread_that_holds_the_gil_and_does_not_run_is_ready():
    merged = holds({"a": [0, 2 * MS, 6 * MS, 8 * MS], "b": [8 * MS, 9 * MS]})
    assert [(span.state, span.start_ns, span.end_ns) for span in spans_with_gil(merged, "a", 0, 8 * MS)] == [
        ("running", 0, 2 * MS),
        ("ready", 2 * MS, 6 * MS),
        ("running", 6 * MS, 8 * MS),
    ]
    assert next(spans_with_gil(merged, "b", 0, 9 * MS)) == Span("b", "gil", 0, 8 * MS)


def test_a_thread_that_could_have_the_gil_but_no_core_is_ready():
    merged = holds({"a": [0, 2 * MS], "b": [5 * MS, 6 * MS]})
    assert list(spans_with_gil(merged, "b", 0, 6 * MS)) == [
        Span("b", "gil", 0, 2 * MS),
        Span("b", "ready", 2 * MS, 5 * MS),
        Span("b", "running", 5 * MS, 6 * MS),
    ]


def test_spans_end_where_the_recording_ends():
    merged = holds({"a": [0, 5 * MS], "b": [5 * MS, 10 * MS]})
    assert list(spans_with_gil(merged, "b", 0, 7 * MS))[-1] == Span("b", "running", 5 * MS, 7 * MS)
    assert list(spans_with_gil(merged, "a", 0, 7 * MS))[-1] == Span("a", "gil", 5 * MS, 7 * MS)


def test_interrupts_are_no_waits():
    runs = [(0, MS), (MS + 50_000, 2 * MS), (4 * MS, 5 * MS)]
    assert list(spans_without_gil("a", runs)) == [
        Span("a", "running", 0, 2 * MS),
        Span("a", "ready", 2 * MS, 4 * MS),
        Span("a", "running", 4 * MS, 5 * MS),
    ]


def test_a_thread_that_woke_for_one_look_at_the_clock_was_still_waiting():
    runs = [(0, MS), (3 * MS, 3 * MS), (5 * MS, 6 * MS)]
    assert list(spans_without_gil("a", runs)) == [
        Span("a", "running", 0, MS),
        Span("a", "ready", MS, 5 * MS),
        Span("a", "running", 5 * MS, 6 * MS),
    ]


def test_a_burst_ends_where_the_thread_did_not_run(monkeypatch):
    clock = iter([0, 1_000, 2_000, 900_000, 901_000, 902_000])
    monkeypatch.setattr(timeline, "now_ns", lambda: next(clock))
    assert bursts(until_ns=902_000) == [0, 2_000, 900_000, 902_000]


def test_a_call_that_takes_thrice_the_shortest_was_interrupted(monkeypatch):
    clock = iter([0, 100, 200, 900, 1_000])
    monkeypatch.setattr(timeline, "now_ns", lambda: next(clock))
    assert call_bursts(lambda: None, calls=4) == [0, 200, 800, 1_000]


@pytest.mark.measured
def test_bursts_last_as_long_as_the_kernel_says_that_the_thread_ran():
    """Two processes share one core; what is between the bursts is what the kernel calls run-queue delay."""

    def watch(until_ns: int) -> list[int]:
        before = thread_times()
        seen = bursts(until_ns)
        after = thread_times()
        ran_ns = sum(end - start for start, end in timeline.pairs(seen))
        return [ran_ns, seen[-1] - seen[0], after.cpu_ns - before.cpu_ns, after.delay_ns - before.delay_ns]

    core = min(os.sched_getaffinity(0))
    with Group() as group:
        pair = [group.worker(watch, core=core) for _ in range(2)]
        until_ns = now_ns() + 400 * MS
        for worker in pair:
            worker.ask(until_ns)
        for worker in pair:
            ran_ns, wall_ns, cpu_ns, delay_ns = worker.answer()
            assert ran_ns == pytest.approx(cpu_ns, rel=0.15)
            assert wall_ns - ran_ns == pytest.approx(delay_ns, rel=0.15)
            assert delay_ns > 0.2 * wall_ns
