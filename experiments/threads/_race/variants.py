"""Ways to count in several threads at once, as `threads.race` compares them: what runs in the subject.

Each is written out as a plain loop, because its bytecode is what this is about.
"""

from __future__ import annotations

import dis
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from experiments.kit.kernel.clock import NS_PER_S, known_sum, now_ns, thread_times
from experiments.kit.kernel.machine import gil_enabled
from experiments.kit.subjects.subjects import in_threads
from experiments.kit.subjects.work import calibrate

Variant = Literal["n += 1", "o.n += 1", "n = int(n) + 1", "t = n; one(); n = t + 1"]
Guard = Literal["without a lock", "with a lock"]
Loop = Callable[[int], None]

LOOK_INTERVAL_S = 0.0005  # of the interpreter while it is looked at: as many switches as there is time for
LOOK_EVERY_S = 0.0002
CALIBRATED_S = 0.01


class Object:
    n = 0


n = 0
o = Object()
lock = threading.Lock()


def one() -> int:
    return 1


def plain(loops: int) -> None:
    global n
    for _ in range(loops):
        n += 1


def plain_locked(loops: int) -> None:
    global n
    for _ in range(loops):
        with lock:
            n += 1


def attribute(loops: int) -> None:
    for _ in range(loops):
        o.n += 1


def attribute_locked(loops: int) -> None:
    for _ in range(loops):
        with lock:
            o.n += 1


def converted(loops: int) -> None:
    global n
    for _ in range(loops):
        n = int(n) + 1


def converted_locked(loops: int) -> None:
    global n
    for _ in range(loops):
        with lock:
            n = int(n) + 1


def called(loops: int) -> None:
    global n
    for _ in range(loops):
        t = n
        one()
        n = t + 1


def called_locked(loops: int) -> None:
    global n
    for _ in range(loops):
        with lock:
            t = n
            one()
            n = t + 1


LOOPS: Mapping[Variant, Mapping[Guard, Loop]] = {
    "n += 1": {"without a lock": plain, "with a lock": plain_locked},
    "o.n += 1": {"without a lock": attribute, "with a lock": attribute_locked},
    "n = int(n) + 1": {"without a lock": converted, "with a lock": converted_locked},
    "t = n; one(); n = t + 1": {"without a lock": called, "with a lock": called_locked},
}


def race(variant: Variant, guard: Guard, threads: int, loops: int, interval_s: float) -> list[int | None]:
    """All threads count at once: their sum, and nanoseconds from first to last and in the run queue."""
    global n
    n = o.n = 0
    sys.setswitchinterval(interval_s)
    pieces = in_threads(timed, [(LOOPS[variant][guard], loops)] * threads)
    starts, ends, delays = zip(*pieces, strict=True)
    return [n + o.n, max(ends) - min(starts), known_sum(delays)]


def timed(loop: Loop, loops: int) -> tuple[int, int, int | None]:
    before = thread_times()
    start = now_ns()
    loop(loops)
    return start, now_ns(), thread_times().since(before).delay_ns


def loops_for(variant: Variant, guard: Guard, work_s: float) -> int:
    """How many increments one thread alone makes in that time."""
    short_s = min(work_s, CALIBRATED_S)
    return max(1, round(calibrate(LOOPS[variant][guard], short_s) * work_s / short_s))


# -- where the interpreter switches ---------------------------------------------------------------


class Step(NamedTuple):
    """An instruction of a loop; `between`: after it n has been read, and not yet written."""

    offset: int
    name: str
    between: bool


def steps_of(loop: Loop) -> list[Step]:
    """The bytecode of one turn of the loop."""
    code = list(dis.get_instructions(loop))
    first = next(i for i, step in enumerate(code) if step.opname == "FOR_ITER")
    last = max(i for i, step in enumerate(code) if step.opname.startswith("JUMP"))
    steps, read = [], False
    for instruction in code[first : last + 1]:
        loads, stores = (instruction.opname.startswith(verb) for verb in ("LOAD", "STORE"))
        if instruction.argval == "n" and (loads or stores):
            read = loads
        name = f"{instruction.opname} {instruction.argval}" if loads or stores else instruction.opname
        steps.append(Step(instruction.offset, name, read))
    return steps


def switches(variant: Variant, look_s: float) -> list[list[str | int]]:
    """The bytecode of a variant: name, whether n is read but not written, and losses of the GIL seen there.

    Whoever gets the GIL from a thread that counts finds it exactly where it was interrupted.
    """
    loop = LOOPS[variant]["without a lock"]
    steps = steps_of(loop)
    seen = interruptions(loop, look_s) if gil_enabled() else Counter[int]()
    counts = Counter(place_of(steps, offset) for offset in seen.elements())
    return [[step.name, step.between, counts[i]] for i, step in enumerate(steps)]


def place_of(steps: list[Step], offset: int) -> int:
    """The instruction that an offset lies in: it may be in the cache behind it."""
    return max((i for i, step in enumerate(steps) if step.offset <= offset), default=0)


def interruptions(loop: Loop, look_s: float) -> Counter[int]:
    """Offsets of the instruction after which a thread in the loop let go of the GIL, each with its count."""
    sys.setswitchinterval(LOOK_INTERVAL_S)
    until_ns = now_ns() + round(look_s * NS_PER_S)
    stop = threading.Event()
    thread = threading.Thread(target=again_and_again, args=(loop, stop))
    thread.start()
    seen: Counter[int] = Counter()
    while now_ns() < until_ns:
        time.sleep(LOOK_EVERY_S)
        frame = sys._current_frames().get(thread.ident or 0)
        while frame and frame.f_code is not loop.__code__:
            frame = frame.f_back  # inside what the loop called
        if frame:
            seen[frame.f_lasti] += 1
    stop.set()
    thread.join()
    return seen


def again_and_again(loop: Loop, stop: threading.Event) -> None:
    while not stop.is_set():
        loop(100_000)


JOBS: Mapping[str, Callable[..., int | list[int | None] | list[list[str | int]]]] = {
    "race": race,
    "loops": loops_for,
    "switches": switches,
}


def do(job: str, *arguments: str | float) -> object:
    """In the subject: one of the jobs, by name."""
    return JOBS[job](*arguments)
