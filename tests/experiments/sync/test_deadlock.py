"""Rounds for real, which stop or not as they must, and verdicts on rows whose answer is known."""

import os
import threading
import time
from itertools import count, pairwise

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import load
from experiments.kit.subjects.subjects import Group, SubjectDied
from experiments.sync._deadlock import table as _table
from experiments.sync._deadlock import watch as _watch
from experiments.sync._deadlock.dining import ARMS, CURES, Arm, dine
from experiments.sync._deadlock.stops import still_stops
from experiments.sync._deadlock.table import (
    DROPS,
    LEAVES,
    NOBODY,
    TAKES,
    WANTS,
    WORKS,
    Moment,
    Table,
    arrows,
    cycle_in,
)
from experiments.sync._deadlock.watch import Watch, closing_ns, spans, watch
from experiments.sync.deadlock import Round, Span, Wait, measure, verdict
from tests.traced import strace

ABBA = Moment(owners=(0, 1), wants=(1, 0))


@pytest.fixture(scope="module")
def rows():
    return [row for row in measure(seconds=0.05, repeats=3) if not isinstance(row, Progress)]


@pytest.fixture
def table():
    made = Table(2)
    yield made
    made.close()


@pytest.fixture
def ticking(monkeypatch):
    ticks = count(1)
    monkeypatch.setattr(_table, "now_ns", lambda: next(ticks))


def close_the_cycle(table: Table) -> None:
    for thread, lock in ((0, 0), (1, 1)):
        table.mark(thread, WANTS, lock)
        table.mark(thread, TAKES, lock)
    table.mark(0, WANTS, 1)
    table.mark(1, WANTS, 0)


# -- for real ---------------------------------------------------------------------------------


def test_threads_that_stop_are_blocked_in_a_cycle_that_their_marks_tell_too(rows):
    ended = [row for row in rows if isinstance(row, Round) and row.stopped]
    for row in ended:
        assert row.strategy not in CURES
        assert row.agreed
        assert row.waiting == row.asleep == (2 if row.scene == "two threads" else 5)
        assert 0 < row.closed_s < row.found_s


@pytest.mark.measured
def test_of_nine_rounds_that_invite_it_one_stops(rows):
    assert any(row.stopped for row in rows if isinstance(row, Round))


def test_cured_rounds_go_on(rows):
    cured = [row for row in rows if isinstance(row, Round) and row.strategy in CURES]
    assert len(cured) == 18
    assert not any(row.stopped for row in cured)


@pytest.mark.measured
def test_cured_rounds_get_something_done(rows):
    for strategy in CURES:
        assert sum(row.meals for row in rows if isinstance(row, Round) and row.strategy == strategy) > 0


def test_only_timeouts_give_a_lock_back(rows):
    for row in rows:
        if isinstance(row, Round) and row.strategy != "timeouts":
            assert row.backoffs == 0


@pytest.mark.measured
def test_timeouts_do_give_locks_back(rows):
    assert sum(row.backoffs for row in rows if isinstance(row, Round)) > 0


def test_the_graph_of_a_stop_is_a_whole_cycle_and_a_moment_before_one_arrow_was_missing(rows):
    """Whoever held a lock then still holds it, so the one arrow more is what closed the cycle."""
    stops = {(row.scene, row.strategy) for row in rows if isinstance(row, Round) and row.stopped}
    drawn = [row for row in rows if isinstance(row, Wait) and row.target]
    if ("philosophers", "naive") in stops:
        arrows_ = [(row.source, row.target) for row in drawn if row.moment == "philosophers, naive"]
        assert len(arrows_) == 10
        assert sorted(source for source, _ in arrows_) == sorted(target for _, target in arrows_)
    if ("two threads", "naive") in stops:
        before = [row[1:] for row in drawn if row.moment == "two threads, a moment before"]
        after = [row[1:] for row in drawn if row.moment == "two threads, naive"]
        assert (len(before), len(after)) == (3, 4)
        assert set(before) < set(after)


