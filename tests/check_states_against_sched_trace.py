# ruff: noqa: T201  # a script: it prints
"""Holds processes.states against the scheduler's own trace. Run by hand, as root:

    python -m tests.check_states_against_sched_trace [--seconds 3] [--rate 200] [--spinners 2] [--nice 0]

The kernel writes down every switch and every wake-up (tracefs, in an instance of our own), while
the experiment looks on without privileges. Then both tell the same story, or this exits with 1:
shares must agree within two points; how much of each lane was drawn right is printed beside them.
Exits with 2, and says why, where the kernel does not let us trace.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from experiments.kit.kernel.clock import NS_PER_S
from experiments.kit.kernel.proc import Task
from experiments.kit.subjects.sampling import woken_promptly
from experiments.processes._states.cast import Cast
from experiments.processes.states import Share, Span, Watch

# sched_wakeup, not sched_waking: the kernel's run-queue delay begins when a task is in the queue, and
# the way there, to a virtual core that sleeps, is long enough to count at a thousand wake-ups a second.
EVENTS = ("sched_switch", "sched_wakeup", "sched_wakeup_new")
BUFFER_KB = 32 * 1024  # a core
POINTS = 0.02
KINDS = {"running": "running", "ready": "ready"}  # all the rest is off the run queue
SWITCH = re.compile(
    r"\[(\d+)\]\s+\S+\s+(\d+)\.(\d+): sched_switch: .*"
    r"prev_pid=(\d+) prev_prio=\S+ prev_state=(\S+) ==> .*next_pid=(\d+) "
)
WAKE = re.compile(r"\s(\d+)\.(\d+): sched_wak\w+: .*\bpid=(\d+) prio")


class Stretch(NamedTuple):
    kind: str
    start_ns: int
    end_ns: int


class Event(NamedTuple):
    at_ns: int
    pid: int
    kind: str  # what the process does from here on


class NotTraceable(Exception):
    """Why there is no trace on this machine."""


@contextlib.contextmanager
def tracefs() -> Iterator[Path]:
    """A place where tracefs is mounted: the usual one, or one of our own for a while."""
    usual = Path("/sys/kernel/tracing")
    if os.access(usual / "instances", os.W_OK):
        yield usual
        return
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tracefs", "tracefs", folder], capture_output=True, text=True
        )
        if mounted.returncode:
            raise NotTraceable(f"tracefs cannot be mounted: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def traced() -> Iterator[list[str]]:
    """Lines of the trace; there are none before the block is left."""
    lines: list[str] = []
    with tracefs() as root:
        instance = root / "instances" / f"oscope-{os.getpid()}"
        try:
            instance.mkdir()
        except OSError as error:
            raise NotTraceable(f"no instance of the tracer can be made ({error})") from error
        try:
            (instance / "buffer_size_kb").write_text(str(BUFFER_KB))
            (instance / "trace_clock").write_text("mono")  # CLOCK_MONOTONIC, like our looks
            for event in EVENTS:
                (instance / "events/sched" / event / "enable").write_text("1")
            yield lines
            (instance / "tracing_on").write_text("0")
            lines += (instance / "trace").read_text().splitlines()
        except FileNotFoundError as error:
            raise NotTraceable(f"the tracer lacks {error.filename}") from error
        finally:
            instance.rmdir()


def events(lines: Iterable[str]) -> list[Event]:
    """In order of time. Some virtual machines lose the switch from idle to a task: it is put back in.

    Who leaves a core without having come to it got it when the one before left.
    """
    found: list[Event] = []
    on_core: dict[str, tuple[int, int]] = {}  # who came to each core last, and when
    for line in lines:
        if match := SWITCH.search(line):
            core, at_ns, left, came = match[1], stamp(match[2], match[3]), int(match[4]), int(match[6])
            resident, since_ns = on_core.get(core, (left, at_ns))
            if resident != left:
                found.append(Event(since_ns, left, "running"))
            found.append(Event(at_ns, left, "ready" if match[5].startswith("R") else "off"))
            found.append(Event(at_ns, came, "running"))
            on_core[core] = came, at_ns
        elif match := WAKE.search(line):
            found.append(Event(stamp(match[1], match[2]), int(match[3]), "woken"))
    return sorted(found, key=lambda event: event.at_ns)


def stamp(whole: str, fraction: str) -> int:
    return int(whole) * NS_PER_S + int(fraction.ljust(9, "0"))


def lane(of_process: list[Event], begin_ns: int, end_ns: int) -> list[Stretch]:
    """What one process did, by the trace. It is off the run queue before its first event."""
    stretches = []
    kind, since_ns = "off", begin_ns
    for event in of_process:
        if event.kind == "woken" and kind != "off":
            continue  # it was awake already
        stretches.append(Stretch(kind, since_ns, event.at_ns))
        kind, since_ns = "ready" if event.kind == "woken" else event.kind, event.at_ns
    stretches.append(Stretch(kind, since_ns, end_ns))
    cut = (Stretch(k, max(a, begin_ns), min(b, end_ns)) for k, a, b in stretches)
    return [stretch for stretch in cut if stretch.start_ns < stretch.end_ns]


def shares(stretches: Iterable[Stretch]) -> dict[str, float]:
    sums: Counter[str] = Counter()
    for kind, start_ns, end_ns in stretches:
        sums[kind] += end_ns - start_ns
    return {kind: sums[kind] / sums.total() for kind in ("running", "ready", "off")}


def agreement(one: list[Stretch], other: list[Stretch]) -> float:
    """For what part of their common time two lanes show the same."""
    same = both = 0
    waiting = iter(other)
    right = next(waiting, None)
    for left in one:
        while right and right.end_ns <= left.start_ns:
            right = next(waiting, None)
        while right and right.start_ns < left.end_ns:
            overlap = min(left.end_ns, right.end_ns) - max(left.start_ns, right.start_ns)
            both += overlap
            same += overlap * (left.kind == right.kind)
            if right.end_ns > left.end_ns:
                break
            right = next(waiting, None)
    return same / both


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--rate", type=float, default=200.0)
    options.add_argument("--spinners", type=int, default=2)
    options.add_argument("--nice", type=int, default=0)
    asked = options.parse_args()
    try:
        return compare(asked.seconds, asked.rate, asked.spinners, asked.nice)
    except NotTraceable as reason:
        print(f"Nothing was compared: {reason}.")
        print("This needs root, and a kernel with tracefs (perf sched needs the same tracepoints).")
        return 2


def compare(seconds: float, rate: float, spinners: int, nice: int) -> int:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        lines = stack.enter_context(traced())
        cast = stack.enter_context(Cast(Path(folder), spinners, nice, zombie_after_s=seconds / 3))
        stack.enter_context(woken_promptly())
        watch = Watch({name: Task(subject.pid) for name, subject in cast.subjects.items()}, rate)
        cast.start()
        rows = list(watch.run(cast, seconds))
    by_pid: dict[int, list[Event]] = {}
    for event in events(lines):
        by_pid.setdefault(event.pid, []).append(event)
    print(f"{seconds:g} s at {rate:g} Hz, {len(lines)} events in the trace; shares in %: ours / the trace's")
    print(f"{'process':<12}{'running':>16}{'ready':>16}{'off the queue':>18}{'lane drawn right':>20}")
    worst = max(tell(row, watch, by_pid[row.pid], rows) for row in rows if type(row) is Share)
    print(f"furthest apart: {worst * 100:.2f} points (allowed: {POINTS * 100:g})")
    return 0 if worst <= POINTS else 1


def tell(share: Share, watch: Watch, of_process: list[Event], rows: list[object]) -> float:
    """Print a line about one process; returns how far our shares are from the trace's."""
    first, last = watch.sampler.first[share.process], watch.sampler.last[share.process]
    truth = lane(of_process, first.at_ns, last.at_ns)
    theirs = shares(truth)
    off_s = share.blocked_s + share.stopped_s + share.zombie_s
    sums = {"running": share.running_s, "ready": share.ready_s, "off": off_s}
    ours = {kind: sum_s / share.wall_s for kind, sum_s in sums.items()}
    drawn = [
        Stretch(KINDS.get(row.state, "off"), *(watch.begin_ns + int(t * NS_PER_S) for t in row[3:5]))
        for row in rows
        if type(row) is Span and row.process == share.process
    ]
    cells = [f"{ours[kind] * 100:>8.1f} /{theirs[kind] * 100:>5.1f}" for kind in theirs]
    print(f"{share.process:<12}{cells[0]:>16}{cells[1]:>16}{cells[2]:>18}", end="")
    print(f"{agreement(drawn, truth) * 100:>18.1f} %")
    return max(abs(ours[kind] - theirs[kind]) for kind in theirs)


if __name__ == "__main__":
    sys.exit(main())
