import os
import random
import signal
import time
from itertools import pairwise

import pytest

from experiments.kit.kernel.clock import now_ns
from experiments.kit.kernel.proc import Task, Times, Wait
from experiments.kit.subjects import sampling
from experiments.kit.subjects.sampling import (
    UNSEEN,
    Bins,
    Look,
    Painter,
    Sampler,
    Stretch,
    look_at,
    woken_promptly,
)
from experiments.kit.subjects.subjects import Group

MS = 1_000_000


def look(at_ms: float, letter: str, run_ms: float, delay_ms: float, slices: int, reason: str = "") -> Look:
    return Look(round(at_ms * MS), letter, Times(round(run_ms * MS), round(delay_ms * MS), slices), reason)


def paint(*looks: Look) -> list[tuple[str, float, float, str]]:
    painter = Painter()
    for each in looks:
        painter.look(each)
    return [(state, start / MS, end / MS, reason) for state, start, end, reason in painter.take()]


def test_turns_between_looks_are_drawn_where_they_were():
    """Looks 5 ms apart at turns of 4 ms: what each adds to the books, not when it was made, counts."""
    drawn = paint(
        look(100, "R", 0, 0, 0),
        look(105, "R", 0, 4, 1),  # a wait is over since 104
        look(110, "R", 4, 4, 1),  # it ran until 108
        look(114, "R", 4, 8, 2),  # and waited until 112
        look(121, "R", 8, 12, 3),  # ran until 116, waited until 120
    )
    assert drawn == [
        ("ready", 100, 104, ""),
        ("running", 104, 108, ""),
        ("ready", 108, 112, ""),
        ("running", 112, 116, ""),
        ("ready", 116, 120, ""),
    ]


def test_what_is_not_in_the_books_yet_stays_open():
    assert paint(look(100, "R", 0, 0, 0), look(105, "R", 0, 0, 0), look(110, "R", 0, 0, 0)) == []


def test_a_long_wait_is_drawn_when_it_is_over():
    drawn = paint(
        look(0, "R", 0, 0, 0), *(look(5 * n, "R", 0, 0, 0) for n in range(1, 60)), look(300, "R", 4, 292, 1)
    )
    assert drawn == [("ready", 0, 292, ""), ("running", 292, 296, "")]


def test_many_turns_between_two_looks_are_drawn_as_many():
    drawn = paint(look(0, "R", 0, 0, 0), look(17, "R", 8, 8, 2))
    assert [state for state, *_ in drawn] == ["ready", "running", "ready", "running"]
    assert drawn[-1][2] == 16


def test_a_wait_keeps_its_reason():
    read = "read of 3 in pipe_read"
    assert paint(look(0, "S", 0, 0, 0, read), look(5, "S", 0, 0, 0, read), look(9, "S", 0, 0, 0, read)) == [
        ("blocked", 0, 9, read)
    ]


def test_who_woke_and_slept_again_between_two_looks_is_seen_in_the_books():
    assert paint(look(0, "S", 0, 0, 0, "read of 3"), look(10, "S", 1, 1, 1, "nanosleep")) == [
        ("blocked", 0, 4, "read of 3"),
        ("ready", 4, 5, ""),
        ("running", 5, 6, ""),
        ("blocked", 6, 10, "nanosleep"),
    ]


def test_who_was_woken_is_ready_and_then_runs():
    drawn = paint(look(0, "S", 0, 0, 0), look(10, "R", 2, 6, 1), look(15, "S", 6, 6, 1))
    assert drawn == [
        ("blocked", 0, 2, ""),
        ("ready", 2, 8, ""),
        ("running", 8, 14, ""),
        ("blocked", 14, 15, ""),
    ]


def test_a_little_time_that_no_book_shows_was_stolen_from_a_run():
    drawn = paint(
        look(0, "R", 0, 0, 0), look(10, "R", 9, 0, 0), look(20, "R", 10, 0, 0), look(30, "R", 19, 0, 0)
    )
    assert drawn == [("running", 0, 20, "")]


def test_much_time_that_no_book_shows_was_a_block_that_no_look_saw():
    drawn = paint(
        look(0, "R", 0, 0, 0), look(20, "R", 1, 0, 1), look(40, "R", 2, 0, 2), look(60, "R", 3, 0, 3)
    )
    assert ("blocked", UNSEEN) in [(state, reason) for state, _, _, reason in drawn]
    assert sum(end - start for state, start, end, _ in drawn if state == "running") == pytest.approx(3)


