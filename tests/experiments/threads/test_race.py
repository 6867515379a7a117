import dataclasses
import math
import os
import sys
import timeit

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import load
from experiments.threads import race
from experiments.threads._race import variants
from experiments.threads._race.losses import CALLED, PLAIN
from experiments.threads._race.variants import LOOPS, Step, place_of, steps_of
from experiments.threads.race import Loss, Switch, Trial, verdict

STEPS = 1_000_000
OTHERS = ("o.n += 1", "n = int(n) + 1")


def trials(variant: str, lost: list[int], guard="without a lock", step_s=1e-7) -> list[Trial]:
    return [Trial(variant, guard, i + 1, STEPS, STEPS - n, n / STEPS, step_s) for i, n in enumerate(lost)]


def record_of(plain: list[int], called: list[int], locked=0, gil=True, others=(0, 0), seen=()) -> Record:
    machine = Machine(**(Machine.here().as_json() | {"gil": gil}))
    rows = trials(PLAIN, plain) + trials(CALLED, called)
    rows += [row for variant, n in zip(OTHERS, others, strict=True) for row in trials(variant, [n] * 3)]
    rows += trials(PLAIN, [locked] + [0] * (len(plain) - 1), "with a lock", 3e-7)
    return Record(machine, {}, [*rows, *seen])


# -- the verdict ------------------------------------------------------------------------------


def test_no_loss_beside_a_variant_that_loses_is_not_observed_and_no_proof():
    seen = [Switch(PLAIN, "▸ LOAD_GLOBAL n", True, 0, 0.0), Switch(PLAIN, "JUMP_BACKWARD", False, 90, 1.0)]
    said = verdict(record_of([0] * 10, [300_000] * 10, seen=seen))
    assert said.answer == "no loss seen"
    assert str(said.headline).startswith(
        "In 10 repeats `n += 1` lost none of 10\u2009000\u2009000 increments."
    )
    assert "after 10 repeats without a loss, up to 26\u00a0%" in str(said.doubts[0])
    assert [check.ok for check in said.checks] == [True, True, True, True]
    assert str(said.checks[1].claim) == (
        "`n += 1` was seen interrupted 90 times, 0 times between reading and writing."
    )
    assert str(said.checks[3].claim) == "The lock adds 0.20\u00a0µs to 0.20\u00a0µs to `n += 1`."


def test_one_lost_increment_is_enough_for_a_no():
    said = verdict(record_of([0, 0, 1], [300_000] * 3))
    assert said.answer == "not atomic"
    assert "in 1 of 3 repeats" in str(said.headline)
    assert said.doubts == ()


def test_what_was_lost_in_one_repeat_is_not_told_as_nothing():
    assert "15\u00a0% were lost" in str(verdict(record_of([0] * 3, [0, 0, 450_000])).headline)
    assert "`n += 1` lost 10\u00a0% of" in str(verdict(record_of([0, 0, 300_000], [300_000] * 3)).headline)


def test_without_a_gil_threads_read_the_same_number_at_once():
    said = verdict(record_of([390_000] * 3, [300_000] * 3, gil=False))
    assert (said.answer, "without a GIL" in str(said.headline)) == ("not atomic", True)


@pytest.mark.parametrize("gil", [True, False])
def test_threads_that_never_met_leave_it_unclear(gil):
    said = verdict(record_of([0] * 3, [0] * 3, gil=gil))
    assert said.answer == "unclear"
    assert "hardly met" in str(said.headline)


def test_threads_that_were_seen_interrupted_are_not_said_to_have_hardly_met():
    seen = [Switch(PLAIN, "JUMP", False, 220, 1.0)]
    said = verdict(record_of([0] * 3, [0] * 3, seen=seen))
    assert said.answer == "unclear"
    assert "hardly met" not in str(said.headline)
    assert "interrupted 220 times" in str(said.headline)


@pytest.mark.parametrize(("interruptions", "answer"), [(220, "no loss seen"), (0, "unclear")])
def test_another_interpreter_with_a_gil_is_not_told_to_try_what_cannot_help(interruptions, answer):
    seen = [Switch(PLAIN, "JUMP", False, interruptions, 1.0)]
    record = record_of([0] * 3, [0] * 3, seen=seen)
    record.machine = dataclasses.replace(record.machine, implementation="PyPy")
    said = verdict(record)
    assert said.answer == answer
    assert "The GIL of PyPy is not that of CPython" in str(said.headline)
    assert "Let them work" not in str(said.headline)


def test_a_loss_behind_a_lock_contradicts_what_is_known():
    said = verdict(record_of([0] * 3, [300_000] * 3, locked=2))
    assert said.answer == "unclear"
    assert "Even with a lock 2 increments were lost" in str(said.headline)


def test_a_run_that_was_stopped_is_unclear():
    assert verdict(record_of([0] * 2, [1] * 2)).answer == "unclear"


def test_an_interruption_that_does_not_fit_the_losses_is_no_support():
    seen = [Switch(PLAIN, "▸ LOAD_GLOBAL n", True, 3, 1.0)]
    said = verdict(record_of([0] * 3, [300_000] * 3, seen=seen))
    assert said.checks[1].ok is None


def test_a_guess_is_held_against_the_medians_without_a_lock():
    measured = race.guess.measured(record_of([0, 0, 0], [100_000, 300_000, 400_000], others=(0, 200_000)))
    assert measured == {PLAIN: 0, "o.n += 1": 0, "n = int(n) + 1": 0.2, CALLED: 0.3}


