import math
import os
from itertools import pairwise

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import load
from experiments.kit.subjects import subinterpreters
from experiments.threads import scaling
from experiments.threads.scaling import Capacity, Round, Span, cost, levels, verdict

TWO_CORES = {"cores": 2, "gil": True}


def machine(**facts: object) -> Machine:
    return Machine(**(Machine.here().as_json() | TWO_CORES | facts))


def rounds(kind: str, speedups: list[float], cores: float, n: int = 2, delay_s: float = 0.0) -> list[Round]:
    wall_s = 0.2
    return [Round(kind, n, i, wall_s, s, wall_s * cores, cores, delay_s) for i, s in enumerate(speedups)]


def judged(
    threads: list[Round],
    processes: list[Round],
    capacity: float | None = 1.8,
    workload="python",
    high: float | None = None,
    conditions=None,
    **facts,
):
    room = [
        Capacity(1, 1, 1, 1),
        Capacity(2, capacity, (capacity or 1.4) - 0.1, high or (capacity or 0) + 0.1),
    ]
    rows = [*threads, *processes, *room]
    return verdict(Record(machine(**facts), {"workload": workload}, rows, conditions))


def test_interpreters_that_are_missing_are_told():
    said = judged(
        rounds("threads", [1.0] * 5, 1.0), rounds("processes", [1.9] * 5, 1.9), implementation="PyPy"
    )
    assert "PyPy" in str(said.doubts[0])
    assert "CPython 3.12 and later have" in str(said.doubts[0])


FLAT = rounds("threads", [0.97, 0.99, 0.95, 1.02, 0.98], 1.0)
RISING = rounds("threads", [1.71, 1.75, 1.68, 1.8, 1.7], 1.95)
PROCESSES = rounds("processes", [1.75, 1.79, 1.7, 1.81, 1.77], 1.95)


def test_threads_that_take_turns_need_processes():
    said = judged(FLAT, PROCESSES)
    assert said.answer == "only with processes"
    assert str(said.headline).startswith("2 threads got 0.98× as much done as one, 2 processes 1.77×.")
    assert said.headline.values["threads"].about == "threads"
    assert all(check.ok for check in said.checks)


def test_without_a_gil_threads_rise_too():
    said = judged(RISING, PROCESSES, gil=False)
    assert (said.answer, "without a GIL" in str(said.headline)) == ("yes", True)


def test_hashing_lets_threads_rise_although_there_is_a_gil():
    said = judged(RISING, PROCESSES, workload="hash")
    assert said.answer == "yes"
    assert "lets go of the GIL" in str(said.headline)


def test_sleepers_need_no_core():
    sleepers = [rounds(kind, [15.9, 15.8, 15.9], 0.0, n=16) for kind in ("threads", "processes")]
    said = judged(*sleepers, workload="sleep")
    assert said.answer == "yes"
    assert str(said.headline).startswith("16 threads got 15.90×")


@pytest.mark.parametrize(
    ("threads", "workload", "gil"), [(RISING, "python", True), (FLAT, "python", False), (FLAT, "hash", True)]
)
def test_what_contradicts_the_known_facts_is_unclear(threads, workload, gil):
    said = judged(threads, PROCESSES, workload=workload, gil=gil)
    assert said.answer == "unclear"
    assert "does not fit" in str(said.headline)


def test_without_a_core_to_spare_it_is_unclear():
    said = judged(FLAT, rounds("processes", [1.02, 1.1, 1.05], 1.05), capacity=1.1)
    assert said.answer == "unclear"
    assert str(said.headline).endswith(
        "spin got 1.10×: a second core was lacking. Nothing seen here tells why."
    )


def test_a_crowded_machine_is_told_apart_from_a_riddle():
    crowded = [rounds(kind, [1.0, 1.1, 1.05], 0.4, delay_s=0.2) for kind in ("threads", "processes")]
    said = judged(*crowded, gil=False)
    assert said.answer == "unclear"
    assert "for 50\u00a0% of the time they waited for a core. Nothing seen here tells why." in str(
        said.headline
    )


def test_a_capacity_that_cannot_be_voids_itself_and_says_why():
    """As under a quota, where one round falls into a burst and the next into a pause."""
    seen = (FLAT, rounds("processes", [1.3, 2.6, 2.8], 1.6))
    for ratio in (2.83, None):
        said = judged(*seen, capacity=ratio, high=2.92, conditions={"foreign_cpu": 0.03, "throttled": 0.8})
        assert said.answer == "unclear"
        assert "up to 2.92× from 2 cores, and that cannot be" in str(said.headline)
        assert "CPU quota of the run's control group was used up in 80\u00a0%" in str(said.headline)
        assert not any("come near" in str(check.claim) for check in said.checks)


def test_a_capacity_above_the_cores_is_measured_as_none():
    spun = [{1: 100, 2: 283}, {1: 100, 2: 290}, {1: 100, 2: 270}]
    (row,) = scaling.capacity(spun)
    assert (row.cores, row.ratio) == (2, None)
    assert row.high == pytest.approx(2.9)
    (row,) = scaling.capacity([{1: 100, 2: 203}] * 3)
    assert row.ratio == pytest.approx(2.03)


def test_workers_that_gain_more_than_there_are_cores_are_unclear():
    said = judged(FLAT, rounds("processes", [2.5, 2.6, 2.7], 1.9), capacity=1.9)
    assert (said.answer, "cannot gain that much" in str(said.headline)) == ("unclear", True)


def test_a_delay_that_nobody_told_is_no_lack_of_cores_and_no_proof_against_it():
    said = judged(rounds("threads", [1.0, 0.98, 1.01], 1.0, delay_s=None), PROCESSES)
    assert said.answer == "only with processes"
    assert not any("lack a core" in str(check.claim) for check in said.checks)