def test_who_takes_locks_in_one_order_never_shows_a_cycle(rows):
    drawn = [row for row in rows if isinstance(row, Wait) and row.moment == "philosophers, ordered"]
    after = {row.source: row.target for row in drawn}
    for start in after:
        here, steps = after[start], 0
        while here in after and here != start and steps < 20:
            here, steps = after[here], steps + 1
        assert here != start
    assert drawn


def test_lanes_never_overlap_and_end_waiting_where_a_round_stopped(rows):
    lanes: dict[str, list[Span]] = {}
    for row in rows:
        if isinstance(row, Span):
            lanes.setdefault(row.lane, []).append(row)
    assert len(lanes) == 22
    for own in lanes.values():
        assert all(a.end_s <= b.start_s for a, b in pairwise(own))
    stops = {row.scene for row in rows if isinstance(row, Round) and row.stopped and row.strategy == "naive"}
    if "two threads" in stops:
        assert {lanes[f"thread {n}, naive"][-1].state for n in (1, 2)} == {"lock"}


def test_a_thread_that_takes_its_own_lock_twice_is_a_cycle_of_one():
    """RLock helps here, and only here."""
    assert cycle_in(Moment(owners=(0, NOBODY), wants=(0, NOBODY))) == ((0, 0),)


@pytest.mark.parametrize("after", [1, 3, 30])
def test_a_run_that_is_broken_off_leaves_no_child_and_no_descriptor(after):
    before = children(), len(os.listdir("/proc/self/fd"))
    running = measure(seconds=0.05, repeats=3)
    for _ in range(after):
        next(running)
    running.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


def test_a_child_that_fails_is_no_round_that_ended():
    table = Table(2)
    with Group() as group, pytest.raises(SubjectDied, match="failed"):
        watch(table, group.fork(os._exit, 3, name="two threads"), 0.05, 0.002)
    table.close()


def test_a_round_that_neither_ends_nor_stops_is_given_up(monkeypatch):
    monkeypatch.setattr(_watch, "LATE_S", -0.1)
    table = Table(2)
    with Group() as group, pytest.raises(SubjectDied, match="neither ended nor stopped"):
        watch(table, group.fork(time.sleep, 5, name="two threads"), 0.05, 0.002)
    table.close()


def test_the_time_over_is_over_for_those_who_are_hungry_too():
    table = Table(3)
    with Group() as group:
        seen = watch(table, group.fork(dine, table, "ordered", 0.05, 0.001, 0.002, 1), 0.05, 0.002)
    assert not seen.stopped
    assert tuple(table.owners) == tuple(table.wants) == (NOBODY,) * 3
    table.close()


# -- the table --------------------------------------------------------------------------------


def test_two_threads_that_want_what_the_other_has_are_a_cycle():
    assert cycle_in(ABBA) == ((0, 1), (1, 0))


def test_a_chain_or_a_wait_for_a_free_lock_is_no_cycle():
    assert cycle_in(Moment(owners=(0, 1, 2), wants=(1, 2, NOBODY))) == ()
    assert cycle_in(Moment(owners=(0, NOBODY), wants=(1, NOBODY))) == ()


def test_whoever_waits_for_a_cycle_is_not_in_it():
    assert cycle_in(Moment(owners=(1, 2, NOBODY), wants=(0, 1, 0))) == ((1, 1), (2, 0))


def test_the_marks_tell_how_it_was_at_every_moment(table, ticking):
    close_the_cycle(table)
    closed = closing_ns(table, ((0, 1), (1, 0)))
    assert cycle_in(table.at(closed)) == ((0, 1), (1, 0))
    assert table.at(closed - 1)[:2] == ((0, 1), (1, NOBODY))
    assert table.at(0)[:2] == ((NOBODY, NOBODY), (NOBODY, NOBODY))
    assert table.moment()[:2] == table.at(closed)[:2]