# -- the bytecode -----------------------------------------------------------------------------


@pytest.mark.parametrize("variant", LOOPS)
def test_only_what_lies_between_reading_and_writing_is_marked(variant):
    steps = steps_of(LOOPS[variant]["without a lock"])
    marked = [i for i, step in enumerate(steps) if step.between]
    assert marked == list(range(marked[0], marked[-1] + 1))
    assert steps[marked[0]].name in ("LOAD_GLOBAL n", "LOAD_ATTR n")
    assert steps[marked[-1] + 1].name.startswith("STORE")
    assert (steps[0].name, steps[-1].name[:4]) == ("FOR_ITER", "JUMP")


def test_an_offset_in_the_cache_of_an_instruction_belongs_to_it():
    steps = [Step(10, "LOAD", False), Step(20, "CALL", True), Step(30, "JUMP", False)]
    assert [place_of(steps, offset) for offset in (10, 20, 28, 30, 44)] == [0, 1, 1, 2, 2]


# -- for real ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    """One run for all questions; again, where a busy machine let too few switches be seen."""
    for _ in range(5):
        found = race.measure(threads=2, repeats=4, work=50, interval=1)
        rows = [item for item in found if not isinstance(item, Progress)]
        if {row.variant for row in of(rows, Switch) if row.seen} == set(LOOPS):
            break
    return rows


def of(rows: list[object], row: type) -> list:
    return [item for item in rows if isinstance(item, row)]


def test_locks_lose_nothing(rows):
    locked = [row for row in of(rows, Trial) if row.guard == "with a lock"]
    assert len(locked) == 4 * len(LOOPS)
    assert all(row.counted == row.expected > 10_000 for row in locked)


def test_what_is_lost_is_the_difference(rows):
    assert all(0 <= row.lost_share == 1 - row.counted / row.expected < 1 for row in of(rows, Trial))
    free = [row for row in of(rows, Trial) if row.guard == "without a lock"]
    assert [tuple(row) for row in of(rows, Loss)] == [(r.variant, r.repeat, r.lost_share) for r in free]


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="threads need no GIL here")
def test_with_a_gil_nothing_is_lost_where_nothing_is_called(rows):
    assert lost_by(rows, PLAIN) == lost_by(rows, "o.n += 1") == 0


def lost_by(rows, variant):
    return sum(row.lost_share for row in of(rows, Loss) if row.variant == variant)


@pytest.mark.measured
@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="threads need no GIL here")
def test_with_a_gil_a_call_between_loses(rows):
    assert lost_by(rows, CALLED) > 0
    assert verdict(Record(Machine.here(), {}, rows)).answer == "no loss seen"


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL to lose")
def test_threads_are_interrupted_between_only_where_something_is_called(rows):
    assert seen_between(rows, PLAIN) == seen_between(rows, "o.n += 1") == 0
    for variant in {row.variant for row in of(rows, Switch) if row.seen}:
        assert math.fsum(r.share for r in of(rows, Switch) if r.variant == variant) == pytest.approx(1)


def seen_between(rows, variant):
    return sum(row.seen for row in of(rows, Switch) if row.variant == variant and row.between)


@pytest.mark.measured
@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL to lose")
def test_threads_are_interrupted_where_something_is_called(rows):
    assert seen_between(rows, "n = int(n) + 1") + seen_between(rows, CALLED) > 0


def test_every_column_reads_from_top_to_bottom(rows):
    order = list(dict.fromkeys(row.instruction for row in of(rows, Switch)))
    for variant, loops in LOOPS.items():
        steps = ["▸ " * step.between + step.name for step in steps_of(loops["without a lock"])]
        assert sorted(steps, key=order.index) == steps, variant


def test_a_bare_variant_counts_right_alone():
    for loops in LOOPS.values():
        for loop in loops.values():
            variants.n = variants.o.n = 0
            loop(1000)
            assert variants.n + variants.o.n == 1000


STATEMENTS = {
    "n += 1": ("n += 1", "global n; n = 0"),
    "n = int(n) + 1": ("n = int(n) + 1", "global n; n = 0"),
    "t = n; one(); n = t + 1": ("t = n; one(); n = t + 1", "global n, one; n = 0; one = lambda: 1"),
}


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="threads do not take turns")
@pytest.mark.parametrize("variant", STATEMENTS)
@pytest.mark.measured
def test_an_increment_costs_what_timeit_says(variant):
    """The quickest of many tries of both: two threads that take turns need as long for each as one alone."""
    ratios = []
    for _ in range(5):
        ours_s = (
            min(variants.race(variant, "without a lock", 2, 10_000, 0.005)[1] for _ in range(9)) / 2e4 / 1e9
        )
        ratios.append(ours_s / (min(timeit.repeat(*STATEMENTS[variant], repeat=9, number=20_000)) / 2e4))
    assert 0.6 < sorted(ratios)[2] < 2


def test_a_run_that_is_stopped_leaves_no_process_behind():
    experiment = load("threads.race")
    before = children()
    rows = experiment.measure(**experiment.parse({"work": 20, "repeats": 3}))
    next(row for row in rows if isinstance(row, Trial))
    assert len(children()) == len(before) + 1
    rows.close()
    assert children() == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()
