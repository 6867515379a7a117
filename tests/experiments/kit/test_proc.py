import os
import signal
import threading
import time

import pytest

from experiments.kit.kernel.proc import Task, missing, name_call
from experiments.kit.subjects.subjects import Group

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "-")


@pytest.fixture
def group():
    with Group() as group:
        yield group


def spin() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(60)


def wait_for(letters: str, task: Task) -> None:
    while task.state() not in letters:
        time.sleep(0.001)


def test_a_sleeper_is_blocked_in_the_call_it_made(group):
    task = Task(group.fork(sleep).pid)
    while "nanosleep" not in task.blocked_on().call:
        time.sleep(0.001)
    assert task.state() == "S"
    assert str(task.blocked_on()) == "clock_nanosleep in hrtimer_nanosleep"


def test_a_reader_tells_what_it_reads(group):
    reader, _ = os.pipe()
    task = Task(group.fork(os.read, reader, 1).pid)
    while not task.blocked_on().call.startswith("read"):
        time.sleep(0.001)
    assert task.blocked_on().call == f"read of {reader}"


@pytest.mark.measured
def test_a_spinner_is_always_running_or_ready(group):
    task = Task(group.fork(spin).pid)
    os.kill(task.pid, signal.SIGSTOP)
    wait_for("T", task)  # off the run queue, where the books are complete
    begin_ns, before = time.monotonic_ns(), task.times()
    os.kill(task.pid, signal.SIGCONT)
    awake_ns = time.monotonic_ns()
    time.sleep(0.5)
    asleep_ns = time.monotonic_ns()
    os.kill(task.pid, signal.SIGSTOP)
    wait_for("T", task)
    end_ns, after = time.monotonic_ns(), task.times()
    queued_ns = (after.run_ns - before.run_ns) + (after.delay_ns - before.delay_ns)
    # However late we come to our own core; a virtual core may need some time to wake up.
    assert 0.97 * (asleep_ns - awake_ns) <= queued_ns <= end_ns - begin_ns


def test_who_runs_is_blocked_on_nothing(group):
    task = Task(group.fork(spin).pid)
    while task.times().run_ns < 20_000_000:
        time.sleep(0.001)
    assert task.blocked_on() == ("", "")
    assert str(task.blocked_on()) == ""


def test_the_core_is_the_one_it_is_pinned_to(group):
    for core in os.sched_getaffinity(0):
        task = Task(group.fork(spin, core=core).pid)
        while os.sched_getaffinity(task.pid) != {core}:  # it pins itself, after the fork
            time.sleep(0.001)
        assert task.core() == core


def test_books_and_switches_are_what_getrusage_says_at_the_end(group):
    def work_and_wait() -> None:
        for _ in range(50):
            time.sleep(0.001)
            sum(range(20_000))

    task = Task(group.fork(work_and_wait).pid)
    wait_for("Z", task)
    times, switches = task.times(), task.switches()
    _, _, used = os.wait4(task.pid, 0)
    assert times.run_ns / 1e9 == pytest.approx(used.ru_utime + used.ru_stime, abs=0.002)
    assert switches == (used.ru_nvcsw, used.ru_nivcsw)
    assert switches.voluntary >= 50


def test_a_zombie_can_be_read_until_it_is_reaped(group):
    task = Task(group.fork(int).pid)
    wait_for("Z", task)
    assert task.times().run_ns > 0
    assert task.blocked_on().channel == ""
    os.waitpid(task.pid, 0)
    for look in (task.state, task.times, task.core, task.switches, task.blocked_on):
        with pytest.raises(ProcessLookupError):
            look()
    with pytest.raises(ProcessLookupError, match=f"no task {task.pid}"):
        Task(task.pid)


def test_a_name_with_brackets_does_not_hide_the_state(group):
    def call_itself_running() -> None:
        with open("/proc/self/comm", "w") as file:
            file.write(") R (\nx")
        sleep()

    task = Task(group.fork(call_itself_running).pid)
    while "nanosleep" not in task.blocked_on().call:
        time.sleep(0.001)
    assert task.state() == "S"
    assert task.switches().voluntary >= 1


@pytest.mark.measured
def test_a_thread_has_its_own_books():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    task = Task(os.getpid(), thread.native_id)
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
    assert task.times().run_ns < 20_000_000
    assert task.blocked_on().call == "futex"
    done.set()
    thread.join()
    task.close()


def test_a_closed_task_keeps_no_descriptor():
    before = len(os.listdir("/proc/self/fd"))
    task = Task(os.getpid())
    task.switches(), task.blocked_on()
    assert len(os.listdir("/proc/self/fd")) > before
    task.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"running\n", ""),
        (b"-1 0x7ffd 0x7f12\n", ""),
        (b"9999 0x5 0x7ffe 0x1 0x0 0x0 0x0 0x7ffd 0x7f12\n", "system call 9999"),
    ],
)
def test_a_call_is_named_or_numbered(content, name):
    assert name_call(content) == name


def test_looking_again_opens_nothing():
    task = Task(os.getpid())
    task.blocked_on()
    opened = os.listdir("/proc/self/fd")
    for _ in range(100):
        task.state(), task.times(), task.blocked_on()
    assert os.listdir("/proc/self/fd") == opened
    task.close()
