"""Scenes for real, whose turns and ends are exact, and verdicts on rows whose answer is known."""

import asyncio
import dataclasses
import errno
import os
import threading
import time
from itertools import pairwise
from typing import get_args

import pytest

from experiments.coroutines._event_loop import blocks as _blocks
from experiments.coroutines._event_loop import scenes as _scenes
from experiments.coroutines._event_loop.blocks import BEAT_S, Call, beat
from experiments.coroutines._event_loop.scenes import EXPECTED, TASKS, WORKERS, arrangements, play, scenes
from experiments.coroutines._event_loop.traced import CALLER, perform
from experiments.coroutines._event_loop.turns import LAG_CLAIMS, contradiction
from experiments.coroutines.event_loop import (
    Ending,
    Fate,
    Lag,
    Note,
    Pulse,
    Turn,
    Whole,
    do,
    heartbeats,
    measure,
    verdict,
    worst_lags,
)
from experiments.kit import Machine, Progress, Record
from experiments.kit.kernel.machine import gil_enabled
from experiments.kit.spec import load
from experiments.kit.subjects.subjects import Group

UNIT_S = 0.01
LOOPS = 2000
needs_groups = pytest.mark.skipif(not _scenes.has_task_groups(), reason="TaskGroup came with 3.11")


@pytest.fixture(scope="module")
def rows():
    return [row for row in measure(wait=6, work=0.5, block=20, repeats=3) if not isinstance(row, Progress)]


@pytest.fixture(scope="module")
def played():
    return {name: play(name, UNIT_S, LOOPS) for name in [*arrangements(), *scenes()]}


def ends(played: dict[str, object], scene: str) -> dict[str, str]:
    return {task: end for task, end, _, _ in played[scene]["ends"]}


def took_s(played: dict[str, object], scene: str) -> float:
    return (played[scene]["ended"] - played[scene]["began"]) / 1e9


# Who is cancelled


@pytest.mark.parametrize("scene", scenes())
def test_every_task_of_a_scene_ends_as_documented(played, scene):
    assert ends(played, scene) == EXPECTED[scene]


def test_gather_leaves_the_siblings_of_a_failure_alone(played):
    assert cancelled(played, "gather, one fails") == set()


@needs_groups
def test_a_task_group_cancels_the_siblings_of_a_failure(played):
    assert cancelled(played, "TaskGroup, one fails") == {"A", "C"}


def test_wait_cancels_nobody(played):
    assert cancelled(played, "wait, first failure") == cancelled(played, "wait, first result") == set()


def test_wait_for_cancels_what_is_too_slow_and_a_shield_protects_it(played):
    assert cancelled(played, "wait_for, too slow") == {"A"}
    assert cancelled(played, "shield in wait_for") == set()
    assert not asked(played, "shield in wait_for", "A")


def test_whoever_cancels_a_gather_cancels_all_in_it(played):
    assert cancelled(played, "gather is cancelled") == set(TASKS)


def test_a_cancellation_travels_from_the_innermost_task_outwards(played):
    by_end = sorted(played["three levels"]["ends"], key=lambda each: each[3])
    assert [task for task, *_ in by_end] == ["A", "B", "C"]
    assert cancelled(played, "three levels") == {"A", "B", "C"}


def test_a_task_that_swallows_its_cancellation_was_asked_and_goes_on(played):
    assert asked(played, "cancel is swallowed", "A")
    assert ends(played, "cancel is swallowed") == {"A": "finished"}


def cancelled(played: dict[str, object], scene: str) -> set[str]:
    return {task for task, end in ends(played, scene).items() if end == "cancelled"}


def asked(played: dict[str, object], scene: str, name: str) -> bool:
    return next(was for task, _, was, _ in played[scene]["ends"] if task == name)


def test_the_sets_do_not_depend_on_who_is_quick():
    """A machine that stands still for longer than all waits changes nobody's end."""

    class Slow(_scenes.Cast):
        async def soon(self) -> None:
            time.sleep(0.03)  # noqa: ASYNC251
            await super().soon()
            time.sleep(0.03)  # noqa: ASYNC251

    for scene in scenes():
        performed = perform(lambda scene=scene: _scenes.PLAYS[scene](Slow(0.002, 10, asyncio.Event())))
        found = {task.name: task.ended().end for task in performed.tasks if task.name != CALLER}
        assert found == EXPECTED[scene]


