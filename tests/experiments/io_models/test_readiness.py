"""What epoll, poll and select promise and cost: exact facts, real waits, verdicts on known rows."""

import os
import resource
import select
import socket
import subprocess
import sys

import pytest

from experiments.io_models import readiness
from experiments.io_models._readiness import semantics as _semantics
from experiments.io_models._readiness import watch
from experiments.io_models._readiness.growth import PROMISES, typical
from experiments.io_models._readiness.semantics import EXPECTED, FACTS, FD_SETSIZE
from experiments.io_models._readiness.watch import METHODS, RESERVE, one_wake, time_waits, watcher, way
from experiments.io_models.readiness import (
    LADDER,
    MOST,
    Crowded,
    Limit,
    Promise,
    Served,
    Waited,
    cost,
    measure,
    steps_of,
    verdict,
)
from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import ParameterError, load
from experiments.kit.subjects.subjects import Group

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's own")

POLL_US, EPOLL_US = {10: 2.0, 5000: 800.0}, {10: 1.0, 5000: 1.2}


def record_of(poll=POLL_US, epoll=EPOLL_US, crowd=(0.14, 0.3), rounds=4, facts=(), limit=None) -> Record:
    rows: list[tuple] = [
        Waited(number, method, watched, 1, (us + number / 100) * 1e-6, 1e-6)
        for number in range(rounds)
        for method, took in (("poll", poll), ("epoll", epoll))
        for watched, us in took.items()
    ]
    for number in range(rounds):
        rows += [
            Crowded(number, m, 5000, us * (1 + number / 100) * 1e-6, 1e-6)
            for m, us in zip(("poll", "epoll"), crowd, strict=True)
        ]
        rows += [Served(number, m, 1000, us * 1e-6, 1e-4) for m, us in (("poll", 60.0), ("epoll", 7.0))]
    seen = EXPECTED | dict(facts)
    for fact in FACTS:
        rows += [Promise(fact, "expected", EXPECTED[fact]), Promise(fact, "seen", seen[fact])]
    rows += [limit] if limit else []
    return Record(Machine.here(), {}, rows)


# -- the verdict ------------------------------------------------------------------------------


def test_poll_climbs_and_epoll_does_not():
    said = verdict(record_of())
    assert said.answer == "epoll does not pay for those that are silent"
    assert str(said.headline).startswith("With 5\u2009000 instead of 10 descriptors a wait took 39")
    assert all(check.ok for check in said.checks)
    assert len(said.checks) == 2 + len(PROMISES)


def test_an_epoll_that_climbs_is_told_as_such():
    said = verdict(record_of(epoll={10: 1.0, 5000: 500.0}))
    assert said.answer == "epoll pays for those that are silent, too"


def test_a_poll_that_does_not_climb_is_told_as_such():
    assert verdict(record_of(poll={10: 2.0, 5000: 2.1})).answer == "neither pays for those that are silent"


@pytest.mark.parametrize(
    ("poll", "epoll"), [(7.0, 1.2), (800.0, 3.5)], ids=["poll climbs a little", "epoll does, too"]
)
def test_what_lies_between_is_unclear(poll, epoll):
    said = verdict(record_of({10: 2.0, 5000: poll}, {10: 1.0, 5000: epoll}))
    assert said.answer == "unclear"


def test_two_rounds_are_too_few():
    said = verdict(record_of(rounds=2))
    assert (said.answer, "takes 3 rounds" in str(said.headline)) == ("unclear", True)


@pytest.mark.parametrize(("crowd", "ok"), [((0.14, 0.30), True), ((0.30, 0.14), False), ((0.20, 0.20), None)])
def test_in_a_crowd_the_quicker_one_is_told(crowd, ok):
    assert verdict(record_of(crowd=crowd)).checks[0].ok is ok


def test_a_guess_is_held_against_the_median_of_the_rounds():
    assert typical(record_of())["poll@5000"] == pytest.approx(800.015e-6)
    places = [point.x for point in readiness.guess.points({"descriptors": 5000, "ready": 1})]
    assert places == [10, 100, 5000] * 2


def test_without_many_silent_ones_nothing_is_told_of_them():
    said = verdict(record_of({100: 8.0, 900: 30.0}, {100: 15.0, 900: 15.0}))
    assert (said.answer, "at least 10 times as many" in str(said.headline)) == ("unclear", True)


