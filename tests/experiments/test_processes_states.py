"""A run of real processes, and verdicts on rows whose answer is known."""

import os
import resource
import signal
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.kernel import proc
from experiments.kit.kernel.proc import Task, Times
from experiments.kit.spec import ParameterError, load
from experiments.processes._states import cast
from experiments.processes.states import (
    Share,
    Span,
    Switch,
    Transition,
    check_balance,
    lost_share,
    measure,
    tolerance,
    verdict,
    weights,
)
from tests.sessions import alive

pytestmark = pytest.mark.skipif(bool(proc.missing()), reason=proc.missing() or "-")

CORES = os.sched_getaffinity(0)  # before any run
EIGHT = {"spinner 1", "spinner 2", "sleeper", "talker 1", "talker 2", "syncer", "stopped", "zombie"}


@dataclass
class Ran:
    rows: list[Any]
    progress: list[Progress]
    cpu_s: float
    voluntary: int

    def of(self, row: type) -> list[Any]:
        return [each for each in self.rows if type(each) is row]

    def share(self, process: str) -> Share:
        return next(share for share in self.of(Share) if share.process == process)

    def lane(self, process: str) -> list[Span]:
        return [span for span in self.of(Span) if span.process == process]


def run(folder: Path, **params: Any) -> Ran:
    """Measure in a folder of its own, and what getrusage says of all the children together."""
    home = os.getcwd()
    os.chdir(folder)
    try:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows = list(measure(**params))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    finally:
        os.chdir(home)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(
        [row for row in rows if type(row) is not Progress],
        [row for row in rows if type(row) is Progress],
        cpu_s,
        after.ru_nvcsw - before.ru_nvcsw,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run for all questions; again, if the machine was too busy to look 300 times."""
    for _ in range(5):
        folder = tmp_path_factory.mktemp("room")
        ran = run(folder, seconds=1.5)
        assert list(folder.iterdir()) == []
        if ran.of(Share)[0].looks > 240:
            break
    return ran


@pytest.fixture(scope="module")
def timely(ran):
    """For questions that only a run with its looks in time can answer."""
    if ran.of(Share)[0].looks <= 240:
        pytest.skip(f"the machine is busy: {ran.of(Share)[0].looks} of 300 looks")
    return ran


def test_every_process_has_one_share(ran):
    assert Counter(share.process for share in ran.of(Share)) in (
        Counter(EIGHT),
        Counter(EIGHT - {"syncer"} | {"spawner"}),  # where the temporary folder is kept in memory
    )


def test_the_states_of_every_process_make_up_the_wall_clock(ran):
    for share in ran.of(Share):
        parts = share.running_s + share.ready_s + share.blocked_s + share.stopped_s + share.zombie_s
        assert parts == pytest.approx(share.wall_s, rel=0.02), share


@pytest.mark.measured
def test_books_and_looks_know_the_same_time_off_the_run_queue(timely):
    """The sum above is made to fit by `blocked_s`; this one is not: both sides are measured."""
    for name in ("spinner 1", "spinner 2", "sleeper"):
        share = timely.share(name)
        assert share.running_s + share.ready_s + share.off_queue_s == pytest.approx(share.wall_s, rel=0.05)
    for share in timely.of(Share):
        off = share.running_s + share.ready_s + share.off_queue_s - share.wall_s
        assert abs(off) / share.wall_s <= tolerance(share), share


@pytest.mark.measured
def test_two_spinners_halve_what_they_get_of_their_core(ran):
    one, two = ran.share("spinner 1"), ran.share("spinner 2")
    assert 0.45 <= one.running_s / (one.running_s + two.running_s) <= 0.55
    lost = lost_share([one, two])
    for share in (one, two):
        assert 0.45 - lost <= share.running_s / share.wall_s <= 0.55
        assert 0.45 <= share.ready_s / share.wall_s <= 0.55 + lost


@pytest.mark.measured
def test_the_sleeper_never_ran(ran):
    sleeper = ran.share("sleeper")
    assert sleeper.running_s < 0.01 * sleeper.wall_s
    assert {span.reason.partition(" ")[0] for span in ran.lane("sleeper")} >= {"clock_nanosleep"}


@pytest.mark.measured
def test_a_stop_lasts_from_signal_to_signal(timely):
    stopped = timely.share("stopped")
    assert stopped.stopped_s == pytest.approx(0.5, abs=0.15)
    (span,) = merged([span for span in timely.lane("stopped") if span.state == "stopped"])
    assert span == pytest.approx((0.5, 1.0), abs=0.15)


@pytest.mark.measured
def test_a_zombie_stays_from_exit_to_the_end(timely):
    assert timely.share("zombie").zombie_s == pytest.approx(1.0, abs=0.3)
    (span,) = merged([span for span in timely.lane("zombie") if span.state == "zombie"])
    assert span == pytest.approx((0.5, 1.5), abs=0.3)


def merged(spans: list[Span]) -> list[tuple[float, float]]:
    """Neighbours as one: a long state comes in a span for every report."""
    joined: list[list[float]] = []
    for span in spans:
        if joined and span.start_s - joined[-1][1] < 1e-6:
            joined[-1][1] = span.end_s
        else:
            joined.append([span.start_s, span.end_s])
    return [(start, end) for start, end in joined]


@pytest.mark.measured
def test_talkers_listen_by_turns(timely):
    for name in ("talker 1", "talker 2"):
        listens = sum(s.end_s - s.start_s for s in timely.lane(name) if s.reason.startswith("read of"))
        assert 0.2 < listens < 1.3
        assert timely.share(name).voluntary > 30


@pytest.mark.measured
def test_running_time_is_what_getrusage_says_of_the_children(ran):
    running_s = sum(share.running_s for share in ran.of(Share))
    assert running_s < ran.cpu_s + 0.02
    assert ran.cpu_s - running_s < 0.25  # spent before the start and on exit


@pytest.mark.measured
def test_voluntary_switches_are_what_getrusage_says_of_the_children(ran):
    voluntary = sum(share.voluntary for share in ran.of(Share))
    assert voluntary == pytest.approx(ran.voluntary, rel=0.05, abs=40)


def test_lanes_have_neither_holes_nor_overlaps(ran):
    for name in EIGHT & {span.process for span in ran.of(Span)}:
        lane = ran.lane(name)
        assert lane[0].start_s <= 0
        assert lane[-1].end_s == pytest.approx(1.5, abs=0.01)
        assert all(b.start_s == pytest.approx(a.end_s, abs=1e-9) for a, b in pairwise(lane))


@pytest.mark.measured
def test_lanes_and_books_tell_the_same_of_spinners(timely):
    for name in ("spinner 1", "spinner 2"):
        drawn = Counter[str]()
        for span in timely.lane(name):
            drawn[span.state] += span.end_s - span.start_s
        share = timely.share(name)  # its wall clock goes on until the books are closed
        assert drawn["running"] / 1.5 == pytest.approx(share.running_s / share.wall_s, abs=0.03)
        assert drawn["ready"] / 1.5 == pytest.approx(share.ready_s / share.wall_s, abs=0.03)


def test_transitions_say_how_they_were_counted(ran):
    kernel = {(t.source, t.target) for t in ran.of(Transition) if t.how == "counted by the kernel"}
    seen = {(t.source, t.target) for t in ran.of(Transition) if t.how == "seen in samples"}
    assert kernel == {
        ("running", "ready"),
        ("ready", "running"),
        ("running", "blocked"),
        ("blocked", "ready"),
    }
    assert {("running", "stopped"), ("stopped", "ready"), ("running", "zombie")} <= seen
    for share in ran.of(Share):
        told = [t for t in ran.of(Transition) if t.process == share.process]
        assert sum(t.count for t in told if t.target == "blocked") == share.voluntary
        assert sum(t.count for t in told if (t.source, t.target) == ("running", "ready")) == share.involuntary


@pytest.mark.measured
def test_switches_come_twice_a_second(timely):
    assert len({row.at_s for row in timely.of(Switch)}) == 3
    assert len(timely.of(Switch)) == 3 * 2 * 8
    spinner = [row for row in timely.of(Switch) if row.process == "spinner 1"]
    assert all(row.per_s > 5 for row in spinner if row.kind == "involuntary")


def test_it_says_how_far_it_is(ran):
    assert [round(p.done, 2) for p in ran.progress] == [0.0, 0.33, 0.67, 1.0]


@pytest.mark.measured
def test_coarse_looks_draw_shares_of_bins(tmp_path):
    ran = run(tmp_path, seconds=0.5, rate=50)
    reasons = {span.reason for span in ran.of(Span)}
    assert reasons == {"share of 40 ms"}
    assert max(span.end_s - span.start_s for span in ran.of(Span)) == pytest.approx(0.04)
    order = [span.state for span in ran.lane("spinner 1")]
    assert {"running", "ready"} <= set(order)


@pytest.mark.measured
def test_a_nice_spinner_gets_what_its_weight_says(tmp_path):
    ran = run(tmp_path, seconds=1.5, nice=10)
    one, two = ran.share("spinner 1"), ran.share("spinner 2")
    assert two.running_s / (one.running_s + two.running_s) == pytest.approx(0.1, abs=0.04)


@pytest.mark.measured
def test_without_a_disk_to_wait_for_a_spawner_is_uninterruptible(tmp_path, monkeypatch):
    monkeypatch.setattr(cast, "fsync_blocks", lambda _: False)
    ran = run(tmp_path, seconds=0.5)
    spawner = ran.share("spawner")
    assert spawner.uninterruptible_s > 0.6 * spawner.wall_s
    assert "spawner" in ran.progress[0].text
    assert list(tmp_path.iterdir()) == []
    assert no_children()


def test_memory_never_lets_a_write_wait(tmp_path):
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        pytest.skip("there is no /dev/shm")
    path = shared / f"oscope-test-{os.getpid()}"
    try:
        assert cast.fsync_blocks(path) is False
    finally:
        path.unlink()


def no_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@pytest.mark.parametrize("without_disk", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 400])
def test_a_run_that_is_broken_off_leaves_nothing(tmp_path, monkeypatch, rows, without_disk):
    monkeypatch.chdir(tmp_path)
    if without_disk:
        monkeypatch.setattr(cast, "fsync_blocks", lambda _: False)
    descriptors = os.listdir("/proc/self/fd")
    measuring = measure(seconds=5)
    for _ in range(rows):
        next(measuring)
    measuring.close()
    assert no_children()
    assert os.sched_getaffinity(0) == CORES
    assert os.listdir("/proc/self/fd") == descriptors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("without_disk", [False, True])
def test_an_observer_that_is_killed_takes_everybody_along(tmp_path, monkeypatch, without_disk):
    monkeypatch.chdir(tmp_path)
    if without_disk:
        monkeypatch.setattr(cast, "fsync_blocks", lambda _: False)
    reader, writer = os.pipe()
    observer = os.fork()
    if observer == 0:
        os.setsid()
        for row in measure(seconds=20):
            if type(row) is Span:
                os.write(writer, b"!")
        os._exit(0)
    os.read(reader, 1)
    assert len(alive(observer)) > 8
    os.kill(observer, signal.SIGKILL)
    os.waitpid(observer, 0)
    deadline = time.monotonic() + 30
    while (left := alive(observer)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    os.close(reader)
    os.close(writer)
    assert left == []


@pytest.mark.measured
def test_a_child_that_was_killed_does_not_break_the_run(tmp_path, monkeypatch):
    """It is a zombie until the end: the books can still be read."""
    monkeypatch.chdir(tmp_path)
    measuring = measure(seconds=1.0)
    rows = [next(measuring) for _ in range(3)]
    sleeper = next(row.pid for row in measuring if type(row) is Span and row.process == "sleeper")
    os.kill(sleeper, signal.SIGKILL)
    rows += list(measuring)
    share = next(row for row in rows if type(row) is Share and row.process == "sleeper")
    assert share.zombie_s > 0.05


def test_more_looks_than_the_observer_can_take_are_refused():
    experiment = load("processes.states")
    assert experiment.parse({"rate": 1000})["rate"] == 1000
    with pytest.raises(
        ParameterError, match="rate: 14 processes can be looked at 571 times a second at most"
    ):
        experiment.parse({"rate": 1000, "spinners": 8})
    with pytest.raises(ParameterError, match="rate: 9 processes"):
        next(measure(rate=1000, spinners=3))


# -- verdicts on known rows -------------------------------------------------------------------


def row(process: str, running: float, ready: float, off: float, **more: Any) -> Share:
    """Two seconds of a process; `off` is what the looks alone say."""
    known = {"stopped_s": 0.0, "zombie_s": 0.0, "voluntary": 0, "involuntary": 0, "uninterruptible_s": 0.0}
    blocked = max(0.0, 2 - running - ready - more.get("stopped_s", 0) - more.get("zombie_s", 0))
    return Share(
        process=process,
        pid=1,
        wall_s=2.0,
        running_s=running,
        ready_s=ready,
        blocked_s=blocked,
        off_queue_s=off,
        looks=400,
        **(known | more),
    )


SLEEPER = row("sleeper", 0.0, 0.0, 2.0)
STOPPED = row("stopped", 0.2, 0.05, 1.75, stopped_s=2 / 3)
ZOMBIE = row("zombie", 0.05, 0.0, 1.95, zombie_s=4 / 3)
SYNCER = row("syncer", 0.1, 0.1, 1.8, uninterruptible_s=0.2)
OTHERS = [SLEEPER, STOPPED, ZOMBIE, SYNCER]


def judged(*shares: Share, **params: Any):
    params = {"seconds": 2.0, "rate": 200.0, "spinners": 2, "nice": 0} | params
    return verdict(Record(Machine.here(), params, shares))


def test_two_spinners_wait_for_each_other():
    said = judged(row("spinner 1", 1.0, 1.0, 0.0), row("spinner 2", 0.99, 1.01, 0.0), *OTHERS)
    assert said.answer == "ready, blocked, uninterruptible, stopped, zombie"
    assert str(said.headline) == (
        "spinner 2 always had work, yet was running only 50\u00a0% of the time, and ready for 50\u00a0%:"
        " 2 spinners share one core."
    )
    assert [check.ok for check in said.checks] == [True] * 5


def test_a_spinner_alone_hardly_waits():
    said = judged(row("spinner 1", 1.98, 0.02, 0.0), *OTHERS)
    assert str(said.headline) == "Alone on its core, spinner 1 was running 99\u00a0% of the time."
    assert all(check.ok for check in said.checks)


def test_a_nice_spinner_is_judged_by_its_weight():
    fair = judged(row("spinner 1", 1.8, 0.2, 0.0), row("spinner 2", 0.2, 1.8, 0.0), *OTHERS, nice=10)
    assert all(check.ok for check in fair.checks)
    ignored = judged(row("spinner 1", 1.0, 1.0, 0.0), row("spinner 2", 1.0, 1.0, 0.0), *OTHERS, nice=10)
    assert [check.ok for check in ignored.checks[1:3]] == [False, False]


def test_weights_follow_the_nice_value():
    assert weights(2, 0) == [0.5, 0.5]
    assert weights(3, 0) == pytest.approx([1 / 3] * 3)
    assert weights(2, 10) == pytest.approx([0.903, 0.097], abs=0.001)


def test_books_that_lose_time_make_it_unclear():
    said = judged(row("spinner 1", 1.0, 0.9, 0.0), row("spinner 2", 1.0, 1.0, 0.0), *OTHERS)
    assert said.answer == "unclear"
    assert said.checks[0].ok is False
    assert "spinner 1 is furthest off, by 5.0\u00a0%" in str(said.checks[0].claim)


def test_books_that_invent_time_make_it_unclear():
    said = judged(
        row("spinner 1", 1.0, 1.0, 0.0), row("spinner 2", 1.0, 1.0, 0.0), row("sleeper", 0, 0.1, 2.0)
    )
    assert said.answer == "unclear"


def test_kernel_books_without_delay_are_found_out(tmp_path, monkeypatch):
    """A kernel that does not count the run queue would show waiting spinners as blocked."""
    times = Task.times
    monkeypatch.setattr(Task, "times", lambda self: Times(times(self).run_ns, 0, times(self).slices))
    ran = run(tmp_path, seconds=0.5)
    said = judged(*ran.of(Share), seconds=0.5)
    assert said.answer == "unclear"
    assert said.checks[0].ok is False


def test_books_of_the_wrong_process_are_found_out(tmp_path, monkeypatch):
    swapped = Task.__init__

    def watch_another(self: Task, pid: int, tid: int | None = None) -> None:
        swapped(self, pid)
        self._schedstat = os.open(f"/proc/{os.getpid()}/schedstat", os.O_RDONLY)
        self._open["another"] = self._schedstat

    monkeypatch.setattr(Task, "__init__", watch_another)
    ran = run(tmp_path, seconds=0.5)
    assert judged(*ran.of(Share), seconds=0.5).answer == "unclear"


def test_looks_that_came_too_late_tell_nothing():
    late = [share._replace(looks=150) for share in (row("spinner 1", 1.0, 1.0, 0.0), *OTHERS)]
    said = judged(*late)
    assert said.answer == "unclear"
    assert str(said.headline) == "Only 150 of 400 looks were made. Nothing seen here tells why."


def test_foreign_load_on_the_core_is_unclear_or_told(monkeypatch):
    machine = Machine.here()
    monkeypatch.setattr(Machine, "here", lambda: Machine(**{**machine.as_json(), "cores": 4}))
    half = judged(row("spinner 1", 0.5, 1.5, 0.0), row("spinner 2", 0.5, 1.5, 0.0), *OTHERS)
    assert half.answer == "unclear"
    assert str(half.headline) == (
        "The spinners did not get 50\u00a0% of the core that they share. Nothing seen here tells why."
    )
    late = judged(row("spinner 1", 0.5, 1.2, 0.0), row("spinner 2", 0.5, 1.5, 0.0), *OTHERS)
    assert (late.headline, late.checks[0].ok) == (half.headline, False)  # looks came late for the same reason
    some = judged(row("spinner 1", 0.88, 1.12, 0.0), row("spinner 2", 0.88, 1.12, 0.0), *OTHERS)
    assert "2 spinners share one core." in str(some.headline)
    assert [check.ok for check in some.checks] == [True, True, None, True, True]
    assert "12\u00a0%" in str(some.doubts[0])


def test_a_state_that_a_check_says_was_seen_is_in_the_answer():
    """However short it was: looks mistake no D."""
    brief = SYNCER._replace(uninterruptible_s=0.002)
    said = judged(row("spinner 1", 1.0, 1.0, 0.0), row("spinner 2", 1.0, 1.0, 0.0), *OTHERS[:3], brief)
    assert said.checks[-1].ok is True
    assert "uninterruptible" in said.answer


@pytest.mark.parametrize(
    ("conditions", "cause"),
    [
        (
            {"foreign_cpu": 0.03, "throttled": 0.8},
            "The CPU quota of the run's control group was used up in 80",
        ),
        ({"foreign_cpu": 0.5, "throttled": 0.0}, "Other programs used 50"),
        ({"foreign_cpu": 0.03, "throttled": 0.0}, "Nothing seen here tells why."),
    ],
)
def test_what_the_spinners_lacked_is_blamed_on_what_was_measured(conditions, cause):
    rows = [row("spinner 1", 0.5, 1.5, 0.0), row("spinner 2", 0.5, 1.5, 0.0), *OTHERS]
    machine = Machine(**{**Machine.here().as_json(), "cores": 2})
    params = {"seconds": 2.0, "rate": 200.0, "spinners": 2, "nice": 0}
    said = verdict(Record(machine, params, rows, conditions))
    assert said.answer == "unclear"
    assert cause in str(said.headline)
    assert "thers took" not in str(said.headline)


def test_a_wait_that_was_not_seen_is_not_claimed():
    quick = SYNCER._replace(uninterruptible_s=0.0)
    said = judged(row("spinner 1", 1.0, 1.0, 0.0), row("spinner 2", 1.0, 1.0, 0.0), *OTHERS[:3], quick)
    assert "uninterruptible" not in said.answer
    assert said.checks[-1].ok is None
    assert "No uninterruptible wait was seen" in str(said.checks[-1].claim)


def test_nothing_added_up_is_unclear():
    assert judged().answer == "unclear"


def test_looks_that_others_made_late_leave_the_balance_open():
    """Where the spinners lost most of their core; more than that much is wrong on any machine."""
    for off, crowded, ok in ((0.03, True, None), (0.03, False, False), (0.3, True, False), (0.0, True, True)):
        spinner = share("spinner 1", 0.1 if crowded else 1.0, off_queue=0.0)
        quiet = share("sleeper", 0.0, off_queue=1.02 + off)
        assert check_balance([spinner, quiet]).ok is ok, (off, crowded)


def share(process: str, running: float, off_queue: float) -> Share:
    ready = 1 - running if process.startswith("spinner") else 0.0
    return Share(process, 1, 1.0, running, ready, off_queue, 0.0, 0.0, 0, 0, 0.0, off_queue, 1000)