@pytest.mark.parametrize(
    ("letter", "state"), [("D", "uninterruptible"), ("T", "stopped"), ("Z", "zombie"), ("W", "unknown")]
)
def test_letters_name_states(letter, state):
    assert paint(look(0, letter, 0, 0, 0), look(5, letter, 0, 0, 0)) == [(state, 0, 5, "")]


def test_taking_twice_gives_every_stretch_once():
    painter = Painter()
    taken = []
    for at in range(0, 50, 5):
        painter.look(look(at, "S", 0, 0, 0))
        taken += painter.take()
    assert [(s.start_ns // MS, s.end_ns // MS) for s in taken] == [(at, at + 5) for at in range(0, 45, 5)]


def comb(turn_ms: float, tasks: int, until_ms: float) -> list[Stretch]:
    """The truth: one of several tasks that take turns on a core."""
    stretches = []
    start = 0.0
    while start < until_ms:
        middle, end = start + turn_ms * (tasks - 1), start + turn_ms * tasks
        stretches += [
            Stretch("ready", round(start * MS), round(middle * MS)),
            Stretch("running", round(middle * MS), round(end * MS)),
        ]
        start = end
    return stretches


def books_at(truth: list[Stretch], at_ns: int, tick_ns: int = 4 * MS) -> Look:
    """What the kernel would show: runs up to the last tick or switch, waits that are over."""
    run = delay = slices = 0
    for state, start, end, _ in truth:
        if end <= at_ns and state == "ready":
            delay += end - start
            slices += 1
        elif start < at_ns and state == "running":
            run += end - start if end <= at_ns else (at_ns - start) // tick_ns * tick_ns
    return Look(at_ns, "R", Times(run, delay, slices))


def agreement(truth: list[Stretch], drawn: list[Stretch]) -> float:
    same = 0
    for one in drawn:
        for other in truth:
            if one.state == other.state:
                same += max(0, min(one.end_ns, other.end_ns) - max(one.start_ns, other.start_ns))
    return same / (drawn[-1].end_ns - drawn[0].start_ns)


@pytest.mark.parametrize(("turn_ms", "tasks"), [(4, 2), (4, 3), (4, 8), (12, 2), (3.3, 4)])
@pytest.mark.parametrize("rate", [200, 500, 1000])
def test_lanes_agree_with_a_known_truth(turn_ms, tasks, rate):
    truth = comb(turn_ms, tasks, 1000)
    chance = random.Random(7)
    painter = Painter()
    at_ns = 0
    while at_ns < 1000 * MS:
        painter.look(books_at(truth, at_ns))
        at_ns += int(1e9 / rate * chance.uniform(0.5, 1.5))
    drawn = painter.take()
    assert all(before.end_ns == after.start_ns for before, after in pairwise(drawn))
    assert all(before.state != after.state for before, after in pairwise(drawn))
    assert agreement(truth, drawn) > 0.95


def test_random_books_never_leave_a_hole_or_run_ahead_of_the_looks():
    chance = random.Random(11)
    for _ in range(200):
        painter, taken = Painter(), []
        at = run = delay = slices = 0
        for _ in range(60):
            at += chance.randrange(1, 20 * MS)
            run += chance.choice([0, 0, chance.randrange(12 * MS)])
            delay += chance.choice([0, 0, chance.randrange(12 * MS)])
            slices += chance.randrange(4)
            painter.look(Look(at, chance.choice("RRRSSDTZ"), Times(run, delay, slices)))
            if chance.random() < 0.2:
                taken += painter.take()
        taken += painter.take()
        assert all(before.end_ns == after.start_ns for before, after in pairwise(taken))
        assert all(stretch.start_ns < stretch.end_ns <= at for stretch in taken)


def test_bins_show_shares_in_a_fixed_order():
    bins = Bins(20 * MS)
    first = [
        Stretch("ready", 0, 4 * MS),
        Stretch("running", 4 * MS, 8 * MS),
        Stretch("ready", 8 * MS, 25 * MS),
    ]
    assert [(s.state, s.start_ns / MS, s.end_ns / MS, s.reason) for s in bins.add(first)] == [
        ("running", 0, 4, "share of 20 ms"),
        ("ready", 4, 20, "share of 20 ms"),
    ]
    assert [(s.state, s.start_ns / MS, s.end_ns / MS) for s in bins.close()] == [("ready", 20, 25)]


class CountedTask:
    """A blocked task that counts how often it was asked why, and runs at the times given."""

    def __init__(self, *slices: int) -> None:
        self.slices = list(slices)
        self.asked = 0

    def state(self) -> str:
        return "S"

    def times(self) -> Times:
        return Times(0, 0, self.slices.pop(0))

    def blocked_on(self) -> Wait:
        self.asked += 1
        return Wait("read of 3", "pipe_read")


def test_why_a_task_waits_is_asked_only_after_it_has_run():
    task = CountedTask(1, 1, 1, 1, 2, 2)
    before = None
    for _ in range(4):
        before = look_at(task, before)
        assert before.reason == "read of 3 in pipe_read"
    assert task.asked == 2


def test_the_reason_of_a_later_wait_is_not_told():
    assert look_at(CountedTask(1, 2)).reason == ""


def spin() -> None:
    while True:
        pass


def tell(tasks: dict[str, Task], number: signal.Signals) -> None:
    for task in tasks.values():
        os.kill(task.pid, number)


@pytest.mark.measured
def test_a_sampler_settles_the_books_of_those_who_were_stopped():
    with Group() as group:
        core = min(os.sched_getaffinity(0))
        subjects = {name: group.fork(spin, core=core, name=name) for name in ("one", "two")}
        subjects["sleeper"] = group.fork(time.sleep, 60)
        tasks = {name: Task(subject.pid) for name, subject in subjects.items()}
        while min(tasks[name].times().run_ns for name in ("one", "two")) < 10 * MS:
            time.sleep(0.001)
        tell(tasks, signal.SIGSTOP)
        while {task.state() for task in tasks.values()} != {"T"}:  # books are complete at the start, too
            time.sleep(0.001)
        sampler = Sampler(tasks, 200)
        sampler.look()
        tell(tasks, signal.SIGCONT)
        sampler.look_until(now_ns() + 500 * MS)
        tell(tasks, signal.SIGSTOP)
        sampler.settle(now_ns() + 5000 * MS)
    for name in tasks:
        first, last, seen = sampler.first[name], sampler.last[name], sampler.seen_ns[name]
        wall = last.at_ns - first.at_ns
        queued = last.times.run_ns - first.times.run_ns + last.times.delay_ns - first.times.delay_ns
        assert last.letter == "T"
        assert seen.total() == wall
        gap = wall / sampler.looks  # half of one is guessed at each change
        assert queued + wall - seen["R"] == pytest.approx(wall, abs=0.02 * wall + 2 * gap)
        drawn = sampler.painters[name].take()
        assert sum(s.end_ns - s.start_ns for s in drawn) == pytest.approx(wall, rel=0.001)
    assert 30 <= sampler.looks <= 130


class ToldTask:
    """On the run queue all the time, until it is stopped at 30 ms; its books are complete then."""

    def __init__(self, clock: list[int]) -> None:
        self.clock = clock

    def state(self) -> str:
        return "T" if self.clock[0] >= 30 * MS else "R"

    def times(self) -> Times:
        until_ns = min(self.clock[0], 30 * MS)
        return Times(until_ns // 2, until_ns - until_ns // 2, until_ns // (4 * MS))


def test_who_was_stopped_counts_to_its_stop_though_the_look_came_late(monkeypatch):
    clock = [0]
    monkeypatch.setattr(sampling, "now_ns", lambda: clock[0])
    sampler = Sampler({"one": ToldTask(clock)}, 200)
    for at_ms in range(0, 30, 5):
        clock[0] = at_ms * MS
        sampler.look()
    clock[0] = 180 * MS  # others had the core of who looks
    sampler.settle(1000 * MS)
    assert sampler.last["one"].at_ns == 30 * MS
    assert sampler.seen_ns["one"] == {"R": 30 * MS}
    assert {s.state for s in sampler.painters["one"].take()} == {"ready", "running"}


def test_asking_for_short_slices_changes_neither_policy_nor_nice_value():
    def facts() -> tuple[int, int]:
        return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)

    before = facts()
    with woken_promptly():
        assert facts() == before
    assert facts() == before
