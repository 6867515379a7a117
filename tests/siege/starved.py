"""A run in a control group with too little memory: the kernel kills it, and the server lives."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.served import Served
from tests.siege.ground import answer_s, arguments, ground, report

ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


@contextlib.contextmanager
def little_memory(pid: int, limit_b: int) -> Iterator[Path]:
    """Puts the children of a process, one of which waits for the next run, into a group of their own."""
    root = next(root for root in ROOTS if (root / "cgroup.procs").exists())
    group = root / f"oscope-siege-{pid}"
    group.mkdir()
    home = next(
        (
            line.rsplit(":", 1)[1]
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            if "memory" in line
        ),
        "/",
    )
    try:
        name = "memory.limit_in_bytes" if root.name == "memory" else "memory.max"
        (group / name).write_text(str(limit_b))
        for member in psutil.Process(pid).children(recursive=True):
            (group / "cgroup.procs").write_text(str(member.pid))
        yield group
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / home.lstrip("/") / "cgroup.procs").write_text(left)
        with contextlib.suppress(OSError):  # a process of it may still be ending
            group.rmdir()


def besiege(served: Served, megabytes: int = 4) -> dict[str, object]:
    """A run that needs more than there is, and one after it that does not."""
    served.ended(served.run("threads.gil_wait", None, seconds=0.3))
    while not psutil.Process(served.process.pid).children():
        time.sleep(0.05)
    with little_memory(served.process.pid, megabytes << 20):
        begun = time.monotonic()
        run = served.ended(served.run("threads.gil_wait", None, seconds=0.3), 120)
        took = time.monotonic() - begun
        answered = answer_s(served)
    again = served.ended(served.run("threads.gil_wait", None, seconds=0.3))
    return {
        "limit, MB": megabytes,
        "the run": f"{run['state']}: {run['why'] or (run['verdict'] or {}).get('headline')}",
        "ended after, s": took,
        "answer afterwards, s": answered,
        "the next run": again["state"],
        "server": "lives" if served.process.poll() is None else "is gone",
    }


if __name__ == "__main__":
    if os.geteuid():
        raise SystemExit("a control group of its own takes root")
    given = arguments(__doc__ or "", megabytes=4)
    with ground() as own:
        report(besiege(own, **vars(given)))
