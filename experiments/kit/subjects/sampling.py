"""Draws what tasks do from looks at them: when each ran, was ready, was blocked, and on what.

A look cannot tell running from ready, because the kernel calls both R. Its books can, afterwards:
`run_ns` and `delay_ns` are exact, and a wait appears in them as a whole when it is over. So between
two looks that find a task on the run queue the next Δrun + Δdelay of its lane are settled, to the
microsecond; only their order has to be found (a wait ends in running, a run in a wait). What is
not in the books yet stays open until it is. Off the run queue, letter and system call say it all.

Held against the scheduler's own trace, this agrees for 81 to 99 % of the time for two to four
processes on one core, from 100 Hz on (tests/check_states_against_sched_trace.py). To repaint
[t - wait, t] whenever a wait appears at look t agrees for 46 % at 200 Hz, where looks are as far
apart as turns are long.
"""

from __future__ import annotations

import contextlib
import os
import platform
import random
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, get_args

from experiments.kit.kernel.clock import NS_PER_S, now_ns, sleep_until
from experiments.kit.kernel.proc import Task, Times

State = Literal["running", "ready", "blocked", "uninterruptible", "stopped", "zombie", "unknown"]
STATES: dict[str, State] = {"R": "running", "S": "blocked", "I": "blocked", "D": "uninterruptible",
                            "T": "stopped", "t": "stopped", "Z": "zombie", "X": "zombie"}  # fmt: skip
WAITS = frozenset("SD")
STILL = frozenset("TtZX")
JITTER = 0.25  # of a period: equal gaps would fall into step with ticks, or with what is looked at
STOLEN = 0.25  # of a gap: interrupts and the host take time that no book shows; more is a short block
SHORTEST_TURN_NS = 200_000  # no finer turns are drawn; a guess at what an eye can use
UNSEEN = "between two looks"


class Look(NamedTuple):
    """What one look at a task found, and when."""

    at_ns: int
    letter: str
    times: Times
    reason: str = ""

    @property
    def queued(self) -> bool:
        return self.letter == "R"

    @property
    def state(self) -> State:
        return STATES.get(self.letter, "unknown")


class Stretch(NamedTuple):
    """A piece of a lane: one state, from start to end."""

    state: State
    start_ns: int
    end_ns: int
    reason: str = ""


def look_at(task: Task, before: Look | None = None) -> Look:
    """Look once. Why a task waits is asked only if it has run since the look before."""
    letter = task.state()
    at_ns = now_ns()
    times = task.times()
    if letter not in WAITS:
        return Look(at_ns, letter, times)
    if before and before.letter == letter and before.times.slices == times.slices:
        return Look(at_ns, letter, times, before.reason)
    reason = str(task.blocked_on())
    still = task.times().slices == times.slices  # else it is the reason of another wait
    return Look(at_ns, letter, times, reason if still else "")


