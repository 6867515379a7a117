"""Facts of the measuring process

Where is it, and as what?

It tells what a run can see of itself, and uses `burn_s` of CPU in a child.
"""

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple


class Fact(NamedTuple):
    name: str
    value: str


charts = []


def measure(burn_s: float = 0.0) -> Iterator[Fact]:
    if os.fork() == 0:
        while time.process_time() < burn_s:
            pass
        os._exit(0)
    os.wait()
    yield Fact("cwd", os.getcwd())
    yield Fact("tmp", tempfile.gettempdir())
    yield Fact("cores", str(len(os.sched_getaffinity(0))))
    yield Fact("nice", str(os.getpriority(os.PRIO_PROCESS, 0)))
    yield Fact("session", str(os.getsid(0) == os.getpid()))
    yield Fact("stdin", os.readlink("/proc/self/fd/0"))
    yield Fact("core file", str(resource.getrlimit(resource.RLIMIT_CORE)[0]))
