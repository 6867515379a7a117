import os
from itertools import pairwise

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import load
from experiments.kit.subjects.subjects import Group
from experiments.scheduling import concurrency
from experiments.scheduling._concurrency.tasks import Done, Stretch, lane, noted
from experiments.scheduling.concurrency import Chatty, Finish, Slice, Stage, Whole, cost, slices, verdict

MS = 1_000_000
SEQUENCE, ONE, ALL = "in sequence", "on one core", "on all cores"


def done(*pieces: tuple[float, float, int]) -> Done:
    return Done([int(x) for start, end, core in pieces for x in (start * MS, end * MS, core)], 0, 0)


# -- from what was noted to lanes -------------------------------------------------------------


def test_a_gap_in_a_task_that_has_started_is_time_without_a_core():
    task = done((0, 4, 1), (8, 12, 1), (12, 14, 0))
    assert list(lane(task, 0, 0)) == [
        Stretch("running", 1, 0, 4 * MS),
        Stretch("ready", None, 4 * MS, 8 * MS),
        Stretch("running", 1, 8 * MS, 12 * MS),
        Stretch("running", 0, 12 * MS, 14 * MS),
    ]


def test_before_its_first_slice_a_task_waits_for_its_turn_and_then_for_a_core():
    assert list(lane(done((5, 6, 0)), 0, 3 * MS)) == [
        Stretch("blocked", None, 0, 3 * MS),
        Stretch("ready", None, 3 * MS, 5 * MS),
        Stretch("running", 0, 5 * MS, 6 * MS),
    ]


def test_in_sequence_it_is_a_tasks_turn_when_the_one_before_is_done():
    rows = list(slices(SEQUENCE, 0, [done((0, 4, 1)), done((5, 9, 1))]))
    assert [(row.task, row.state, row.end_s) for row in rows] == [
        (1, "running", 0.004),
        (2, "blocked", 0.004),
        (2, "ready", 0.005),
        (2, "running", 0.009),
    ]


def test_lanes_of_different_arrangements_have_different_names():
    rows = [row for name in (SEQUENCE, ONE, ALL) for row in slices(name, 0, [done((0, 1, 0))] * 2)]
    assert len({row.lane for row in rows}) == 6


def test_a_task_notes_its_core_and_loses_no_time_between_slices():
    pinned = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(pinned)})
        found = Done(noted(chunks=200, loops=500), 0, 0)
    finally:
        os.sched_setaffinity(0, pinned)
    pieces = found.pieces()
    assert {core for _, _, core in pieces} == {max(pinned)}
    assert all(start <= end for start, end, _ in pieces)
    assert all(after[0] - before[1] > 300_000 for before, after in pairwise(pieces))


# -- the verdict ------------------------------------------------------------------------------


def record_of(
    one=(0.98, 1.0, 0.99), many=(1.7, 1.75, 1.8), delay_s=0.0, cores=2, used=1.0, talk=((8, 25), (60, 40))
):
    rows: list[tuple] = [Whole(SEQUENCE, i + 1, 0.4, 1.0, 1.0) for i in range(len(one))]
    rows += [Whole(ONE, i + 1, 0.4 / gain, gain, used) for i, gain in enumerate(one)]
    rows += [Whole(ALL, i + 1, 0.4 / gain, gain, gain) for i, gain in enumerate(many)]
    for repeat in range(1, len(one) + 1):
        rows += [Finish(task, SEQUENCE, repeat, 0.1 * task, 0.1, delay_s) for task in range(1, 5)]
        rows += [Finish(task, ONE, repeat, 0.36 + 0.01 * task, 0.1, 0.3) for task in range(1, 5)]
        for work_us, (together, apart) in zip((0, 20), talk, strict=False):
            rows += [Chatty(work_us, "one core", together), Chatty(work_us, "two cores", apart)]
    machine = Machine(**(Machine.here().as_json() | {"cores": cores}))
    return Record(machine, {"tasks": 4}, rows)