def test_only_waits_with_as_many_ready_ones_are_compared():
    rows = list(measure(descriptors=300, ready=20, idle=10, wakes=10, repeats=3))
    assert {row.watched for row in rows if isinstance(row, Waited)} == {30, 100, 300}
    assert {row.ready for row in rows if isinstance(row, Waited)} == {20}
    assert {row.watched for row in rows if isinstance(row, Crowded)} == {10, 30, 100, 300}
    places = [point.x for point in readiness.guess.points({"descriptors": 300, "ready": 20})]
    assert places == [20, 100, 300] * 2


def test_a_fact_that_is_not_as_promised_is_told():
    said = verdict(record_of(facts={"edge: bytes stuck": 0}))
    assert [str(check.claim) for check in said.checks if check.ok is False] == [
        "edge: bytes stuck: 7 expected, 0 seen."
    ]


def test_a_limit_that_was_raised_is_told():
    said = verdict(record_of(limit=Limit(1024, 20000, 5100)))
    assert "soft limit of 1\u2009024 descriptors was raised to 5\u2009100" in str(said.checks[-1].claim)
    assert len(verdict(record_of(limit=Limit(8000, 20000, 8000))).checks) == len(said.checks) - 1


def test_where_select_ends_is_told():
    record = record_of()
    record[Waited].append(Waited(0, "select", 1000, 1, 1e-4, 1e-4))
    assert any("Select was measured up to 1\u2009000" in str(check.claim) for check in verdict(record).checks)


# -- the facts --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def facts():
    with Group() as group:
        trial = group.worker(_semantics.find_out)
        trial.ask()
        return trial.answer()


@pytest.mark.parametrize("fact", FACTS)
def test_what_is_promised_is_exact(facts, fact):
    assert facts.get(fact, EXPECTED[fact]) == EXPECTED[fact]


def test_seven_bytes_are_stuck_at_the_edge_and_none_at_the_level():
    assert _semantics.by_threes(select.EPOLLET) == (1, 7, 1)
    assert _semantics.by_threes(0) == (4, 0, 1)


def test_finding_out_leaves_no_descriptor(facts):
    before = os.listdir("/proc/self/fd")
    _semantics.closed_with_a_twin()
    _semantics.one_shot()
    _semantics.told_at_once(50)
    _semantics.writable(0)
    assert os.listdir("/proc/self/fd") == before


def test_facts_that_need_more_descriptors_than_are_allowed_are_left_out():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400));"
        "from experiments.io_models._readiness import semantics as s;"
        "from experiments.io_models import readiness as r;"
        "print(len(s.FACTS) - len(s.find_out()), r.MOST, r.steps_of(r.USUAL))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "2 300 [10, 30, 100, 300]"


# -- waiting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_way_tells_exactly_those_that_are_ready(method):
    pairs = [socket.socketpair() for _ in range(20)]
    fds = [here.fileno() for here, _ in pairs]
    with way(method, fds) as wait:
        for number in (3, 17):
            pairs[number][1].send(b"x")
        assert sorted(wait()) == sorted([fds[3], fds[17]])
    for here, there in pairs:
        here.close()
        there.close()


@pytest.mark.parametrize("method", ["poll", "epoll", "epoll edge", "selectors"])
def test_a_wake_reads_all_that_were_made_ready(method):
    fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(30)]
    with way(method, fds) as wait:
        assert one_wake(wait, fds[:12]) > 0
    for fd in fds:
        with pytest.raises(BlockingIOError):
            os.read(fd, 8)
        os.close(fd)


def test_select_takes_no_number_above_its_size_and_says_nothing():
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= FD_SETSIZE + 1:
        pytest.skip("this process may not have so many descriptors")
    high = os.dup2(os.eventfd(0), FD_SETSIZE + 1)
    assert time_waits("select", [high], 1, 10, 0) is None
    os.close(high)


@pytest.mark.measured
def test_a_poll_of_many_is_dearer_than_of_few_and_an_epoll_is_not():
    with Group() as group:
        worker = group.worker(watcher(800))
        worker.ask()
        worker.answer()

        def took(method, watched):
            worker.ask(method, watched, 1, 40, 1)
            return worker.answer()[0]

        poll = min(took("poll", 800) / took("poll", 10) for _ in range(3))
        epoll = min(took("epoll", 800) / took("epoll", 10) for _ in range(3))
    assert poll > 4 > 3 > epoll


