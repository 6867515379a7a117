"""Real processes that talk by every way, what they leave behind, and verdicts on known rows."""

import contextlib
import ctypes
import glob
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.ipc import channels
from experiments.ipc._channels import bulk as _bulk
from experiments.ipc._channels import ways
from experiments.ipc._channels.bulk import STREAMS, pusher
from experiments.ipc._channels.price import RAW, SPINNING, pipe_on_two_cores
from experiments.ipc._channels.talk import END, talker
from experiments.ipc._channels.ways import WAYS, Missing, make
from experiments.ipc.channels import (
    Absent,
    Apart,
    Together,
    Trip,
    cores_for,
    cost,
    measure,
    pieces_of,
    sizes_up_to,
    verdict,
)
from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import load
from experiments.kit.stats import median
from experiments.kit.subjects.subjects import Group, SubjectDied

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="some of the ways are Linux's own")

CORE = min(os.sched_getaffinity(0))
ONE_US = dict.fromkeys(WAYS, 10.0) | {"shared memory": 5.0, SPINNING: 8000.0, "mp Queue": 50.0}
TWO_US = dict.fromkeys(WAYS, 50.0) | {SPINNING: 1.0}


def record_of(one=ONE_US, two=TWO_US, rounds=4, cores=2, large=3000.0, absent=()) -> Record:
    rows: list[tuple] = [
        Trip(number, way, placement, 10, us * (1 + number / 100) * 1e-6, 1e-3)
        for number in range(rounds)
        for placement, took in (("one core", one), ("two cores", two))
        for way, us in took.items()
    ]
    for number in range(rounds):
        rows += [
            Apart(number, stream, 1 << 20, rate + number)
            for stream, rate in (("pipe", 500.0), ("pipe, 1 MiB", large))
        ]
    rows += absent
    machine = Machine(**(Machine.here().as_json() | {"cores": cores}))
    return Record(machine, {}, rows)


# -- the verdict ------------------------------------------------------------------------------


def test_the_place_counts_for_more():
    said = verdict(record_of())
    assert said.answer == "where they run counts for more than how they talk"
    assert "A second core made a typical way 5.00× as dear" in str(said.headline)
    assert "a typical way is 2.00× as dear as the cheapest" in str(said.headline)
    assert [check.ok for check in said.checks] == [True] * 4
    assert said.doubts == ()


def test_where_another_core_costs_nothing_the_way_counts_for_more():
    said = verdict(record_of(two=dict(ONE_US)))
    assert said.answer == "how they talk counts for more than where they run"


def test_ways_that_carry_nothing_are_not_compared_with_those_that_carry_a_message():
    wakers = dict.fromkeys(("eventfd", "semaphore", "signal"), 0.1)
    said = verdict(record_of(one=ONE_US | wakers))
    assert "a typical way is 2.00× as dear as the cheapest" in str(said.headline)
    assert "A second core made a typical way 5.00× as dear" in str(said.headline)


def test_where_both_count_the_same_it_is_unclear():
    two = {way: us * 2 for way, us in ONE_US.items()}
    assert verdict(record_of(two=two)).answer == "unclear"


def test_two_rounds_are_too_few():
    assert verdict(record_of(rounds=2)).answer == "unclear"


def test_on_a_machine_with_one_core_the_half_that_needs_one_is_a_full_answer():
    said = verdict(record_of(two={}, cores=1))
    assert (said.answer, "On the only core" in str(said.headline)) == ("on one core sleep, never spin", True)
    assert len(said.checks) == 3  # none of two cores but the bulk of this record


def test_a_buffer_that_brings_nothing_is_not_praised():
    assert [check.ok for check in verdict(record_of(large=400.0)).checks][-1] is False
    assert [check.ok for check in verdict(record_of(large=500.0)).checks][-1] is None


@pytest.mark.parametrize(
    ("one", "two"),
    [(ONE_US, TWO_US | {SPINNING: 40.0}), (ONE_US | {SPINNING: 7.0}, TWO_US)],
    ids=["apart", "together"],
)
def test_a_small_difference_proves_nothing_about_spinning(one, two):
    told = [check for check in verdict(record_of(one=one, two=two)).checks if "spin" in str(check.claim)]
    assert sorted(str(check.ok) for check in told) == ["None", "True"]


def test_a_way_that_could_not_be_had_is_told():
    said = verdict(record_of(absent=[Absent("System V queue", "EPERM")]))
    assert [str(doubt) for doubt in said.doubts] == ["System V queue could not be had here (EPERM)."]