def test_whoever_was_cancelled_is_drawn_tidying_up_and_nobody_else(played):
    for scene in scenes():
        tidying = {task for task, state, *_ in played[scene]["stretches"] if state == "cancelled"}
        assert tidying == cancelled(played, scene)


def test_whoever_cancels_waits_until_all_have_tidied_up(played):
    for scene in ("wait_for, too slow", "three levels", "gather is cancelled"):
        at_least_ns = _scenes.CLEANUP * UNIT_S * 1e9
        stretches = played[scene]["stretches"]
        for task in cancelled(played, scene):
            lane = [(state, start, end) for name, state, start, end in stretches if name == task]
            (place,) = [n for n, (state, *_) in enumerate(lane) if state == "cancelled"]
            asked_for_time_ns, told_ns = lane[place - 1][1], lane[place][2]  # it asks within a turn
            assert told_ns - asked_for_time_ns >= at_least_ns
        assert max(end for *_, end in stretches) <= played[scene]["ended"]


# Who runs, who waits


def test_no_two_tasks_ever_have_the_loop_at_once(played):
    for found in played.values():
        turns = sorted((start, end) for _, state, start, end in found["stretches"] if state == "loop")
        assert len(turns) > 2
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(turns))


def test_stretches_of_a_task_follow_each_other_without_a_gap(played):
    for found in played.values():
        lanes: dict[str, list[tuple[int, int]]] = {}
        for task, _, start, end in found["stretches"]:
            lanes.setdefault(task, []).append((start, end))
        assert all(a[1] == b[0] for lane in lanes.values() for a, b in pairwise(lane))


def test_what_is_only_awaited_is_no_task(played):
    assert {task for task, *_ in played["await"]["stretches"]} == {CALLER}
    assert {task for task, *_ in played["task, await"]["stretches"]} == {CALLER, *TASKS}


@pytest.mark.measured
def test_waits_that_are_awaited_add_up_and_gathered_ones_do_not(played):
    waits_s = [each * UNIT_S for each in _scenes.WAITS]
    assert took_s(played, "await") >= sum(waits_s)
    assert took_s(played, "task, await") >= sum(waits_s)
    for together in set(arrangements()) - {"await", "task, await", "Semaphore(2)", "Queue"}:
        assert took_s(played, together) >= max(waits_s)
        assert max(beginnings(played, together)) < min(at for *_, at in played[together]["ends"])


def beginnings(played: dict[str, object], scene: str) -> list[int]:
    """When each of the tasks first had the loop."""
    turns = [(task, start) for task, state, start, _ in played[scene]["stretches"] if state == "loop"]
    return [min(start for task, start in turns if task == wanted) for wanted in TASKS]


def test_a_semaphore_for_two_keeps_the_third_waiting(played):
    assert took_s(played, "Semaphore(2)") >= (1 + 1.5) * UNIT_S


def test_two_workers_share_what_comes_through_a_queue(played):
    assert took_s(played, "Queue") >= (1 + 1.5) * UNIT_S
    assert {task for task, *_ in played["Queue"]["stretches"]} == {CALLER, *WORKERS}
    assert ends(played, "Queue") == dict.fromkeys(
        WORKERS, "cancelled"
    )  # who waits at it for ever is told to go