def test_rounds_that_spread_too_far_are_unclear():
    said = judged(FLAT, rounds("processes", [1.0, 1.9, 1.1, 1.7, 1.05], 1.6))
    assert said.answer == "unclear"
    assert "spread too far" in str(said.headline)


def test_processes_that_may_as_well_have_gained_nothing_are_not_called_near():
    said = judged(FLAT, rounds("processes", [0.82, 1.09, 3.76], 1.6))
    near = next(check for check in said.checks if "come near" in str(check.claim))
    assert near.ok is None
    assert [check.ok for check in judged(FLAT, PROCESSES).checks] == [True] * 4


def test_a_clock_speed_that_wanders_does_not_hide_that_one_core_was_used():
    said = judged(rounds("threads", [0.9, 1.3, 1.0], 1.0), PROCESSES)
    assert said.answer == "only with processes"
    assert [check.ok for check in said.checks][:3] == [True, True, None]


def test_two_rounds_are_too_few():
    assert judged(FLAT[:2], PROCESSES[:2]).answer == "unclear"


def test_one_core_says_nothing_about_two_workers():
    said = judged(FLAT, PROCESSES, cores=1)
    assert (said.answer, "one core only" in str(said.headline)) == ("unclear", True)


def test_more_workers_than_cores_are_not_judged():
    crowd = rounds("threads", [0.5] * 5, 1.0, n=4) + rounds("processes", [9.9] * 5, 1.0, n=4)
    assert judged(FLAT + crowd, PROCESSES).headline.values["n"].number == 2


def test_a_run_that_was_stopped_is_unclear():
    assert verdict(Record(machine(), {"workload": "python"}, FLAT[:1])).answer == "unclear"


@pytest.mark.parametrize(
    ("workers", "cores", "sizes"),
    [
        (4, 2, [1, 2, 4]),
        (6, 2, [1, 2, 4, 6]),
        (8, 6, [1, 2, 4, 6, 8]),
        (2, 16, [1, 2]),
        (32, 2, [1, 2, 4, 8, 16, 32]),
    ],
)
def test_sizes_are_powers_of_two_and_what_was_asked_for(monkeypatch, workers, cores, sizes):
    monkeypatch.setattr(scaling, "usable_cores", lambda: cores)
    assert levels(workers) == sizes


def test_the_most_that_can_be_asked_for_is_refused():
    assert cost("python", 32, 1000, 20) > 600


@pytest.fixture(scope="module", params=["python", "hash", "sleep"])
def run(request):
    """A small run for real: (workload, its rows)."""
    items = list(scaling.measure(request.param, workers=2, work=40, repeats=3))
    return request.param, [item for item in items if not isinstance(item, Progress)]


def of(rows: list[object], row: type) -> list:
    return [item for item in rows if isinstance(item, row)]


def test_every_kind_and_number_has_a_row_for_every_repeat(run):
    _, rows = run
    kinds = ["threads", "processes"] + ["interpreters"] * bool(subinterpreters.module())
    seen = sorted((r.kind, r.workers, r.repeat) for r in of(rows, Round))
    assert seen == sorted((kind, n, repeat) for kind in kinds for n in (1, 2) for repeat in range(3))


def test_speed_ups_are_held_against_one_worker_of_the_same_round(run):
    _, rows = run
    for kind in {r.kind for r in of(rows, Round)}:
        for repeat in range(3):
            one, two = (r for r in of(rows, Round) if (r.kind, r.repeat) == (kind, repeat))
            assert one.speedup == 1.0
            assert two.speedup == pytest.approx(2 * one.wall_s / two.wall_s)


@pytest.mark.measured
def test_effective_cores_are_what_the_workload_can_use(run):
    workload, rows = run
    for r in of(rows, Round):
        most = {"python": 1 if r.kind == "threads" else r.workers, "hash": r.workers, "sleep": 0}[workload]
        assert r.effective_cores <= most + 0.1
        assert r.cpu_s / r.wall_s == pytest.approx(r.effective_cores)


def test_capacity_lies_between_nothing_and_all_cores(run):
    _, rows = run
    first, *more = of(rows, Capacity)
    assert first == Capacity(1, 1.0, 1.0, 1.0)
    assert [c.cores for c in more] == [2] * (len(os.sched_getaffinity(0)) > 1)
    assert all(c.ratio is None or c.low <= c.ratio <= c.high for c in more)
    assert all(math.isfinite(c.high) for c in more)


def test_one_round_of_each_kind_is_drawn_without_overlaps(run):
    workload, rows = run
    spans = of(rows, Span)
    assert {s.kind for s in spans} == {r.kind for r in of(rows, Round)}
    for lane in {s.lane for s in spans}:
        mine = [s for s in spans if s.lane == lane]
        assert all(s.start_s < s.end_s for s in mine)
        assert all(a.end_s <= b.start_s for a, b in pairwise(mine))
    states = {s.state for s in spans if s.kind == "threads"}
    assert {"python": "gil" in states, "hash": "running" in states, "sleep": states == {"blocked"}}[workload]


@pytest.mark.parametrize("run", ["python"], indirect=True)
def test_threads_that_take_turns_never_run_at_the_same_moment(run):
    _, rows = run
    running = sorted(
        (s.start_s, s.end_s) for s in of(rows, Span) if s.kind == "threads" and s.state == "running"
    )
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(running))


def test_a_run_leaves_no_process_behind():
    experiment = load("threads.scaling")
    before = children()
    rows = experiment.measure(**experiment.parse({"workers": 2, "work": 5, "repeats": 1}))
    next(row for row in rows if isinstance(row, Round))
    assert len(children()) == len(before) + 2
    rows.close()
    assert children() == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()
