"""Rounds for real, whose counts must add up exactly, and verdicts on rows whose answer is known."""

import dataclasses
import os
import random
import threading
import time
from types import SimpleNamespace

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.kernel.machine import gil_enabled
from experiments.kit.spec import load
from experiments.sync._condition import facts as _facts
from experiments.sync._condition import rules
from experiments.sync._condition.facts import FACTS, find_out, late
from experiments.sync._condition.lost import FACT_CLAIMS, lost_of_the_bell, timer_checks
from experiments.sync._condition.rules import RULES, Shelf, bell, play
from experiments.sync.condition import Outcome, Timer, Tried, measure, verdict
from tests.traced import strace

GAP_S = 0.0005


@pytest.fixture(scope="module")
def rows():
    return [row for row in measure(items=50, gap=0.5, repeats=3) if not isinstance(row, Progress)]


def of(rows: list[object], rule: str, what: str) -> list[int]:
    found = [row for row in rows if isinstance(row, Outcome) and (row.rule, row.what) == (rule, what)]
    return [row.times for row in found]


def test_lost_notifies_are_those_that_nobody_waited_for(rows):
    lost, taken = of(rows, "notify only", "missed"), of(rows, "notify only", "taken")
    assert [a + b for a, b in zip(lost, taken, strict=True)] == [50, 50, 50]


@pytest.mark.measured
def test_some_notifies_are_lost_and_some_are_heard(rows):
    assert 0 < sum(of(rows, "notify only", "missed")) < 150


@pytest.mark.parametrize("rule", ["while", "wait_for"])
def test_with_a_predicate_that_is_looked_at_again_nothing_is_lost(rows, rule):
    assert of(rows, rule, "taken") == [50, 50, 50]
    assert of(rows, rule, "missed") == of(rows, rule, "errors") == [0, 0, 0]


def test_whoever_looks_only_once_takes_all_the_same(rows):
    assert of(rows, "if", "taken") == [50, 50, 50]


@pytest.mark.measured
def test_whoever_looks_only_once_takes_from_an_empty_shelf(rows):
    assert sum(of(rows, "if", "errors")) > 0
    assert sum(of(rows, "while", "in vain")) > 0
    assert sum(of(rows, "wait_for", "in vain")) > 0


def test_things_that_fall_from_the_shelf_are_lost():
    class Slippery(Shelf):
        def take(self) -> None:
            if self.counted["taken"]:
                self.things.popleft()
            else:
                super().take()

    counted = Slippery("while").play(10, [lambda: None] * 3)
    assert (counted["taken"], counted["missed"]) == (1, 9)


class Watched(threading.Condition):
    """Notes for each notify whether the library's own queue of waiters was empty."""

    def __init__(self) -> None:
        super().__init__()
        self.empty: list[bool] = []

    def notify(self, n: int = 1) -> None:
        self.empty.append(not self._waiters)
        super().notify(n)

    def until_somebody_waits(self) -> None:
        while not self._waiters:
            time.sleep(0.0005)


@pytest.fixture
def watched(monkeypatch) -> Watched:
    """The condition of the next round, which only the rules get, and not the library's own threads."""
    condition = Watched()
    names = SimpleNamespace(Condition=lambda: condition, Thread=threading.Thread)
    monkeypatch.setattr(rules, "threading", names)
    return condition


def test_what_the_library_knows_of_its_waiters_is_what_the_producer_counts(watched):
    counted = bell(60, *(rules.pause(random.Random(seed), GAP_S) for seed in (1, 2)))
    assert sum(watched.empty) == counted["missed"]
    assert len(watched.empty) == 60 + 1  # and the one that ends it


def test_a_consumer_that_is_always_back_in_time_misses_nothing(watched):
    assert bell(20, watched.until_somebody_waits, lambda: None) == {"taken": 20, "missed": 0}


def test_a_consumer_that_is_always_busy_hears_one(watched):
    made, busy = [], threading.Event()

    def make() -> None:
        if not made:
            watched.until_somebody_waits()
        made.append(1)
        if len(made) > 1:
            busy.wait()

    def use() -> None:
        busy.set()
        while len(watched.empty) < 20:
            time.sleep(0.0005)

    assert bell(20, make, use) == {"taken": 1, "missed": 19}