def test_a_worker_does_one_job_after_another():
    done: list[tuple[str, str]] = []

    class Noted(_scenes.Cast):
        async def job(self, name: str) -> str:
            worker = asyncio.current_task().get_name()
            done.append((worker, f"begins {name}"))
            await super().job(name)
            done.append((worker, f"ends {name}"))
            return name

    perform(lambda: _scenes.PLAYS["Queue"](Noted(UNIT_S, LOOPS, asyncio.Event())))
    assert sorted(what for _, what in done) == sorted(
        f"{did} {job}" for did in ("begins", "ends") for job in TASKS
    )
    for worker in WORKERS:
        jobs = [what.split() for who, what in done if who == worker]
        assert [did for did, _ in jobs] == ["begins", "ends"] * (len(jobs) // 2)
        assert all(begun[1] == ended[1] for begun, ended in zip(jobs[::2], jobs[1::2], strict=True))


@pytest.mark.measured
def test_turns_are_as_long_as_what_is_done_in_them():
    async def scene() -> None:
        for _ in range(3):
            time.sleep(0.004)  # noqa: ASYNC251
            await asyncio.sleep(0)

    last_ms = []
    for _ in range(5):  # the machine may come between
        (caller,) = perform(scene).tasks
        took_ms = [round((end - begin) / 1e6, 3) for begin, end, _ in caller.turns()]
        assert len(took_ms) == 4
        assert min(took_ms[:3]) >= 4
        last_ms.append(took_ms[3])
    assert min(last_ms) < 4


@pytest.mark.measured
def test_the_loop_agrees_with_a_task_about_its_turns(monkeypatch):
    """The library's own debug mode times every step of a task, too; the machine may come between."""
    off_s = [loops_count_less_ours_s(monkeypatch) for _ in range(5)]
    assert min(off_s) >= 0
    assert min(off_s) < 0.001


def loops_count_less_ours_s(monkeypatch) -> float:
    slow: list[float] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.01
        await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251
        await asyncio.sleep(0)

    with monkeypatch.context() as patch:
        patch.setattr(asyncio.log.logger, "warning", lambda _, *told: slow.append(float(told[-1])))
        (caller,) = perform(scene).tasks
    return max(slow) - max(end - begin for begin, end, _ in caller.turns()) / 1e9


# The heartbeat


@pytest.mark.parametrize("call", get_args(Call))
def test_every_call_ends_and_leaves_no_thread(call):
    found = beat(call, 0.02, 20_000, 100_000)
    assert found["late"]
    assert min(found["late"]) > -1000
    assert threading.active_count() == 1


@pytest.mark.measured
def test_a_blocking_call_is_late_by_its_length_less_one_beat():
    assert max(beat("time.sleep", 0.08, 1, 1)["late"]) / 1e9 >= 0.08 - BEAT_S
    assert len(beat("time.sleep", 0.08, 1, 1)["late"]) < 12


@pytest.mark.measured
def test_awaiting_and_a_thread_let_the_heart_beat_on():
    for call in ("asyncio.sleep", "sleep, thread"):
        assert max(len(beat(call, 0.08, 1, 1)["late"]) for _ in range(5)) >= 14  # a busy machine skips beats


@pytest.mark.measured
def test_a_call_of_c_code_that_keeps_the_gil_stops_the_loop_from_another_thread():
    _, c_loops = _blocks.loops_for(0.1)
    if gil_enabled():
        late_ns = [max(beat("C call, thread", 0.1, 1, c_loops)["late"]) for _ in range(3)]
        assert max(late_ns) / 1e9 > 0.03


@pytest.mark.measured
def test_the_heart_is_due_from_its_time_on():
    found = beat("time.sleep", 0.04, 1, 1)
    due_ns = max(end - start for lane, state, start, end in found["stretches"] if state == "due")
    assert due_ns == pytest.approx(max(found["late"]), abs=2_000_000)


def test_where_no_pool_of_processes_is_to_be_had_the_other_calls_are_measured(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_blocks, "ProcessPoolExecutor", full)  # as where /dev/shm is full
    with Group() as group:
        subject = group.worker(do)
        rows = [row for repeat in (1, 2) for row in heartbeats(subject, repeat, 0.02, [1, 1])]
    (note,) = [row for row in rows if isinstance(row, Note)]
    assert note == Note(
        "computing, process",
        "This system gives no pool of processes (No space left on device). Everything else ran.",
    )
    assert {row.call for row in rows if isinstance(row, Lag)} == set(get_args(Call)) - {"computing, process"}


# The run


def test_rows_tell_all_scenes_and_all_ends(rows):
    found = [row for row in rows if isinstance(row, Fate)]
    assert {row.scene for row in found} == set(scenes())
    assert all(row.end == row.expected for row in found)
    levels = [(row.task, row.rank) for row in found if (row.scene, row.repeat) == ("three levels", 2)]
    assert levels == [("A", 1), ("B", 2), ("C", 3)]
    assert {row.call for row in rows if isinstance(row, Lag)} == set(get_args(Call))


def test_no_lane_stands_in_a_figure_twice(rows):
    for kind in (Turn, Ending, Pulse):
        lanes = {(row[0], row.lane) for row in rows if isinstance(row, kind)}
        assert len(lanes) == len({lane for _, lane in lanes})


def test_a_run_for_real_is_judged_right(rows):
    said = judged(*rows, block=20)
    assert said.answer in ("one runs, the others wait", "unclear")
    assert not [str(check.claim) for check in said.checks if check.ok is False]


@pytest.mark.parametrize("after", [1, 30, 400])
def test_a_run_that_is_broken_off_leaves_no_process_and_no_descriptor(after):
    experiment = load("coroutines.event_loop")
    before = children(), len(os.listdir("/proc/self/fd"))
    running = experiment.measure(**experiment.parse({}, "quick"))
    for _ in range(after):
        next(running)
    running.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before
    assert threading.active_count() == 1


def test_the_process_of_a_pool_dies_with_the_loop_that_had_it():
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        with _blocks.pool_for("computing, process") as pool:
            os.write(tell, str(pool.submit(os.getpid).result()).encode())
            os.kill(os.getpid(), 9)
    grandchild = int(os.read(told, 20))
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 30
    while state_of(grandchild) not in ("", "Z") and time.monotonic() < deadline:
        time.sleep(0.005)
    left = state_of(grandchild)
    if left not in ("", "Z"):
        os.kill(grandchild, 9)
    os.close(told)
    os.close(tell)
    assert left in ("", "Z")


def state_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


# Verdicts


def whole(arrangement: str, took: float, gain: float) -> list[Whole]:
    return [Whole(arrangement, i, took, gain) for i in (1, 2, 3)]


def lag(call: str, worst_s: float, typical_s: float = 0.0002) -> list[Lag]:
    return [Lag(call, i, 9, worst_s, typical_s) for i in (1, 2, 3)]


TURNS = [
    Turn("gather", "task A in gather", "loop", 0.0, 0.001),
    Turn("gather", "B", "loop", 0.001, 0.002),
]
FATES = [
    Fate("three levels", 1, task, "cancelled", "cancelled", 1.0, True, i) for i, task in enumerate("ABC", 1)
]
WHOLES = [
    *whole("await", 0.1, 1.0),
    *whole("task, await", 0.1, 1.0),
    *whole("gather", 0.045, 2.2),
    *whole("TaskGroup", 0.045, 2.2),
]
LAGS = [
    *lag("nothing", 0.0005),
    *lag("asyncio.sleep", 0.0005),
    *lag("time.sleep", 0.057),
    *lag("sleep, thread", 0.0006),
    *lag("computing, turns", 0.004),
    *lag("computing, thread", 0.011),
    *lag("C call, thread", 0.058),
    *lag("computing, process", 0.001),
]
GOOD = [*TURNS, *FATES, *WHOLES, *LAGS]


def judged(*found: object, gil: bool = True, block: float = 60):
    return verdict(record(*found, gil=gil, block=block))


def record(*found: object, gil: bool = True, block: float = 60) -> Record:
    machine = Machine(**(Machine.here().as_json() | {"gil": gil}))
    return Record(machine, {"wait": 20, "work": 1, "block": block, "repeats": 3}, found)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (
            {"gil": False},
            "a thread leaves the heartbeat 8.00\u00a0ms late: there is no GIL",
        ),
        ({"implementation": "PyPy"}, "leaves the heartbeat 8.00\u00a0ms late in a thread: PyPy runs it as"),
    ],
)
def test_what_is_said_of_the_gil_is_said_of_the_one_that_is_there(known, told):
    cured = [row for row in GOOD if getattr(row, "call", "") != "C call, thread"]
    measured = record(*cured, *lag("C call, thread", 0.008))
    measured.machine = dataclasses.replace(measured.machine, **known)
    checks = verdict(measured).checks
    assert [check.ok for check in checks if told in str(check.claim)] == [True]
    assert "keeps the GIL" not in " ".join(str(check.claim) for check in checks)


