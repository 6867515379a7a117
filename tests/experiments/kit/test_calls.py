"""Calls for which some interpreters have no name do the same without it, and fail as the system does."""

import errno
import os
import platform
import resource
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from experiments.kit.kernel import calls
from experiments.kit.subjects.subjects import Group
from tests.experiments.kit.denied import run_denied

NAMES = (
    *(f"os.{name}" for name in ("waitid", "pidfd_open", "eventfd", "posix_spawn")),
    *("signal.sigwaitinfo", "signal.sigtimedwait", "resource.RUSAGE_THREAD"),
)


@pytest.fixture(params=[True, False], ids=["with the names", "without the names"])
def named(request, monkeypatch):
    if not request.param:
        for name in NAMES:
            monkeypatch.delattr(name, raising=False)
    return request.param


def test_how_a_child_ended_is_known_and_it_is_not_reaped(named):
    for end, code in ((lambda: os._exit(7), 7), (lambda: os.kill(os.getpid(), signal.SIGKILL), -9)):
        reader, writer = os.pipe()
        if not (pid := os.fork()):
            os.read(reader, 1)
            end()
        assert calls.exit_code(pid) is None
        os.write(writer, b"x")
        assert calls.exit_code(pid, wait=True) == code
        assert calls.exit_code(pid) == code
        assert os.waitpid(pid, 0)[0] == pid
        with pytest.raises(ChildProcessError):
            calls.exit_code(pid)
        os.close(reader)
        os.close(writer)


def test_a_process_has_a_descriptor_that_tells_of_its_end(named):
    with Group() as group:
        pid = group.fork(time.sleep, 60).pid
        end = calls.open_pidfd(pid)
        assert not select.select([end], [], [], 0)[0]
        os.kill(pid, signal.SIGKILL)
        assert select.select([end], [], [], 10)[0]
        os.close(end)
    with pytest.raises(OSError, match="No such process"):
        calls.open_pidfd(pid)


def test_a_counter_of_the_kernel_counts(named):
    counter = calls.eventfd(calls.EFD_NONBLOCK)
    for _ in range(3):
        os.write(counter, (1).to_bytes(8, "little"))
    assert os.read(counter, 8) == (3).to_bytes(8, "little")
    with pytest.raises(BlockingIOError):
        os.read(counter, 8)
    os.close(counter)


def test_a_call_that_the_system_refuses_is_its_error(named):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as refused:
            calls.eventfd()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert refused.value.errno == errno.EMFILE


def test_a_program_is_started_with_its_input(named, tmp_path):
    (tmp_path / "in").write_bytes(b"\3")
    script = "exit $(od -An -tu1)"
    pid = calls.spawn("/bin/sh", ["sh", "-c", script], stdin=str(tmp_path / "in"))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    with pytest.raises(FileNotFoundError):
        calls.spawn("/bin/sh", ["sh"], stdin=str(tmp_path / "nothing"))


def test_signals_are_waited_for_and_thrown_away(named):
    number = signal.SIGRTMIN + 7
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        wait = calls.wait_for_signal({number})
        for _ in range(3):
            signal.pthread_kill(threading.get_ident(), number)
        wait()
        assert signal.sigpending() == {number}
        calls.discard_pending({number, signal.SIGIO})
        assert signal.sigpending() == set()
    finally:
        while number in signal.sigpending():  # one that is left would end this process
            signal.sigwait({number})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Woken(Exception):
    pass


def test_a_wait_for_a_signal_ends_where_the_handler_of_another_one_raises(named):
    def wake(*_: object) -> None:
        raise Woken

    number = signal.SIGRTMIN + 7
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    handler = signal.signal(signal.SIGALRM, wake)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Woken):
            calls.wait_for_signal({number})()
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_switches_of_a_thread_are_counted(named):
    before = calls.thread_switches()
    for _ in range(5):
        time.sleep(0.001)
    assert calls.thread_switches().voluntary >= before.voluntary + 5


def test_what_runs_in_a_subinterpreter_imports_no_ctypes():
    """CPython 3.12 cannot load it there."""
    script = "import sys, experiments.threads._scaling.crews; print('ctypes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names the call by its number on x86-64")
def test_a_wait_for_signals_that_the_system_refuses_is_known_by_trying():
    script = """if True:
        import signal
        from experiments.kit.kernel import calls
        signal.pthread_sigmask(signal.SIG_BLOCK, {40})
        try:
            calls.wait_for_signal({40})
        except OSError as error:
            print(error.strerror)
        signal.raise_signal(40)
        calls.discard_pending({40})
        print(signal.sigpending())
    """
    assert run_denied(script, errno.ENOSYS, [128]).splitlines() == ["Function not implemented", "set()"]