def test_every_fact_is_seen_as_often_as_it_must():
    assert find_out(5) == {
        "event remembered": 5,
        "barrier places": 5,
        "barrier broken": 4,
        "semaphore over-released": 2,
        "bounded: stray release unnoticed": 1,
        "bounded: error hits the innocent": 1,
    }
    assert set(FACT_CLAIMS) == set(FACTS)


def test_facts_are_rows_with_what_was_expected(rows):
    tried = [row for row in rows if isinstance(row, Tried)]
    assert [row.fact for row in tried] == list(FACTS)
    assert all(row.seen == row.expected for row in tried)


def test_places_at_a_barrier_are_numbered_from_zero():
    assert sorted(_facts.barrier(4)) == [0, 1, 2, 3]


def test_a_timer_is_never_early():
    assert min(late("nobody", 9) + late("a busy thread", 9)) > 0
    assert threading.active_count() == 1


@pytest.mark.measured
@pytest.mark.skipif(not gil_enabled(), reason="there is no GIL to wait for")
def test_a_timer_is_later_beside_a_busy_thread():
    assert sorted(late("a busy thread", 9))[4] > 0.002
    assert threading.active_count() == 1


MARKED = """
import os
from experiments.kit.kernel.clock import now_ns
from experiments.sync._condition import facts as _facts
def marked():
    stamp = now_ns()
    os.access("/now", 0)
    return stamp
_facts.now_ns = marked
print(*_facts.late("nobody", 5), *_facts.late("a busy thread", 5))
"""


@pytest.mark.measured
def test_a_timer_is_as_late_as_strace_says(tmp_path):
    """strace stamps when the clock is asked: before a timer starts, and when it rings."""
    traced = strace(MARKED, tmp_path / "trace", "-ttt", "-e", "trace=access")
    at_s = [float(line.split()[1]) for line in traced.lines if "/now" in line]
    late_s = [rang - start - _facts.TIMER_S for start, rang in zip(at_s[::2], at_s[1::2], strict=True)]
    said_s = map(float, traced.printed.split())
    off_s = [abs(said - by_strace) for said, by_strace in zip(said_s, late_s, strict=True)]
    assert sorted(off_s)[5] < 0.0005


@pytest.mark.parametrize("after", [1, 6, 60])
def test_a_run_that_is_broken_off_leaves_no_process_and_no_thread(after):
    experiment = load("sync.condition")
    before = children(), len(os.listdir("/proc/self/fd"))
    running = experiment.measure(**experiment.parse({"items": 50, "gap": 0.1}))
    for _ in range(after):
        next(running)
    running.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before
    assert threading.active_count() == 1


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


@pytest.mark.parametrize("rule", RULES)
def test_a_round_ends_with_one_thread(rule):
    assert sum(play(rule, 20, 0.0001, 4, seed=1).values()) >= 20
    assert threading.active_count() == 1


# Verdicts


def outcomes(rule: str, **times: list[int]) -> list[Outcome]:
    names = {"taken": "taken", "missed": "missed", "errors": "errors", "in_vain": "in vain"}
    found = {names[key]: values for key, values in times.items()}
    return [
        Outcome(rule, i, 100, what, values[i], values[i] / 100)
        for what in names.values()
        for values in [found.get(what, [0, 0, 0])]
        for i in range(3)
    ]


BELL = outcomes("notify only", taken=[60, 65, 63], missed=[40, 35, 37])
IF = outcomes("if", taken=[100, 100, 100], errors=[50, 60, 70])
WHILE = outcomes("while", taken=[100, 100, 100], in_vain=[50, 60, 70])
WAIT_FOR = outcomes("wait_for", taken=[100, 100, 100], in_vain=[50, 60, 70])
GOOD = [*BELL, *IF, *WHILE, *WAIT_FOR]


def judged(*rows: object):
    facts = {"switch_interval_s": 0.005, "gil": True}
    return verdict(Record(Machine(**(Machine.here().as_json() | facts)), {"items": 100}, rows))