def test_a_way_that_is_missing_in_one_placement_is_not_compared():
    two = {way: us for way, us in TWO_US.items() if way != "TCP"}
    assert verdict(record_of(two=two)).answer == "unclear"


def test_the_guess_is_about_the_pipe_on_two_cores():
    assert pipe_on_two_cores(record_of(rounds=3))["value"] == pytest.approx(50.5e-6)
    assert pipe_on_two_cores(record_of(two={})) == {}


# -- talking ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 64, 5000, 100_000])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_sent_comes_back_by_every_way(way, size):
    with Group() as group:
        one = group.worker(talker(way, size))
        one.ask()
        why = one.answer()
        if why:
            expected = size > 8192 if "queue" in way else size > 65_507
            assert (why, expected) == ("EMSGSIZE", True)
            assert way == "UDP" or "queue" in way
            return
        one.ask(CORE, CORE, 3 if way != SPINNING else 1)
        median_ns, p95_ns = one.answer()
        assert 0 < median_ns <= p95_ns
        one.ask(END)
        one.answer()


@pytest.mark.parametrize(
    "way", ["pipe", "FIFO", "Unix", "UDP", "TCP", "POSIX queue", "shared memory", "mp Pipe"]
)
def test_a_message_waits_until_it_is_taken(way):
    """Within one process: what was sent is there, and is taken once."""
    with Group() as group:
        worker = group.worker(lambda: there_and_back_alone(way))
        worker.ask()
        assert worker.answer() is True


def there_and_back_alone(way) -> bool:
    ends = make(way, 64)
    for _ in range(3):
        ends.send()
        ends.hear()
        ends.reply()
        ends.receive()
    return True


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("size", "pieces"), [(64, 500), (100_000, 7)])
def test_all_that_is_pushed_arrives(stream, size, pieces):
    with Group() as group:
        one = group.worker(pusher(stream, 100_000))
        one.ask()
        assert one.answer() == ""
        one.ask(CORE, CORE, size, pieces)
        assert one.answer() > 0
        one.ask(END)
        one.answer()


@pytest.mark.parametrize("stream", ["pipe", "Unix", "shared memory", "mp Pipe"])
def test_what_arrives_is_what_was_pushed(stream):
    with Group() as group:
        worker = group.worker(lambda: arrives_whole(stream))
        worker.ask()
        assert worker.answer() is True


def arrives_whole(stream) -> bool:
    line, buffer = _bulk.MAKERS[stream](64), memoryview(bytearray(64))
    for fill in (7, 8, 9):
        line.push(bytes([fill]) * 64)
        line.take(buffer, 1)
        if bytes(buffer) != bytes([fill]) * 64:
            return False
    return True


