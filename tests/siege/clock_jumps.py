"""The wall clock of a server jumps by an hour, forth and back, while it measures and while it serves.

A library that is loaded before the C library (ld.so(8), LD_PRELOAD) shifts CLOCK_REALTIME for the server and
its runs by what a file says; no other program on the machine notices. Needs a C compiler.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.served import Served, serve
from tests.siege.ground import answer_s, arguments, log_of, report

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *shift(void) {
    static const volatile long *seconds;
    static const long none;
    if (!seconds) {
        const char *path = getenv("CLOCK_SHIFT");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *page = file < 0 ? MAP_FAILED : mmap(0, sizeof none, PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        seconds = page == MAP_FAILED ? &none : page;
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += *shift();
    return answer;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec, now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
"""


def besiege(hours: float = 1.0) -> dict[str, object]:
    compiler = shutil.which("cc")
    if not compiler:
        sys.exit("there is no C compiler: install gcc")
    with tempfile.TemporaryDirectory(prefix="oscope-siege-") as folder:
        library, clock = Path(folder) / "shift.so", Path(folder) / "shift"
        command = [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-o", str(library), "-", "-ldl"]
        subprocess.run(command, input=SHIM, text=True, check=True)
        jump(clock, 0)
        os.environ |= {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(clock)}
        try:
            with serve(Path(folder) / "data") as served:
                return jumps(served, clock, round(hours * 3600))
        finally:
            del os.environ["LD_PRELOAD"], os.environ["CLOCK_SHIFT"]


def jump(clock: Path, seconds: int) -> None:
    """In place: the file is mapped by the processes that look at it."""
    with open(clock, "r+b" if clock.exists() else "w+b") as file:
        file.write(struct.pack("l", seconds))


def jumps(served: Served, clock: Path, far: int) -> dict[str, object]:
    runs, figures = [], {}
    for name, seconds in (("forth", far), ("back", -far), ("home", 0)):
        begun = time.monotonic()
        run = served.run("threads.gil_wait")
        while served.get(f"/api/runs/{run}")["state"] == "queued":
            time.sleep(0.02)
        jump(clock, seconds)
        after, most = served.ended(run), time.monotonic() - begun
        runs.append(run)
        by_wall = after["ended_at"] - after["started_at"]
        figures[f"{name}: the run"] = f"{after['state']}, {after['length_s']:.2f} s of at most {most:.2f} s"
        figures[f"{name}: by the wall clock, s"] = by_wall
        figures[f"{name}: next answer, s"] = answer_s(served)
    listed = [run["id"] for run in served.get("/api/runs?limit=3")["runs"]]
    return {
        **figures,
        "history, newest first": listed == runs[::-1],
        "GET /, s": answer_s(served, "/", 30.0),
        "tracebacks": log_of(served).count("Traceback"),
    }


if __name__ == "__main__":
    report(besiege(arguments(__doc__ or "", hours=1.0).hours))