def test_waits_that_overlap_and_turns_that_do_not_are_told():
    said = judged(*GOOD)
    assert said.answer == "one runs, the others wait"
    assert "100\u00a0ms awaited one after another, and 45.0\u00a0ms gathered" in str(said.headline)
    assert str(said.headline).endswith("A blocking call of 60.0\u00a0ms made all others 57.0\u00a0ms late.")
    assert [check.ok for check in said.checks] == [True] * len(said.checks)
    assert len(said.checks) == 5 + len(LAG_CLAIMS) + 1
    assert said.doubts == ()


def test_two_turns_at_once_contradict_what_is_known():
    said = judged(*GOOD, Turn("gather", "C", "loop", 0.0015, 0.003))
    assert (said.answer, said.checks[0].ok) == ("unclear", False)
    assert "at the same time" in str(said.headline)


def test_turns_of_two_loops_may_overlap():
    said = judged(*GOOD, Turn("await", "C", "loop", 0.0015, 0.003), Ending("three levels", "A", "loop", 0, 1))
    assert said.checks[0].ok is True


def test_an_end_that_is_not_documented_is_named():
    odd = Fate("gather, one fails", 2, "C", "finished", "cancelled", 1.0, True, 1)
    said = judged(*GOOD, odd)
    assert said.answer == "unclear"
    assert "The task C of “gather, one fails” was cancelled and not finished" in str(said.headline)
    assert [check.ok for check in said.checks][3] is False