def test_notifies_that_nobody_waits_for_are_lost():
    said = judged(*GOOD)
    assert said.answer == "every notify that nobody waits for"
    assert str(said.headline).startswith(
        "Of 300 notifies 112 were lost, 37\u00a0% (of a typical round 35\u00a0% to 40\u00a0%)"
    )
    assert str(said.headline).endswith("With a predicate all 300 things arrived.")
    assert [check.ok for check in said.checks] == [True] * 4


def test_a_share_beside_two_numbers_is_the_share_of_these_numbers():
    """A room computes it: of 300 notifies 60 are 20 %, whatever a typical round lost."""
    said = judged(*outcomes("notify only", taken=[90, 90, 60], missed=[10, 10, 40]), *IF, *WHILE, *WAIT_FOR)
    assert str(said.headline).startswith("Of 300 notifies 60 were lost, 20\u00a0% (of a typical round 10")


def test_counts_that_do_not_add_up_are_unclear():
    said = judged(*outcomes("notify only", taken=[60, 65, 63], missed=[40, 34, 37]), *IF, *WHILE, *WAIT_FOR)
    assert (said.answer, said.checks[0].ok) == ("unclear", False)


@pytest.mark.parametrize("wrong", [{"errors": [0, 1, 0]}, {"missed": [1, 0, 0]}])
def test_a_predicate_that_loses_contradicts_what_is_known(wrong):
    said = judged(*BELL, *IF, *WHILE, *outcomes("wait_for", taken=[100, 100, 100], **wrong))
    assert (said.answer, said.checks[3].ok) == ("unclear", False)


def test_a_consumer_that_missed_nothing_proves_nothing():
    said = judged(*outcomes("notify only", taken=[100, 100, 100]), *IF, *WHILE, *WAIT_FOR)
    assert (said.answer, "back in time" in str(said.headline)) == ("unclear", True)


def test_an_if_that_had_luck_is_not_called_right():
    assert judged(*BELL, *outcomes("if", taken=[100] * 3), *WHILE, *WAIT_FOR).checks[1].ok is None


def test_a_fact_that_was_not_seen_is_wrong():
    said = judged(*GOOD, Tried("semaphore over-released", 2, 1), Tried("barrier places", 5, 5))
    assert [check.ok for check in said.checks[-2:]] == [False, True]


def test_timers_are_told_in_switch_intervals():
    slow = [Timer("nobody", 0.0002)] * 3 + [Timer("a busy thread", 0.0105)] * 3
    said = judged(*GOOD, *slow).checks[-1]
    assert str(said.claim).endswith("10.5\u00a0ms beside a busy thread: 2.10× the switch interval.")
    assert said.ok is True
    same = [Timer("nobody", 0.004)] * 3 + [Timer("a busy thread", 0.005)] * 3
    assert judged(*GOOD, *same).checks[-1].ok is None


@pytest.mark.parametrize(
    ("known", "ends"),
    [
        ({"gil": False}, "there is no GIL to wait for."),
        ({"implementation": "PyPy"}, "PyPy hands its GIL over by rules of its own."),
    ],
)
def test_a_timer_is_not_held_against_the_switch_interval_of_another_interpreter(known, ends):
    here = dataclasses.replace(Machine.here(), **{"gil": True, "implementation": "CPython"} | known)
    late = 0.0002 if "gil" in known else 0.002
    rows = [Timer("nobody", 0.0002)] * 3 + [Timer("a busy thread", late)] * 3
    (check,) = timer_checks(Record(here, {}, rows))
    assert (str(check.claim).endswith(ends), check.ok) == (True, True)


def test_a_run_that_was_stopped_early_is_unclear():
    assert judged(*BELL).answer == "unclear"
    assert judged(*[row for row in GOOD if row.repeat < 2]).answer == "unclear"


def test_what_was_guessed_is_the_share_of_the_middle_round():
    assert lost_of_the_bell(Record(Machine.here(), {"items": 100}, GOOD)) == {"value": 0.37}
    assert lost_of_the_bell(Record(Machine.here(), {"items": 100}, IF)) == {}