def test_a_lock_that_another_had_before_belongs_to_who_has_it_now(table, ticking):
    for thread in (1, 0):
        for what in (WANTS, TAKES, WORKS, DROPS)[: 4 if thread else 2]:
            table.mark(thread, what, 0)
    assert table.at(table.marks(0)[-1].t_ns).owners == (0, NOBODY)


def test_the_last_marks_are_kept(table, ticking):
    for _ in range(_table.MARKS):
        table.mark(0, WANTS, 1)
        table.mark(0, LEAVES, 1)
    marks = table.marks(0)
    assert len(marks) == _table.MARKS
    assert [mark.t_ns for mark in marks] == sorted(mark.t_ns for mark in marks)
    assert marks[-1].what == LEAVES


def test_who_is_just_changing_something_is_not_looked_at(table):
    table.counts[1] = 1
    assert table.moment() is None


def test_arrows_go_from_lock_to_holder_and_from_waiter_to_lock():
    found = arrows(Moment((0, NOBODY, NOBODY), (1, 0, NOBODY)), ["t1", "t2", "t3"], ["a", "b", "c"])
    assert sorted(found) == [
        ("a", "t1", "held by"),
        ("c", "", "alone"),
        ("t1", "b", "waits for"),
        ("t2", "a", "waits for"),
        ("t3", "", "alone"),
    ]


def test_lanes_are_told_from_marks(table, ticking):
    close_the_cycle(table)  # thread 0 at 1, 2 and 5
    assert list(spans(table, 0, 0, 9)) == [("lock", 1, 2), ("blocked", 2, 5), ("lock", 5, 9)]
    assert list(spans(table, 0, 3, 6)) == [("blocked", 3, 5), ("lock", 5, 6)]


# -- the watch --------------------------------------------------------------------------------


@pytest.fixture
def asleep(monkeypatch):
    monkeypatch.setattr(_watch, "blocked", lambda pid, tid: True)


def test_a_cycle_has_to_be_seen_twice(table, asleep):
    close_the_cycle(table)
    watching = Watch(table, os.getpid())
    assert watching.look(0) == ()
    assert watching.look(0) == ((0, 1), (1, 0))


def test_a_cycle_whose_threads_have_moved_meanwhile_is_another_one(table, asleep):
    close_the_cycle(table)
    watching = Watch(table, os.getpid())
    watching.look(9)
    watching.look(9)
    assert watching.found_ns
    table.mark(1, LEAVES, 0)
    table.mark(1, WANTS, 0)
    assert watching.look(0) == ()
    assert (watching.found_ns, watching.opened) == (0, 1)


def test_a_cycle_that_stands_but_whose_threads_want_a_core_is_no_stop(table):
    """As threads would whose time to wait is over, on a machine that is too busy to let them go on."""
    close_the_cycle(table)
    table.tasks[0] = table.tasks[1] = threading.get_native_id()  # which runs just now
    watching = Watch(table, os.getpid())
    assert watching.look(0) == watching.look(0) == ()
    assert watching.found_ns


def test_the_look_with_most_threads_waiting_is_kept(table):
    watching = Watch(table, os.getpid())
    watching.look(9)
    close_the_cycle(table)
    watching.look(9)
    table.mark(0, LEAVES, 1)
    watching.look(9)
    assert watching.fullest.wants == (1, 0)


# -- the verdict ------------------------------------------------------------------------------


def rounds(stops: int = 3, repeats: int = 3, **changed: object) -> list[Round]:
    """Naive rounds of which so many stop, and cured ones of which none does."""
    made = []
    for arm in ARMS:
        for repeat in range(repeats):
            ended = not arm.cured and repeat < stops
            row = Round(
                *arm, repeat, 0.1, ended, *((0.004, 0.011) if ended else (None, None)),
                *((2, 2) if ended else (0, 0)), True, 100, 1000.0, 20 * (arm.strategy == "timeouts"), 0,
            )  # fmt: skip
            made.append(row._replace(**changed) if changed and arm.cured else row)
    return made


def judged(rows: list[object]):
    return verdict(Record(Machine.here(), load("sync.deadlock").parse({}), rows))