def test_a_pipe_that_may_not_be_made_larger_is_missing_and_not_drawn_as_if_it_were(monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(_bulk.fcntl, "fcntl", refused)
    rows = list(measure(size=1, trips=40, largest=1 << 10, repeats=3))
    assert [row for row in rows if isinstance(row, Absent)] == [Absent("pipe, 1 MiB", "EPERM", "bulk")]
    assert "pipe, 1 MiB" not in {row.stream for row in rows if isinstance(row, Apart | Together)}


def test_a_way_that_is_missing_in_bulk_may_have_carried_messages(monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(_bulk.MAKERS, "shared memory", full)
    rows = list(measure(size=1, trips=40, largest=1 << 10, repeats=3))
    record = Record(Machine.here(), {}, [row for row in rows if not isinstance(row, Progress)])
    assert "shared memory" in {row.way for row in record[Trip]}
    assert [str(doubt) for doubt in verdict(record).doubts] == [
        "shared memory could not be had here in bulk (ENOSPC)."
    ]


def test_an_error_of_the_system_is_a_way_that_is_missing(monkeypatch):
    def refused(_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setitem(ways.MAKERS, "pipe", refused)
    with pytest.raises(Missing, match="EPERM"):
        make("pipe", 64)


def test_a_failed_call_of_the_c_library_is_an_error():
    ctypes.set_errno(11)
    with pytest.raises(BlockingIOError):
        ways.checked(-1)


# -- nothing is left --------------------------------------------------------------------------


def objects() -> set[str]:
    """What has a name in the system, as files and other tools see it; other programs come and go."""
    ipcs = ["ipcs", "-q", "-s", "-m"]
    listed = subprocess.run(ipcs, capture_output=True, text=True).stdout if shutil.which("ipcs") else ""
    return {
        *listed.splitlines(),
        *glob.glob("/dev/shm/*oscope*"),
        *glob.glob("/dev/shm/sem.*"),
        *glob.glob("/dev/mqueue/*oscope*"),
        *(one for one in Path("/proc/net/unix").read_text().split() if "@oscope" in one),
        *Path("/proc/sysvipc/msg").read_text().splitlines(),
    }


def mine() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


def until(holds, seconds=30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return False


def nothing_is_left(before: set[str]) -> bool:
    """What is new may be another program's, which takes it away; what we left would stay for ever."""
    new = objects() - before
    return until(lambda: not new & objects())


def test_a_run_that_is_stopped_leaves_nothing():
    named, before = objects(), (mine(), len(os.listdir("/proc/self/fd")))
    running = measure(trips=40, repeats=3)
    next(row for row in running if isinstance(row, Trip))
    assert len(mine()) == len(before[0]) + len(WAYS) + len(STREAMS)
    running.close()
    assert (mine(), len(os.listdir("/proc/self/fd"))) == before
    assert nothing_is_left(named)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "signal"])
def test_a_process_that_is_killed_takes_the_other_one_and_the_objects_with_it(way):
    before = objects()
    with Group() as group:
        one = group.worker(talker(way, 64))
        one.ask()
        if one.answer():
            pytest.skip("this way cannot be had here")
        with open(f"/proc/{one.pid}/task/{one.pid}/children") as file:
            others = file.read().split()
        assert len(others) == (2 if way == "mp Manager" else 1)
        os.kill(one.pid, signal.SIGKILL)
        one.reap()
        assert until(lambda: not any(alive(pid) for pid in others))
        assert nothing_is_left(before)


def test_what_has_a_name_loses_it_at_once():
    with Group() as group:
        worker = group.worker(names_that_are_left)
        worker.ask()
        queue_errors, fifos, semaphores = worker.answer()
    assert queue_errors == [2, 2]  # ENOENT
    assert fifos == [True] * 2
    assert semaphores == []


def names_that_are_left() -> list[object]:
    """In a child: opening the queues by name, whether the FIFOs are deleted, named memory and semaphores."""
    for way in ("POSIX queue", "FIFO", "semaphore", "shared memory"):
        make(way, 64)
    errors = []
    for which in ("there", "back"):
        name = f"/oscope-{os.getpid()}-{which}".encode()
        opened = ways.queues().mq_open(name, os.O_RDWR)
        errors.append(ctypes.get_errno() if opened < 0 else 0)
    open_files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if is_open(fd)]
    fifos = [path.endswith("(deleted)") for path in open_files if "/fifo" in path]
    return [errors, fifos, glob.glob("/dev/shm/sem.*")]


def is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


def alive(pid) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_the_end_is_told_to_those_that_are_left_even_if_one_has_died():
    before = mine()
    running = measure(trips=40, repeats=3)
    next(row for row in running if isinstance(row, Trip))
    os.kill(int(mine()[-1]), signal.SIGKILL)
    with contextlib.suppress(SubjectDied):
        running.close()
    assert mine() == before


# -- the plan ---------------------------------------------------------------------------------


def test_pieces_go_up_to_the_largest():
    assert sizes_up_to(1 << 10) == [64, 1 << 10]
    assert sizes_up_to(16 << 20)[-2:] == [4 << 20, 16 << 20]
    assert [pieces_of(size) for size in (64, 1 << 20, 16 << 20)] == [500, 2, 2]


def test_sides_swap_their_cores_from_round_to_round(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 9})
    assert cores_for(0) == {"one core": (3, 3), "two cores": (3, 9)}
    assert cores_for(1) == {"one core": (9, 9), "two cores": (9, 3)}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert cores_for(0) == {"one core": (3, 3)}


def test_the_dearest_run_is_refused_or_has_its_price():
    experiment = load("ipc.channels")
    assert cost(1 << 20, 5000, 16 << 20, 20) > 600
    assert cost(**experiment.parse({})) < 10


# -- for real ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return list(measure(trips=60, largest=128 << 10, repeats=3))


def test_every_way_was_measured_in_every_placement(rows):
    missing = {row.way for row in rows if isinstance(row, Absent)}
    seen = [(row.way, row.placement) for row in rows if isinstance(row, Trip)]
    expected = {(way, placement) for way in WAYS if way not in missing for placement in cores_for(0)}
    assert {one: seen.count(one) for one in seen} == dict.fromkeys(expected, 3)
    assert missing <= {"System V queue", "POSIX queue"}
    bulk = [row for row in rows if isinstance(row, Apart | Together)]
    assert len(bulk) == 3 * len(STREAMS) * len(sizes_up_to(128 << 10)) * len(cores_for(0))
    assert all(row.throughput_mib > 0 for row in bulk)
    assert any(isinstance(row, Progress) for row in rows)


