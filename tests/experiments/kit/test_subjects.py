import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from experiments.kit.kernel.clock import now_ns
from experiments.kit.subjects import subjects
from experiments.kit.subjects.subjects import (
    Gate,
    Group,
    SubjectDied,
    in_threads,
    interrupted_by_deaths,
    looks_again,
)
from experiments.kit.subjects.work import burn_until


def burn(ms: float) -> None:
    burn_until(now_ns() + int(ms * 1e6))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_subject_says_what_it_used():
    with Group() as group:
        usage = group.fork(burn, 60).reap()
    assert usage.rc == 0
    assert usage.wall_s >= 0.06
    assert 0 < usage.run_ns <= usage.wall_s * 1e9 * 1.1


def test_a_parent_that_is_late_after_the_fork_shortens_nothing(monkeypatch):
    fork = os.fork

    def fork_and_be_late() -> int:
        if pid := fork():
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return pid

    monkeypatch.setattr(os, "fork", fork_and_be_late)
    with Group() as group:
        assert group.fork(time.sleep, 0.05).reap().wall_s >= 0.05


@pytest.mark.measured
def test_two_subjects_on_one_core_share_it_and_the_kernel_knows():
    with Group() as group:
        gate = Gate(2)
        core = min(os.sched_getaffinity(0))
        pair = [group.fork(lambda: (gate.wait(), burn(400)), core=core) for _ in range(2)]
        gate.open()
        first, second = (subject.reap() for subject in pair)
        gate.close()
    assert first.delay_ns > 0.2 * first.wall_s * 1e9
    assert second.delay_ns > 0.2 * second.wall_s * 1e9
    for subject in (first, second):  # from the gate on it always had work
        assert 0.39 < (subject.run_ns + subject.delay_ns) / 1e9 < subject.wall_s * 1.01


def test_nothing_outlives_its_group():
    with Group() as group:
        pids = [group.fork(time.sleep, 600).pid, group.worker(burn).pid]
        stopped = group.fork(time.sleep, 600)
        os.kill(stopped.pid, signal.SIGSTOP)
    assert all(is_gone(pid) for pid in [*pids, stopped.pid])


def test_nothing_outlives_its_group_when_the_measurement_fails():
    pids = []

    def measure() -> None:
        with Group() as group:
            pids.append(group.fork(time.sleep, 600).pid)
            raise RuntimeError("no good")

    with pytest.raises(RuntimeError, match="no good"):
        measure()
    assert is_gone(pids[0])


def test_a_killed_subject_tells_the_signal():
    with Group() as group:
        subject = group.fork(time.sleep, 600)
        os.kill(subject.pid, signal.SIGTERM)
        assert subject.reap().rc == -signal.SIGTERM


def test_a_subject_that_fails_ends_there_and_says_why(capfd):
    def fail() -> None:
        raise LookupError("the subject's own mistake")

    with Group() as group:
        assert group.fork(fail).reap().rc == 1
    assert "LookupError: the subject's own mistake" in capfd.readouterr().err


def test_a_subject_that_somebody_else_has_reaped_is_no_trouble():
    with Group() as group:
        subject = group.fork(burn, 1)
        os.waitpid(subject.pid, 0)


def test_a_worker_answers_what_it_is_asked():
    with Group() as group:
        worker = group.worker(lambda a, b: [a + b, {"by": os.getpid()}])
        for a in range(3):
            worker.ask(a, 10)
            assert worker.answer() == [a + 10, {"by": worker.pid}]


