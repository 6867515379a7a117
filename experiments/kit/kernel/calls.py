"""System calls for which not every Python has a name: by the name where it is there, else over the C library.

PyPy has no `os.waitid`, a CPython that was built elsewhere has no `os.pidfd_open`, and the system has both.
So what an interpreter lacks is not taken for a lack of the system; what the system refuses is an OSError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import struct
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from experiments.kit.kernel.proc import Switches
from experiments.kit.kernel.process_tree import read

if TYPE_CHECKING:
    import ctypes  # where it is needed, for not every subinterpreter can import it

P_PID, WNOHANG, WEXITED, WNOWAIT = 1, 1, 4, 0x01000000  # <linux/wait.h>
CLD_EXITED = 1  # of si_code: it left by itself, and si_status is its exit code
CHILD_AT = 16 if struct.calcsize("P") == 8 else 12  # in siginfo_t, after signo, errno and code
SIGINFO_B = SIGSET_B = 128
PIDFD_OPEN = 434  # its number on every architecture but one (alpha)
THREAD = 1  # RUSAGE_THREAD (<linux/resource.h>), for which PyPy has no name
SIGPENDING = 11  # RLIMIT_SIGPENDING, likewise
EFD_NONBLOCK = os.O_NONBLOCK
LOOK_S = 0.002  # between two looks whether a child has ended, where waitid is refused
ACTIONS_B = 512  # posix_spawn_file_actions_t has 80 bytes in glibc and in musl


class Refused(RuntimeError):
    """This system refuses what the experiment cannot be done without; the message is a sentence."""

    is_sentence = True  # for the reader of the run


def library() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def call_library(call: Callable[..., int], *arguments: object) -> int:
    """Call a function of the C library, again if a signal has broken it off; OSError where it fails."""
    import ctypes

    while (answer := call(*arguments)) < 0:
        if (code := ctypes.get_errno()) != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return answer


# -- children ---------------------------------------------------------------------------------------


def exit_code(pid: int, wait: bool = False) -> int | None:
    """How a child has ended (minus the signal, if one did), without reaping it; None while it lives.

    ChildProcessError where it is no child of ours, or has been reaped.
    """
    try:
        return exit_code_by_waitid(pid, wait)
    except ChildProcessError:
        raise
    except OSError:  # refused, as some sandboxes do
        return exit_code_by_proc(pid, wait)


def exit_code_by_waitid(pid: int, wait: bool) -> int | None:
    import ctypes

    flags = WEXITED | WNOWAIT | (0 if wait else WNOHANG)
    if hasattr(os, "waitid"):
        seen = os.waitid(os.P_PID, pid, flags)
        if seen is None:
            return None
        code, status = seen.si_code, seen.si_status
    else:
        info = ctypes.create_string_buffer(SIGINFO_B)
        call_library(library().waitid, P_PID, ctypes.c_uint(pid), info, flags, None)
        (code,) = struct.unpack_from("i", info.raw, 8)
        found, _, status = struct.unpack_from("iIi", info.raw, CHILD_AT)
        if found == 0:
            return None
    return int(status if code == CLD_EXITED else -status)


def exit_code_by_proc(pid: int, wait: bool) -> int | None:
    """By the letter of a zombie and the last field of its status (proc_pid_stat(5))."""
    while True:
        stat = read(f"/proc/{pid}/stat")
        if not stat:
            raise ChildProcessError(errno.ECHILD, f"there is no child {pid}")
        state, *_, status = stat[stat.rindex(b")") + 2 :].split()
        if state in b"ZX":
            return os.waitstatus_to_exitcode(int(status))
        if not wait:
            return None
        time.sleep(LOOK_S)


def open_pidfd(pid: int) -> int:
    """A descriptor that becomes readable when the process ends (pidfd_open(2))."""
    import ctypes

    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return call_library(library().syscall, ctypes.c_long(PIDFD_OPEN), ctypes.c_int(pid), ctypes.c_uint(0))


def spawn(path: str, arguments: list[str], stdin: str) -> int:
    """Start a program whose standard input is this file, opened for reading by the new process itself."""
    import ctypes

    if hasattr(os, "posix_spawn"):
        opens = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0)]
        return os.posix_spawn(path, arguments, {}, file_actions=opens)
    libc, pid, actions = library(), ctypes.c_int(), ctypes.create_string_buffer(ACTIONS_B)
    given = (ctypes.c_char_p * (len(arguments) + 1))(*(word.encode() for word in arguments), None)
    nothing = (ctypes.c_char_p * 1)(None)
    succeeded(libc.posix_spawn_file_actions_init(actions))
    try:
        opened = libc.posix_spawn_file_actions_addopen(actions, 0, stdin.encode(), os.O_RDONLY, 0)
        succeeded(opened)
        succeeded(libc.posix_spawn(ctypes.byref(pid), path.encode(), actions, None, given, nothing))
    finally:
        libc.posix_spawn_file_actions_destroy(actions)
    return pid.value


def succeeded(code: int) -> None:
    """Of functions that return their error instead of setting errno."""
    if code:
        raise OSError(code, os.strerror(code))


# -- signals ----------------------------------------------------------------------------------------


def wait_for_signal(numbers: Collection[int]) -> Callable[[], object]:
    """A function that sleeps until one of these blocked signals is there, and takes it (sigwaitinfo(2)).

    It is one system call. The handler of another signal runs meanwhile, and may raise. OSError where the
    system refuses the call: it is tried here, without waiting.
    """
    import ctypes

    try_to_take(numbers)
    if hasattr(signal, "sigwaitinfo"):
        wanted, wait = set(numbers), signal.sigwaitinfo
        return lambda: wait(wanted)
    libc, mask = library(), ctypes.create_string_buffer(SIGSET_B)
    libc.sigemptyset(mask)
    for number in numbers:
        libc.sigaddset(mask, int(number))
    take = libc.sigwaitinfo
    return lambda: call_library(take, mask, None)  # sigwait(3) goes back to sleep after every other signal


def try_to_take(numbers: Collection[int]) -> None:
    """Take one of these signals if it is there already (sigtimedwait(2) that waits for no time)."""
    import ctypes

    if hasattr(signal, "sigtimedwait"):
        signal.sigtimedwait(set(numbers), 0)
        return
    libc, mask, no_time = library(), ctypes.create_string_buffer(SIGSET_B), (ctypes.c_long * 2)()
    libc.sigemptyset(mask)
    for number in numbers:
        libc.sigaddset(mask, int(number))
    with contextlib.suppress(BlockingIOError):  # none is there
        call_library(libc.sigtimedwait, mask, None, no_time)


def signals_that_may_wait() -> int | None:
    """How many signals may be queued for this user (getrlimit(2)); None where nobody tells."""
    with contextlib.suppress(ValueError, OSError):
        return resource.getrlimit(SIGPENDING)[0]
    return None


def discard_pending(numbers: Collection[int]) -> None:
    """Take all of these blocked signals that have come so far."""
    while pending := signal.sigpending() & set(numbers):
        try:
            signal.sigwait(pending)
        except OSError:  # refused; one that is ignored is thrown away, too (sigaction(2))
            for number in pending:
                signal.signal(number, signal.signal(number, signal.SIG_IGN))


# -- the rest ---------------------------------------------------------------------------------------


def eventfd(flags: int = 0) -> int:
    """A counter in the kernel behind a descriptor, which begins at nought (eventfd(2))."""
    import ctypes

    if hasattr(os, "eventfd"):
        return os.eventfd(0, flags)
    return call_library(library().eventfd, ctypes.c_uint(0), ctypes.c_int(flags))


def eventfd_refused() -> str:
    """Why there are none, found by trying; empty where there are."""
    try:
        os.close(eventfd())
    except OSError as error:
        return f"This system refuses counters behind descriptors (eventfd: {error.strerror})."
    return ""


def thread_switches() -> Switches:
    """Of the calling thread, since it began (getrusage(2); Linux counts them for threads, too)."""
    used = resource.getrusage(THREAD)
    return Switches(used.ru_nvcsw, used.ru_nivcsw)
