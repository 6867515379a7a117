"""One task's time and state from /proc, on descriptors that stay open: a look costs microseconds.

The totals are the scheduler's own (proc(5), Documentation/scheduler/sched-stats): exact, and
readable without privileges. What `state` says is weaker: R is "running or ready", and only
`times` can tell the two apart. Files of a process speak of its main thread only, so a `Task` is
always one thread.
"""

from __future__ import annotations

import os
import platform
from typing import NamedTuple

CORE = 36  # the field "processor" of stat, counted from the state
NO_CHANNEL = ("", "0")  # what wchan says of a task that is not asleep

X86_64 = {
    0: "read", 1: "write", 7: "poll", 23: "select", 34: "pause", 35: "nanosleep", 45: "recvfrom",
    56: "clone", 57: "fork", 58: "vfork", 61: "wait4", 74: "fsync", 75: "fdatasync", 128: "rt_sigtimedwait",
    202: "futex", 230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid", 257: "openat", 270: "pselect6",
    271: "ppoll", 281: "epoll_pwait", 426: "io_uring_enter", 435: "clone3",
}  # fmt: skip
GENERIC = {
    63: "read", 64: "write", 72: "pselect6", 73: "ppoll", 22: "epoll_pwait", 82: "fsync", 83: "fdatasync",
    95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 137: "rt_sigtimedwait",
    56: "openat", 207: "recvfrom", 220: "clone", 260: "wait4", 426: "io_uring_enter", 435: "clone3",
}  # fmt: skip
CALLS = X86_64 if platform.machine() == "x86_64" else GENERIC  # other numbers are shown as numbers
FIRST_IS_DESCRIPTOR = {"read", "write", "fsync", "fdatasync", "recvfrom", "epoll_wait", "epoll_pwait"}


class Times(NamedTuple):
    """Totals since the task began: on a core, waiting for one, and how often it was given one.

    `run_ns` of a task that is on a core moves at ticks and switches only; `delay_ns` moves when
    a wait is over, by the whole wait at once.
    """

    run_ns: int
    delay_ns: int
    slices: int


class Switches(NamedTuple):
    """Context switches: because the task blocked, and because another was given its core."""

    voluntary: int
    involuntary: int


class Wait(NamedTuple):
    """The system call a blocked task is in ("read of 3") and the kernel function it sleeps in."""

    call: str
    channel: str

    def __str__(self) -> str:
        return " in ".join(part for part in self if part)


class Task:
    """Open descriptors on one thread (the main one, if `tid` is not given).

    Every method raises ProcessLookupError once the task has been reaped; of a zombie all can
    still be read.
    """

    def __init__(self, pid: int, tid: int | None = None) -> None:
        self.pid = pid
        self.tid = tid or pid
        self._folder = f"/proc/{pid}/task/{self.tid}"
        self._open: dict[str, int] = {}
        self._schedstat = self._descriptor("schedstat")
        self._stat = self._descriptor("stat")

    def times(self) -> Times:
        run, delay, slices = os.pread(self._schedstat, 64, 0).split()
        return Times(int(run), int(delay), int(slices))

    def state(self) -> str:
        """The kernel's letter: R running or ready, S blocked, D uninterruptible, T stopped, Z zombie."""
        stat = os.pread(self._stat, 512, 0)
        return chr(stat[stat.rindex(b")") + 2])

    def core(self) -> int:
        """The core that the task runs on, or ran on last."""
        stat = os.pread(self._stat, 512, 0)
        return int(stat[stat.rindex(b")") + 2 :].split()[CORE])

    def switches(self) -> Switches:
        status = os.pread(self._descriptor("status"), 8192, 0)
        _, voluntary, _, involuntary = status[status.rindex(b"\nvoluntary_ctxt_switches:") :].split()
        return Switches(int(voluntary), int(involuntary))

    def blocked_on(self) -> Wait:
        """Why the task does not run; empty where it runs, or where the kernel does not tell us."""
        try:
            call = name_call(os.pread(self._descriptor("syscall"), 256, 0))
            channel = os.pread(self._descriptor("wchan"), 64, 0).decode()
        except (PermissionError, FileNotFoundError):  # hardened kernels; another user's task
            return Wait("", "")
        return Wait(call, "" if channel in NO_CHANNEL else channel)

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, name: str) -> int:
        if name not in self._open:
            try:
                self._open[name] = os.open(f"{self._folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                if os.path.isdir(self._folder):
                    raise  # the task is there, but this kernel does not have the file
                raise ProcessLookupError(f"there is no task {self.tid} of process {self.pid}") from None
        return self._open[name]


def name_call(syscall: bytes) -> str:
    """The content of /proc/<pid>/syscall in words: number, six arguments, stack, instruction."""
    number, *arguments = syscall.split()
    if not number.isdigit():
        return ""  # "running", or -1: blocked, but not in a system call
    name = CALLS.get(int(number), f"system call {int(number)}")
    return f"{name} of {int(arguments[0], 16)}" if name in FIRST_IS_DESCRIPTOR else name


def missing() -> str:
    """Why tasks cannot be measured here, as a sentence; empty where they can."""
    try:
        with open("/proc/self/schedstat") as file:
            counted = file.read().split()
    except OSError:
        return "This system has no /proc/<pid>/schedstat; Linux with CONFIG_SCHED_INFO is needed."
    counts = len(counted) == 3 and counted[2] != "0"  # else it says "0 0 0", of whoever asks
    return "" if counts else "The kernel does not count run-queue delay here (CONFIG_SCHED_INFO)."