class Painter:
    """Turns the looks at one task into its lane, as far as the kernel's books are settled."""

    def __init__(self) -> None:
        self._before: Look | None = None
        self._settled_ns = 0  # the lane is painted up to here
        self._ran_last = True  # the last entry in the books was a run; False: a wait
        self._open: Stretch | None = None
        self._done: list[Stretch] = []

    def look(self, look: Look) -> None:
        before, self._before = self._before, look
        if before is None:
            self._settled_ns = look.at_ns
            return
        run_ns = look.times.run_ns - before.times.run_ns
        wait_ns = look.times.delay_ns - before.times.delay_ns
        if before.queued:
            run_ns += self._catch_up(before, look, run_ns + wait_ns)
        else:
            self._wake(before, look, run_ns + wait_ns)
        slices = look.times.slices - before.times.slices if before.queued and look.queued else 1
        self._take_turns(run_ns, wait_ns, slices, look.at_ns)
        if not look.queued:
            self._paint(look.state, look.at_ns, look.reason)

    def stopped_ns(self, look: Look) -> int:
        """When a task on the queue left it for good: where its books end, but no later than the look."""
        before = self._before
        if before is None or not before.queued or look.letter not in STILL:
            return look.at_ns
        entered_ns = look.times.run_ns - before.times.run_ns + look.times.delay_ns - before.times.delay_ns
        return min(look.at_ns, max(before.at_ns, self._settled_ns + entered_ns))

    def take(self) -> list[Stretch]:
        """What was settled since the last call, in order, without a gap or an overlap."""
        taken, self._done = self._done, []
        if self._open:
            taken.append(self._open)
            self._open = None
        return taken

    def _catch_up(self, before: Look, look: Look, entered_ns: int) -> int:
        """What the books lack: entries made after the look before must reach beyond it.

        A little is time that was stolen from a run; it is returned. Much is a block that no look saw.
        """
        missing_ns = before.at_ns - self._settled_ns - entered_ns
        if missing_ns <= 0 or (look.queued and not entered_ns):
            return 0
        if missing_ns <= STOLEN * (look.at_ns - before.at_ns) + entered_ns:
            return missing_ns
        self._paint("blocked", self._settled_ns + missing_ns, UNSEEN)
        return 0

    def _wake(self, before: Look, look: Look, entered_ns: int) -> None:
        """Paint the wait of a task that was found off the run queue, until it was woken."""
        middle_ns = (before.at_ns + look.at_ns) // 2
        if look.queued:
            woken_ns = min(middle_ns, look.at_ns - entered_ns)
        else:
            woken_ns = middle_ns - entered_ns // 2 if entered_ns else look.at_ns
        self._paint(before.state, woken_ns, before.reason)
        self._ran_last = True  # who is woken is ready first, and then runs

    def _take_turns(self, run_ns: int, wait_ns: int, slices: int, limit_ns: int) -> None:
        """Paint runs and waits by turns, as many as the kernel counted."""
        entered_ns = run_ns + wait_ns
        if not entered_ns:
            return
        if (room_ns := max(0, limit_ns - self._settled_ns)) < entered_ns:  # it was woken before our guess
            run_ns, wait_ns = run_ns * room_ns // entered_ns, wait_ns * room_ns // entered_ns
        turns = max(1, min(slices, (run_ns + wait_ns) // SHORTEST_TURN_NS))
        pieces: list[tuple[State, int]] = [("ready", wait_ns), ("running", run_ns)]
        if not self._ran_last:
            pieces.reverse()
        start_ns = self._settled_ns
        for _ in range(turns):
            for state, total_ns in pieces:
                self._paint(state, self._settled_ns + total_ns // turns)
        self._paint(pieces[1][0] if pieces[1][1] else pieces[0][0], start_ns + run_ns + wait_ns)
        if not (run_ns and wait_ns):
            self._ran_last = bool(run_ns)

    def _paint(self, state: State, until_ns: int, reason: str = "") -> None:
        start_ns = self._settled_ns
        if until_ns <= start_ns:
            return
        self._settled_ns = until_ns
        if self._open and (self._open.state, self._open.reason) == (state, reason):
            self._open = self._open._replace(end_ns=until_ns)
            return
        if self._open:
            self._done.append(self._open)
        self._open = Stretch(state, start_ns, until_ns, reason)


class Bins:
    """A lane summed up: for each bin how long every state had, side by side; the order inside is lost."""

    def __init__(self, width_ns: int) -> None:
        self._width_ns = width_ns
        self._start_ns: int | None = None
        self._sums: Counter[State] = Counter()

    def add(self, stretches: Iterable[Stretch]) -> list[Stretch]:
        """The bins that are full now."""
        full: list[Stretch] = []
        for state, start_ns, end_ns, _ in stretches:
            if self._start_ns is None:
                self._start_ns = start_ns
            while start_ns < end_ns:
                bin_end_ns = self._start_ns + self._width_ns
                cut_ns = min(end_ns, bin_end_ns)
                self._sums[state] += cut_ns - start_ns
                start_ns = cut_ns
                if cut_ns == bin_end_ns:
                    full += self._empty(self._start_ns)
                    self._start_ns = bin_end_ns
        return full

    def close(self) -> list[Stretch]:
        """The bin that is being filled, as far as it is."""
        return [] if self._start_ns is None else self._empty(self._start_ns)

    def _empty(self, start_ns: int) -> list[Stretch]:
        reason = f"share of {self._width_ns / 1e6:.0f} ms"
        shares: list[Stretch] = []
        for state in sorted(self._sums, key=get_args(State).index):
            end_ns = start_ns + self._sums[state]
            shares.append(Stretch(state, start_ns, end_ns, reason))
            start_ns = end_ns
        self._sums.clear()
        return shares


class Sampler:
    """Looks at tasks `rate` times a second, and keeps of every one its first and last look.

    The first look should find them off the run queue, or just released: else a wait that had begun
    before is entered in full. `settle` does the same for the last one.

    `seen_ns` is how long each letter lasted by the looks alone, without the kernel's books.
    """

    def __init__(self, tasks: Mapping[str, Task], rate: float) -> None:
        self.tasks = tasks
        self.painters = {name: Painter() for name in tasks}
        self.seen_ns: dict[str, Counter[str]] = {name: Counter() for name in tasks}
        self.first: dict[str, Look] = {}
        self.last: dict[str, Look] = {}
        self.looks = 0  # at each task
        self.looking_ns = 0
        self.late_ns = 0
        self._period_ns = NS_PER_S / rate
        self._random = random.Random(rate)
        self._next_ns = now_ns()

    def look_until(self, until_ns: int) -> None:
        while self._next_ns < until_ns:
            sleep_until(self._next_ns)
            self.late_ns += now_ns() - self._next_ns
            self.look()
            gap_ns = int(self._period_ns * self._random.uniform(1 - JITTER, 1 + JITTER))
            self._next_ns = max(self._next_ns + gap_ns, now_ns())
        sleep_until(until_ns)

    def look(self) -> None:
        """One look at every task."""
        start_ns = now_ns()
        for name in self.tasks:
            self._look_at(name)
        self.looks += 1
        self.looking_ns += now_ns() - start_ns

    def settle(self, limit_ns: int) -> None:
        """After all were told to stop: look on until nobody is on the run queue, and all books complete.

        Whoever looks may come late to its own core; what had stopped by then counts to its stop.
        """
        left = list(self.tasks)
        while left and now_ns() < limit_ns:
            for name in left:
                self._look_at(name, stopping=True)
            left = [name for name in left if self.last[name].letter not in STILL]

    def _look_at(self, name: str, stopping: bool = False) -> None:
        before = self.last.get(name)
        look = look_at(self.tasks[name], before)
        if stopping:
            look = look._replace(at_ns=self.painters[name].stopped_ns(look))
        self.last[name] = look
        self.painters[name].look(look)
        if before is None:
            self.first[name] = look
            return
        gap_ns = look.at_ns - before.at_ns
        self.seen_ns[name][before.letter] += gap_ns - gap_ns // 2
        self.seen_ns[name][before.letter if stopping else look.letter] += gap_ns // 2


SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
SCHED_ATTR = struct.Struct("=IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period
SHORT_SLICE_NS = 100_000


@contextlib.contextmanager
def woken_promptly() -> Iterator[None]:
    """Ask the scheduler for short slices, so that looks come in time on a core that is shared.

    Without it looks wait until the subject on the observer's core blocks, and so find it blocked too
    often (sched(7), EEVDF; heeded from Linux 6.12 on). Children forked inside inherit it.
    """
    ask_for_slice(SHORT_SLICE_NS)
    try:
        yield
    finally:
        ask_for_slice(0)


def ask_for_slice(slice_ns: int) -> None:
    """The calling thread's slice, 0 for the default. Where it cannot be had nothing happens."""
    number = SCHED_SETATTR.get(platform.machine())
    try:
        policy, nice = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    except (AttributeError, OSError):
        return
    if number is None or policy != os.SCHED_OTHER:
        return
    import ctypes

    attributes = SCHED_ATTR.pack(SCHED_ATTR.size, os.SCHED_OTHER, 0, nice, 0, slice_ns, 0, 0)
    ctypes.CDLL(None).syscall(number, 0, attributes, 0)
