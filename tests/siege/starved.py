"""A server in a control group with little memory: the kernel kills what is measured, and the server lives."""

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
    """Puts a process with all that it starts into a group of its own; OSError where that is not allowed."""
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
        for member in [pid, *psutil.Process(pid).children(recursive=True)]:  # one waits for the next run
            (group / "cgroup.procs").write_text(str(getattr(member, "pid", member)))
        yield group
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / home.lstrip("/") / "cgroup.procs").write_text(left)
        group.rmdir()


def besiege(served: Served, megabytes: int = 300) -> dict[str, object]:
    """A run that wants more than there is."""
    with little_memory(served.process.pid, megabytes << 20):
        begun = time.monotonic()
        run = served.ended(served.run("memory.paging", None, mib=1024), 120)
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
    given = arguments(__doc__ or "", megabytes=300)
    with ground() as own:
        report(besiege(own, **vars(given)))