def test_what_stops_and_what_cures_it_is_told_with_counts():
    found = judged(rounds())
    assert found.answer == "waits that close a cycle"
    assert str(found.headline) == (
        "Taken one after the other in any order, locks stopped two threads in 3 of 3 rounds, and 5"
        " philosophers in 3 of 3. In one order, with timeouts or with a waiter none of 18 rounds stopped."
    )
    assert [check.ok for check in found.checks] == [True] * 6
    assert "back-offs for each 100 meals: 20." in str(found.checks[4].claim)
    assert not found.doubts


def test_lucky_rounds_are_a_doubt():
    found = judged(rounds(stops=2))
    assert found.answer == "waits that close a cycle"
    assert str(found.doubts[0]).startswith("2 of 6 naive rounds went well.")


def test_where_nothing_stopped_nothing_is_proved():
    found = judged(rounds(stops=0))
    assert found.answer == "unclear"
    assert "lucky" in str(found.headline)


def test_a_cure_that_stopped_is_unclear_never_a_result():
    found = judged(rounds(stopped=True, closed_s=0.01, found_s=0.02))
    assert found.answer == "unclear"
    assert [check.ok for check in found.checks[-3:]] == [False] * 3


def test_looks_and_marks_that_disagree_are_unclear():
    wrong = [row._replace(agreed=not row.stopped) for row in rounds()]
    assert judged(wrong).answer == "unclear"
    assert judged(wrong).checks[0].ok is False


def test_a_cured_round_in_which_nobody_had_a_core_proves_nothing():
    assert [check.ok for check in judged(rounds(meals=0)).checks[-3:]] == [None] * 3


def test_a_run_that_was_stopped_early_is_unclear():
    assert judged(rounds()[:-1]).answer == "unclear"


def test_what_was_guessed_is_the_change_with_which_threads_still_stopped():
    record = Record(Machine.here(), {}, rounds())
    assert still_stops(record) == {
        "naive, RLock": True,
        "ordered": False,
        "timeouts": False,
        "waiter": False,
    }


def test_an_rlock_that_was_lucky_is_not_said_to_help():
    assert "naive, RLock" not in still_stops(Record(Machine.here(), {}, rounds(stops=0)))


def test_each_arm_is_tried():
    assert len(ARMS) == 9
    assert {arm for arm in ARMS if not arm.cured} == {
        Arm("two threads", "naive"),
        Arm("two threads", "naive, RLock"),
        Arm("philosophers", "naive"),
    }


ORDERED = """
from experiments.kit.subjects.subjects import Group
from experiments.sync._deadlock.dining import Arm, dine
from experiments.sync._deadlock.shown import row_of
from experiments.sync._deadlock.table import Table
from experiments.sync._deadlock.watch import watch
table = Table(5)
with Group() as group:
    seen = watch(table, group.fork(dine, table, "ordered", 0.3, 0.001, 0.002, 1, name="diners"), 0.3, 0.002)
row = row_of(Arm("philosophers", "ordered"), 1, 0.3, seen, table)
print(row.meals, row.meals_per_s, *table.tasks)
"""


@pytest.mark.measured
def test_meals_are_half_the_sleeps_that_strace_saw(tmp_path):
    """In one order nobody gives up: before each meal a thread sleeps twice, to think and with one lock."""
    sleeps = "trace=/^(clock_nanosleep|p?select.*)$"
    traced = strace(ORDERED, tmp_path / "trace", "-ttt", "-e", sleeps)
    meals, meals_per_s, *tasks = traced.printed.split()
    calls = [line.split(maxsplit=2) for line in traced.lines if "resumed>" not in line]
    stamps = [float(at_s) for pid, at_s, what in calls if pid in tasks and not what.startswith("+++")]
    assert len(stamps) == 2 * int(meals) > 20
    assert float(meals_per_s) == pytest.approx(int(meals) / (stamps[-1] - stamps[0]), rel=0.2)