def test_a_worker_that_died_is_an_error_with_its_name(capfd):
    with Group() as group:
        worker = group.worker(lambda: 1 // 0, name="worker of mine")
        worker.ask()
        with pytest.raises(SubjectDied, match=r"worker of mine ended \(exit code 1\)"):
            worker.answer()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_workers_end_when_their_parent_is_gone():
    """Even if it was killed with −9, and a sibling lives on: that one keeps no pipe open."""
    reader, writer = os.pipe()

    def parent() -> None:
        with Group() as group:
            pids = [group.worker(burn).pid, group.worker(burn).pid, group.fork(time.sleep, 60).pid]
            os.write(writer, " ".join(map(str, pids)).encode())
            time.sleep(60)

    with Group() as group:
        lost = group.fork(parent)
        pids = [int(pid) for pid in os.read(reader, 100).split()]
        ends = [os.pidfd_open(pid) for pid in pids]
        os.kill(lost.pid, signal.SIGKILL)
        ended = [bool(select.select([end], [], [], 10)[0]) for end in ends[:2]]
        os.kill(pids[2], signal.SIGKILL)
        assert ended == [True, True]
    for fd in (reader, writer, *ends):
        os.close(fd)


def test_a_gate_opens_only_when_all_are_there():
    with Group() as group:
        gate = Gate(3)
        reader, writer = os.pipe()

        def run(late_s: float) -> None:
            time.sleep(late_s)
            os.write(writer, gate.wait().to_bytes(8, "little"))

        for late_s in (0, 0.05, 0.1):
            group.fork(run, late_s)
        opened_ns = gate.open()
        passed_ns = [int.from_bytes(os.read(reader, 8), "little") for _ in range(3)]
        gate.close()
        os.close(reader)
        os.close(writer)
    assert min(passed_ns) >= opened_ns


def test_a_gate_opens_again_and_again():
    with Group() as group:
        gate = Gate(2)
        subjects = [group.fork(lambda: [gate.wait() for _ in range(50)]) for _ in range(2)]
        for _ in range(50):
            gate.open()
        assert [subject.reap().rc for subject in subjects] == [0, 0]
        gate.close()


def test_a_gate_gives_up_on_a_subject_that_never_comes(monkeypatch):
    monkeypatch.setattr("experiments.kit.subjects.subjects.READY_S", 0.1)
    with Group() as group:
        gate = Gate(2)
        group.fork(gate.wait)
        with pytest.raises(SubjectDied, match="only 1 of 2 subjects were ready"):
            gate.open()
        gate.close()


# -- whoever waits for a subject also waits for its death -------------------------------------------


@pytest.fixture(params=[True, False], ids=["with pidfds", "without pidfds"])
def pidfds(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(subjects, "pidfd_of", lambda _: -1)
    monkeypatch.setattr(subjects, "lost", [])
    return request.param


def hold(seconds: float = 60) -> int:
    time.sleep(seconds)
    return 1


def kill_soon(pid: int) -> None:
    threading.Timer(0.1, os.kill, (pid, signal.SIGKILL)).start()


def test_a_wait_for_one_subject_ends_when_another_one_is_killed(pidfds):
    with Group() as group:
        waits, dies = group.worker(hold), group.worker(hold, name="the other one")
        waits.ask()
        kill_soon(dies.pid)
        with pytest.raises(SubjectDied, match=r"the other one ended \(killed by SIGKILL\)"):
            waits.answer()


def test_a_wait_for_a_subject_ends_when_it_is_killed_and_its_child_keeps_the_pipe_open(pidfds):
    def have_child() -> None:
        if not os.fork():
            time.sleep(5)
            os._exit(0)
        time.sleep(60)

    with Group() as group:
        worker = group.worker(have_child, name="parent")
        worker.ask()
        kill_soon(worker.pid)
        begun = time.monotonic()
        with pytest.raises(SubjectDied, match=r"parent ended \(killed by SIGKILL\)"):
            worker.answer()
        assert time.monotonic() < begun + 4


def test_a_gate_is_not_waited_at_for_one_who_was_killed(pidfds):
    with Group() as group:
        gate = Gate(2)
        group.fork(gate.wait)
        kill_soon(group.fork(hold, name="late one").pid)
        with pytest.raises(SubjectDied, match="late one ended"):
            gate.open()
        gate.close()


def test_a_wait_ends_when_a_process_that_a_subject_has_made_is_killed(pidfds):
    with Group() as group:
        worker = group.worker(grandparent, name="worker")
        worker.ask("have a child")
        group.watch(worker.answer(), "its child")
        worker.ask("wait")
        kill_soon(group.others[0].pid)
        with pytest.raises(SubjectDied, match="its child ended"):
            worker.answer()


def grandparent(job: str) -> int:
    if job == "have a child":
        if not (pid := os.fork()):
            time.sleep(60)
        return pid
    return hold()


def test_who_ended_well_or_was_told_to_end_ends_no_wait(pidfds):
    with Group() as group:
        group.fork(hold, 0.01)
        told = group.fork(hold)
        told.kill()
        worker = group.worker(hold)
        worker.ask(0.2)
        assert worker.answer() == 1
    assert subjects.lost == []


def test_an_answer_that_was_given_before_a_death_is_not_lost(pidfds):
    with Group() as group:
        worker = group.worker(lambda: [list(range(50_000)), os.kill(os.getpid(), signal.SIGSTOP)][:1])
        worker.ask()
        while Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.01)
        os.kill(worker.pid, signal.SIGCONT)
        assert worker.answer() == [list(range(50_000))]


def test_a_wait_that_is_measured_ends_when_a_subject_is_killed():
    """In a lock, in a read, and in a loop that only computes."""
    lock = threading.Lock()
    lock.acquire()
    reader, writer = os.pipe()
    for wait in (lock.acquire, lambda: os.read(reader, 1), lambda: burn(20_000)):
        with Group() as group, interrupted_by_deaths(), looks_again():
            kill_soon(group.fork(hold, name="the sender").pid)
            with pytest.raises(SubjectDied, match="the sender ended"):
                wait()
    os.close(reader)
    os.close(writer)


def test_a_death_that_was_slept_over_is_found_at_the_next_look():
    """As if SIGCHLD had come just before the call that sleeps."""
    with Group() as group, interrupted_by_deaths():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        kill_soon(group.fork(hold, name="the sender").pid)
        with pytest.raises(SubjectDied, match="the sender ended"), looks_again():
            time.sleep(20)


def test_a_subject_that_was_killed_when_nobody_waited_is_known_at_the_end(monkeypatch):
    monkeypatch.setattr(subjects, "lost", [])
    with Group() as group:
        victim = group.fork(hold, name="the victim")
        os.kill(victim.pid, signal.SIGKILL)
        while is_alive(victim.pid):
            time.sleep(0.01)
    with pytest.raises(SubjectDied, match=r"the victim ended \(killed by SIGKILL\) while it was needed"):
        subjects.raise_lost()


def test_nobody_is_watched_after_the_group_and_in_a_child():
    with Group() as group:
        group.fork(hold)
        worker = group.worker(lambda: len(subjects.watched))
        worker.ask()
        assert worker.answer() == 0
        assert len(subjects.watched) == 2
    assert subjects.watched == {}


def test_threads_start_together_and_answer_in_order():
    together = threading.Barrier(4)

    def meet(number: int) -> int:
        together.wait(10)
        return number * 2

    assert in_threads(meet, [(i,) for i in range(4)]) == [0, 2, 4, 6]


def test_the_error_of_a_thread_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda n: 1 // n, [(1,), (0,)])


def test_a_subject_does_not_outlive_a_parent_that_is_killed():
    script = (
        "import os, signal, sys, time\n"
        "from experiments.kit.subjects.subjects import Gate, Group\n"
        "gate = Gate(1)\n"
        "def stay():\n"
        "    gate.wait()\n"
        "    time.sleep(60)\n"
        "with Group() as group:\n"
        "    pid = group.fork(stay).pid\n"
        "    gate.open()\n"
        "    print(pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    subject = int(done.stdout)
    give_up = time.monotonic() + 30
    while is_alive(subject):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