def test_only_more_cores_get_more_done():
    said = verdict(record_of())
    assert said.answer == "only on several cores"
    assert str(said.headline).startswith(
        "Started at once, 4 tasks are done 0.99× as fast as in sequence on one core, 1.75× on 2 cores."
    )
    assert [check.ok for check in said.checks] == [True] * 6
    assert str(said.checks[3].claim) == (
        "The first task was done after 100\u00a0ms in sequence, and after 370\u00a0ms by turns."
    )
    assert str(said.checks[5].claim).startswith("A second core pays from about 20.0\u00a0µs of work")


def test_a_machine_with_one_core_says_what_it_can():
    said = verdict(record_of(many=(), cores=1, talk=()))
    assert (said.answer, len(said.checks)) == ("not on one core", 3)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        ({"one": (1.5, 1.6, 1.55), "delay_s": 0.1}, "a task alone waited for a core"),
        ({"one": (1.5, 1.6, 1.55)}, "cannot make work less"),
        ({"one": (0.9, 1.0, 1.4), "used": 1.3}, "spread too far"),
        ({"one": (0.9, 1.0, 1.4), "delay_s": 0.1}, "waited for a core. Nothing seen here tells why."),
        ({"many": (1.0, 1.5, 1.2)}, "spread too far"),
        ({"many": (1.0, 1.0, 1.05)}, "a second core was lacking. Nothing seen here tells why."),
        ({"many": (1.0, 1.0, 1.05), "delay_s": 0.1}, "waited for a core. Nothing seen here tells why."),
        ({"one": (1.0,) * 2, "many": (1.8,) * 2}, "3 rounds"),
        ({"many": (1.8,) * 2}, "3 rounds"),
    ],
)
def test_what_contradicts_the_known_or_is_not_certain_is_unclear(seen, sentence):
    said = verdict(record_of(**seen))
    assert said.answer == "unclear"
    assert sentence in str(said.headline)


def test_a_clock_speed_that_wanders_does_not_hide_that_one_core_was_used():
    said = verdict(record_of(one=(0.8, 1.0, 1.4)))
    assert said.answer == "only on several cores"
    assert [check.ok for check in said.checks][:3] == [None, True, True]


def test_a_crowded_machine_says_nothing_about_messages():
    assert verdict(record_of(delay_s=0.1)).checks[4].ok is None
    assert verdict(record_of(talk=((30, 20), (60, 40)))).checks[4].ok is False


def test_a_talk_that_was_stopped_is_not_judged():
    record = record_of(talk=())
    rows = [*record[Whole], *record[Finish], Chatty(0, "one core", 8)]
    assert len(verdict(Record(record.machine, {"tasks": 4}, rows)).checks) == 4


# -- for real ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    items = concurrency.measure(tasks=3, work=30, repeats=3)
    return [item for item in items if not isinstance(item, Progress)]


def of(rows: list[object], row: type) -> list:
    return [item for item in rows if isinstance(item, row)]


def test_every_task_of_every_round_ends_once(rows):
    arrangements = [SEQUENCE, ONE] + [ALL] * (len(os.sched_getaffinity(0)) > 1)
    seen = [(row.arrangement, row.repeat, row.task) for row in of(rows, Finish)]
    assert sorted(seen) == sorted((a, r, t) for a in arrangements for r in (1, 2, 3) for t in (1, 2, 3))
    for whole in of(rows, Whole):
        finish = [
            row.finish_s
            for row in of(rows, Finish)
            if (row.arrangement, row.repeat) == (whole.arrangement, whole.repeat)
        ]
        assert whole.makespan_s == max(finish)


def test_gains_are_held_against_the_sequence_of_the_same_round(rows):
    sequence = {row.repeat: row.makespan_s for row in of(rows, Whole) if row.arrangement == SEQUENCE}
    for row in of(rows, Whole):
        assert row.gain == pytest.approx(sequence[row.repeat] / row.makespan_s)


