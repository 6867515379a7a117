"""Every test talks to the real kernel; only the refusals are made, by a seccomp filter in a child."""

import errno
import os
import socket
import threading

import pytest

from experiments.kit.kernel import uring
from experiments.kit.kernel.uring import Ring, Unavailable, address_of, missing, refusal
from tests.experiments.kit.denied import run_denied

needs_uring = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@needs_uring
def test_a_request_completes_with_the_bytes_in_our_buffer(pair):
    ours, theirs = pair
    buffer = bytearray(8)
    with Ring() as ring:
        ring.receive(ours.fileno(), address_of(buffer), 8)
        theirs.send(b"hello")
        ring.enter(1, 1)
        assert ring.result() == 5
        assert ring.result() is None
        assert ring.calls == 1
    assert buffer == b"hello\0\0\0"


@needs_uring
def test_a_result_appears_without_another_call(pair):
    ours, theirs = pair
    buffer = bytearray(1)
    with Ring() as ring:
        ring.receive(ours.fileno(), address_of(buffer), 1)
        ring.enter(1, 0)
        assert ring.result() is None
        theirs.send(b"x")
        while (result := ring.result()) is None:
            pass
        assert (result, buffer, ring.calls) == (1, b"x", 1)


@needs_uring
def test_a_whole_message_is_waited_for(pair):
    ours, theirs = pair
    buffer = bytearray(6)
    with Ring() as ring:
        ring.receive(ours.fileno(), address_of(buffer), 6, socket.MSG_WAITALL)
        ring.enter(1, 0)
        theirs.send(b"abc")
        theirs.send(b"def")
        while (result := ring.result()) is None:
            ring.enter(0, 1)
    assert (result, buffer) == (6, b"abcdef")


@needs_uring
def test_a_kernel_worker_can_be_made_to_do_it(pair):
    ours, theirs = pair
    buffer = bytearray(1)
    theirs.send(b"w")
    with Ring() as ring:
        ring.receive(ours.fileno(), address_of(buffer), 1, by_worker=True)
        ring.enter(1, 1)
        assert (ring.result(), buffer) == (1, b"w")


@needs_uring
def test_the_rings_go_round_and_round(pair):
    ours, theirs = pair
    buffer = bytearray(1)
    with Ring(2) as ring:
        for number in range(300):
            theirs.send(bytes([number % 256]))
            ring.receive(ours.fileno(), address_of(buffer), 1)
            ring.enter(1, 1)
            assert (ring.result(), buffer[0]) == (1, number % 256)


@needs_uring
def test_a_hang_up_is_zero_bytes(pair):
    ours, theirs = pair
    theirs.close()
    with Ring() as ring:
        ring.receive(ours.fileno(), address_of(bytearray(1)), 1)
        ring.enter(1, 1)
        assert ring.result() == 0


@needs_uring
def test_a_failed_request_says_why(tmp_path):
    with open(tmp_path / "file", "w") as file, Ring() as ring:
        ring.receive(file.fileno(), address_of(bytearray(1)), 1)
        ring.enter(1, 1)
        with pytest.raises(OSError, match=r"io_uring could not receive: .*socket"):
            ring.result()


@needs_uring
def test_nothing_is_left_open(pair):
    def descriptors():
        return sorted(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(3):
        with Ring():
            pass
        assert missing() == ""
    assert descriptors() == before
    assert threading.active_count() == 1


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.EPERM, "A sandbox forbids io_uring here (EPERM), as containers do unless told otherwise."),
        (errno.ENOSYS, "This kernel has no io_uring, or a sandbox hides it (ENOSYS)."),
        (
            errno.ENOMEM,
            "io_uring may not lock enough memory here (ENOMEM); raise the limit that `ulimit -l` shows.",
        ),
        (errno.EMFILE, "The kernel refused io_uring: Too many open files (EMFILE)."),
    ],
)
def test_a_refusal_is_a_sentence(code, sentence):
    script = (
        "from experiments.kit.kernel import uring\n"
        "uring.switched_off = lambda: '0'\n"
        "print(uring.missing(), end='')"
    )
    assert run_denied(script, code) == sentence


def test_the_switch_of_the_kernel_is_named(monkeypatch):
    monkeypatch.setattr(uring, "switched_off", lambda: "2")
    assert refusal(errno.EPERM) == "io_uring is switched off on this machine (kernel.io_uring_disabled = 2)."


def test_the_kernel_s_structure_has_its_size():
    assert uring.ctypes.sizeof(uring.Parameters) == 120
    assert (uring.REQUEST.size, uring.RESULT.size) == (64, 16)


def test_the_refusal_is_an_exception_of_its_own():
    script = """
from experiments.kit.kernel.uring import Ring, Unavailable
try:
    Ring()
except Unavailable as error:
    print(type(error).__name__)
"""
    assert run_denied(script) == "Unavailable\n"
    assert issubclass(Unavailable, RuntimeError)