def test_the_verdict_of_a_real_run_is_finite_and_has_its_checks(rows):
    said = verdict(Record(Machine.here(), {}, [row for row in rows if not isinstance(row, Progress)]))
    assert said.answer in (
        "where they run counts for more than how they talk",
        "how they talk counts for more than where they run",
        "unclear",
    )
    assert all(0 < value.number < 1e6 for value in said.headline.values.values())


@pytest.mark.measured
def test_who_spins_on_one_core_waits_for_the_scheduler(rows):
    spun = [row.trip_s for row in rows if isinstance(row, Trip) and row[1:3] == (SPINNING, "one core")]
    slept = [row.trip_s for row in rows if isinstance(row, Trip) and row[1:3] == ("semaphore", "one core")]
    assert max(spun) > 10 * median(slept)  # another program may come between and so let both run


@pytest.mark.measured
def test_a_pipe_costs_what_another_tool_says():
    """perf's own ping-pong in C on the same core; ours is Python's and takes one to two times as long.

    In CPU time, which a busy machine stretches less than the time on the wall.
    """
    ratios = [ours_us() / perfs_us() for _ in range(3)]
    assert 0.7 < median(ratios) < 3


def ours_us() -> float:
    return (ours_ns(6000) - ours_ns(100)) / 5900 / 1000


def ours_ns(trips: int) -> int:
    """CPU time of both sides."""
    with Group() as group:
        one = group.worker(talker("pipe", 4))
        one.ask()
        one.answer()
        one.ask(CORE, CORE, trips)
        one.answer()
        one.ask(END)
        one.answer()
        os.kill(one.pid, signal.SIGTERM)
        return one.reap().run_ns


def perfs_us() -> float:
    return (perfs_s(20_000) - perfs_s(100)) / 19_900 * 1e6


def perfs_s(loops: int) -> float:
    """CPU time of `perf bench sched pipe`, with its two processes on one core."""
    command = ["taskset", "-c", str(CORE), "perf", "bench", "sched", "pipe", "-l", str(loops)]
    before = os.times()
    try:
        done = subprocess.run(command, capture_output=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("there is no perf or taskset")
    if done.returncode:
        pytest.skip("perf has no bench here")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.fixture(scope="module")
def bulk(tmp_path_factory) -> str:
    """The same transport in C."""
    program = str(tmp_path_factory.mktemp("bulk") / "bulk")
    source = str(Path(__file__).with_name("bulk.c"))
    if not (shutil.which("cc") and shutil.which("taskset")):
        pytest.skip("there is no C compiler or taskset")
    subprocess.run(["cc", "-O2", "-pthread", "-o", program, source], check=True)
    return program


@pytest.mark.parametrize("stream", [stream for stream in STREAMS if stream != "mp Pipe"])
@pytest.mark.measured
def test_bulk_costs_what_it_costs_in_c(bulk, stream):
    """CPU time on one core, of pieces so large that the calls of Python hardly count."""
    ratios = [pushed_ns(stream) / cs_ns(bulk, stream) for _ in range(7)]
    assert 0.65 < median(ratios) < 1.9


PIECE_B, PIECES = 256 << 10, 250


def pushed_ns(stream: str) -> float:
    return (bulk_ns(stream, 2 * PIECES) - bulk_ns(stream, PIECES)) / PIECES


def bulk_ns(stream: str, pieces: int) -> int:
    """CPU time of both sides."""
    with Group() as group:
        one = group.worker(pusher(stream, PIECE_B))
        for job in ((), (CORE, CORE, PIECE_B, pieces), (END,)):
            one.ask(*job)
            one.answer()
        os.kill(one.pid, signal.SIGTERM)
        return one.reap().run_ns


def cs_ns(bulk: str, stream: str) -> float:
    def took_us(pieces: int) -> int:
        command = ["taskset", "-c", str(CORE), bulk, stream, str(PIECE_B), str(pieces)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    return 1000 * (took_us(2 * PIECES) - took_us(PIECES)) / PIECES


def test_raw_ways_are_those_of_the_kernel():
    assert not [way for way in RAW if way == SPINNING or way.startswith("mp")]
    assert set(ways.MAKERS) == set(WAYS)
    assert channels.FEW < 40