def test_levels_in_another_order_are_wrong():
    shuffled = [replaced(fate, rank=rank) for fate, rank in zip(FATES, (2, 1, 3), strict=True)]
    assert judged(*TURNS, *shuffled, *WHOLES, *LAGS).checks[4].ok is False


def replaced(row: Fate, **values: object) -> Fate:
    return row._replace(**values)


def test_a_heartbeat_that_is_late_beside_nothing_says_that_it_had_no_core():
    crowded = [*lag("nothing", 0.05), *[row for row in LAGS if row.call != "nothing"]]
    said = judged(*TURNS, *FATES, *WHOLES, *crowded)
    assert (said.answer, "it had no core. Nothing seen here tells why." in str(said.headline)) == (
        "unclear",
        True,
    )


@pytest.mark.parametrize("gains", [(0.9, 1.0, 1.1), (0.9, 2.0, 2.2)])
def test_gathered_waits_that_were_not_quicker_for_sure_are_unclear(gains):
    slow = [Whole("gather", i, 0.1, gain) for i, gain in enumerate(gains, 1)]
    said = judged(*TURNS, *FATES, *[row for row in WHOLES if row.arrangement != "gather"], *slow, *LAGS)
    assert (said.answer, "spread too far" in str(said.headline)) == ("unclear", True)


def test_a_blocking_call_that_blocked_nobody_is_wrong():
    idle = [*lag("time.sleep", 0.05), *[row for row in LAGS if row.call != "time.sleep"]]
    assert [check.ok for check in judged(*TURNS, *FATES, *WHOLES, *idle).checks][5] is False


def test_a_cure_that_was_late_leaves_it_open_and_is_not_called_wrong():
    late = [*lag("computing, process", 0.05), *[row for row in LAGS if row.call != "computing, process"]]
    said = judged(*TURNS, *FATES, *WHOLES, *late)
    assert said.answer == "one runs, the others wait"
    assert [check.ok for check in said.checks].count(None) == 1


def test_without_a_gil_a_thread_has_none_to_wait_for():
    claims = [str(check.claim) for check in judged(*GOOD, gil=False).checks]
    assert any("there is no GIL to wait for" in claim for claim in claims)


def test_a_python_without_task_groups_says_so():
    old = [row for row in WHOLES if row.arrangement != "TaskGroup"]
    (doubt,) = judged(*TURNS, *FATES, *old, *LAGS).doubts
    assert str(doubt).startswith("This Python has no TaskGroup, which came with 3.11")


def test_a_run_that_was_stopped_early_is_unclear():
    assert judged(*[row for row in GOOD if getattr(row, "repeat", 1) < 3]).answer == "unclear"
    assert judged(*TURNS, *FATES, *WHOLES).answer == "unclear"


def test_rows_that_fit_contradict_nothing():
    assert contradiction(record(*GOOD), {"nothing": [0.0005]}) is None


def test_what_was_guessed_is_the_middle_of_the_largest_lags():
    mixed = [Lag("time.sleep", i, 9, late_s, 0) for i, late_s in enumerate((0.05, 0.06, 0.02), 1)]
    assert worst_lags(record(*mixed)) == {"time.sleep": 0.05}