def test_tasks_in_sequence_end_one_after_another(rows):
    for repeat in (1, 2, 3):
        ends = [r.finish_s for r in of(rows, Finish) if (r.arrangement, r.repeat) == (SEQUENCE, repeat)]
        assert ends == sorted(ends)


def test_on_one_core_all_run_there_and_have_no_more_than_it(rows):
    cores = {r.core for r in of(rows, Slice) if r.arrangement != ALL and r.state == "running"}
    assert cores == {max(os.sched_getaffinity(0))}
    assert all(row.effective_cores <= 1.05 for row in of(rows, Whole) if row.arrangement != ALL)


def test_tasks_are_tied_to_the_cores_of_their_arrangement():
    usable = os.sched_getaffinity(0)
    with Group() as group, Stage(group, 2, 0.002) as stage:
        for arrangement, cores in ((SEQUENCE, {max(usable)}), (ALL, usable), (ONE, {max(usable)})):
            stage.perform(arrangement)
            assert [os.sched_getaffinity(task.pid) for task in stage.tasks] == [cores] * 2


def test_the_lanes_have_no_gap_and_no_overlap(rows):
    for name in {row.lane for row in of(rows, Slice)}:
        mine = [row for row in of(rows, Slice) if row.lane == name]
        assert all(before.end_s <= after.start_s + 1e-4 for before, after in pairwise(mine))
        (finish,) = {
            row.finish_s
            for row in of(rows, Finish)
            if (row.arrangement, row.task, row.repeat) == (mine[0].arrangement, mine[0].task, 1)
        }
        assert mine[-1].end_s == pytest.approx(finish)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two tasks need two cores to talk across")
def test_two_tasks_talk_in_both_places_with_every_amount_of_work(rows):
    seen = [(row.work_us, row.placement) for row in of(rows, Chatty)]
    assert sorted(seen) == sorted(
        (w, p) for w in concurrency.TALK_US for p in ("one core", "two cores") for _ in range(3)
    )


@pytest.mark.measured
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two tasks need two cores to talk across")
def test_a_step_takes_at_least_about_its_work(rows):
    assert all(row.us_per_step > row.work_us / 2 for row in of(rows, Chatty))


@pytest.mark.measured
def test_the_verdict_of_a_real_run_is_not_wrong(rows):
    said = verdict(Record(Machine.here(), {"tasks": 3}, rows))
    assert said.answer in (
        "only on several cores" if Machine.here().cores > 1 else "not on one core",
        "unclear",
    )


def test_on_one_core_the_rest_is_left_out(monkeypatch):
    pinned = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(pinned)})
        rows = list(concurrency.measure(tasks=2, work=20, repeats=3))
    finally:
        os.sched_setaffinity(0, pinned)
    assert {row.arrangement for row in of(rows, Whole)} == {SEQUENCE, ONE}
    assert not of(rows, Chatty)


def test_a_system_without_affinity_says_what_is_missing(monkeypatch):
    assert load("scheduling.concurrency").missing() == ()
    monkeypatch.delattr(os, "sched_setaffinity")
    (sentence,) = load("scheduling.concurrency").missing()
    assert "choose its cores" in sentence


def test_the_most_that_can_be_asked_for_fits_into_a_run():
    assert cost(8, 500, 20) < 600


@pytest.mark.parametrize("row", [Slice, Chatty])
def test_a_run_that_is_stopped_leaves_no_process_and_no_descriptor(row):
    experiment = load("scheduling.concurrency")
    before = children(), len(os.listdir("/proc/self/fd"))
    rows = experiment.measure(**experiment.parse({"tasks": 2, "work": 20}))
    next(item for item in rows if isinstance(item, row))
    assert len(children()) == len(before[0]) + 2
    rows.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()