def test_the_limit_is_raised_in_the_process_that_opens_and_nowhere_else():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    if hard != resource.RLIM_INFINITY and hard < 600:
        pytest.skip("the hard limit is too low")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        with Group() as group:
            worker = group.worker(watcher(400))
            worker.ask()
            assert worker.answer() == [300, 400 + RESERVE]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- bounds -----------------------------------------------------------------------------------


def test_what_the_hard_limit_does_not_allow_is_refused_again_in_the_child(monkeypatch):
    monkeypatch.setattr(readiness, "hard_limit", lambda: 1000)
    with pytest.raises(ParameterError, match=r"descriptors: 950 would take 950 descriptors; .* leaves 900"):
        next(measure(descriptors=950, idle=10))
    with pytest.raises(ParameterError, match="idle: 500 would take 1000 descriptors"):
        next(measure(descriptors=100, idle=500))


def test_a_hard_limit_that_leaves_nothing_is_told_as_nothing(monkeypatch):
    monkeypatch.setattr(readiness, "hard_limit", lambda: 40)
    with pytest.raises(ParameterError, match="the hard limit leaves 0 "):
        readiness.check_room(100, 10)


def test_a_low_limit_shortens_what_is_usual_and_is_told():
    """In a process of its own: the bounds are found when the experiment is loaded."""
    script = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from experiments.kit.spec import load
experiment = load("io_models.readiness")
params = experiment.parse({"wakes": 10, "repeats": 3})
rows = [row for row in experiment.measure(**params) if type(row).__name__ != "Progress"]
from experiments.kit import Machine, Record
said = experiment.verdict(Record(Machine.here(), params, rows))
print(params["descriptors"], params["idle"], *said.doubts)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("24 12 A process may have 64 descriptors here (`ulimit -Hn`), so 24 were")


def test_the_bounds_follow_the_machine():
    experiment = load("io_models.readiness")
    with pytest.raises(ParameterError, match=f"descriptors: {MOST + 1} is outside 100 to {MOST}"):
        experiment.parse({"descriptors": MOST + 1})
    assert max(100, watch.hard_limit() - RESERVE) >= MOST
    assert steps_of(100) == [10, 30, 100]
    assert steps_of(20_000) == [*LADDER, 20_000]


def test_the_most_that_can_be_asked_for_has_its_price():
    assert cost(20_000, 1, 10_000, 200, 30) > 60


# -- for real ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return list(measure(descriptors=1500, ready=1, idle=300, wakes=15, repeats=3))


def test_every_way_was_measured_at_every_step(rows):
    waited = [(row.method, row.watched) for row in rows if isinstance(row, Waited)]
    for watched in steps_of(1500):
        ways = [method for method, at in waited if at == watched]
        assert {ways.count(method) for method in METHODS[1:]} == {3}
    assert not [1 for method, watched in waited if method == "select" and watched > 1024]
    assert [1 for method, watched in waited if method == "select" and watched >= 300]
    assert len([row for row in rows if isinstance(row, Crowded)]) == len(waited)
    assert all(row.wait_s > 0 and row.cpu_s > 0 for row in rows if isinstance(row, Waited))
    assert {(row.method, row.idle) for row in rows if isinstance(row, Served)} == {
        (method, idle) for method in ("poll", "epoll") for idle in (0, 300)
    }
    assert any(isinstance(row, Progress) for row in rows)


def test_the_verdict_of_a_real_run_is_not_wrong(rows):
    said = verdict(Record(Machine.here(), {}, [row for row in rows if not isinstance(row, Progress)]))
    assert said.answer in ("epoll does not pay for those that are silent", "unclear")
    assert not [str(check.claim) for check in said.checks[2:] if not check.ok]


def test_a_run_that_is_stopped_leaves_no_process_and_no_descriptor():
    before = children(), len(os.listdir("/proc/self/fd"))
    running = measure(descriptors=200, idle=20, wakes=10, repeats=3)
    next(row for row in running if isinstance(row, Waited))
    assert len(children()) == len(before[0]) + 3
    running.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()
