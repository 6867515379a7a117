"""Runs Python in a child to which the kernel refuses system calls, as a container's sandbox does."""

import errno
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
IO_URING = (425, 426, 427)  # setup, enter, register: the same numbers on every architecture

FILTER = """
import ctypes, struct

def deny(numbers, code):
    '''A classic BPF program on struct seccomp_data: compare the call's number, answer with an errno.'''
    load, equal, back, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
    program = [(load, 0, 0, 0)]
    for number in numbers:
        program += [(equal, 0, 1, number), (back, 0, 0, refuse | code)]
    program.append((back, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in program))
    head = struct.pack("@HP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(head), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp is not available")
"""


def run_denied(script: str, refusal: int = errno.EPERM, calls: Sequence[int] = IO_URING) -> str:
    """What `script` prints where these calls (io_uring's) are refused with this errno."""
    whole = f"{FILTER}\ndeny({tuple(calls)}, {refusal})\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", whole], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def under_refusal(command: Sequence[str], refusal: int, calls: Sequence[int]) -> list[str]:
    """What runs `command` where these calls are refused with this errno, also to its children."""
    script = f"{FILTER}\ndeny({tuple(calls)}, {refusal})\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", script, *command]
