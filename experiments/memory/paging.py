"""Promised memory and real memory

When does memory become real?

A hotel takes a thousand bookings in a minute. No bed is made for them: a room is made up when a
guest stands in the hall for the first time, and that takes a moment. Whoever comes back to the
same room just walks in. So does the kernel treat a program that asks for memory. It writes the
booking down and answers at once ([mmap(2)]); the address space has grown, and no page of memory is used.

When the program writes to such a page for the first time, the processor finds no memory behind the
address and calls the kernel: a page fault, here a minor one, because nothing has to be read from a disk
([memory concepts]). The kernel takes a free page, fills it with zeros, enters it in the page table, and
lets the program repeat its instruction as if nothing had happened. In the figure the dashed line is what
was promised, the solid one what is really there while we write from front to back.

- "The program uses 20 GB, `top` says so" often looks at the wrong column. VIRT is what was
  promised and may be more than the machine has ([overcommit accounting]); RES is what is there.
- "Allocating is expensive" blames the wrong line. Asking costs microseconds, whatever the size.
  The price is paid later, page by page, by whoever writes first: compare the first touch with the
  second. This is why a program that is to answer quickly touches its memory beforehand.
- "Reading needs memory, too" is wrong for such memory as long as nobody has written: every page that was
  only read is one and the same page full of zeros. It costs a fault, and adds nothing.
- A huge page (2 MiB where ordinary ones have 4 KiB) is made up by one fault instead of 512
  ([huge pages]). That is cheaper in all, but who needs one byte of it gets all of it.

How it is measured: a mapping of its own, touched one byte a page by a loop in C. After each step we read
the kernel's own counters: sizes from `/proc/self/statm` ([proc_pid_statm(5)]), faults from `getrusage`
([getrusage(2)]). Times are CPU time, so that others who take the core do not count. Everything is touched
and given back once before it counts, because the host of a virtual machine makes up its rooms late, too.
Kinds of touching take turns, and times are judged only as ratios within a pass.

[mmap(2)]: https://man7.org/linux/man-pages/man2/mmap.2.html
[getrusage(2)]: https://man7.org/linux/man-pages/man2/getrusage.2.html
[proc_pid_statm(5)]: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
[overcommit accounting]: https://docs.kernel.org/mm/overcommit-accounting.html
[huge pages]: https://docs.kernel.org/admin-guide/mm/transhuge.html
[memory concepts]: https://docs.kernel.org/admin-guide/mm/concepts.html
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from typing import Annotated, Literal

from experiments.kit import Bars, Between, Count, Line, Mebibytes, Need, NumberGuess, Progress, Reference
from experiments.kit.kernel.clock import thread_times
from experiments.kit.kernel.machine import available, memory, mib_of
from experiments.kit.spec import ParameterError
from experiments.kit.stats import theil_sen
from experiments.kit.subjects import tally
from experiments.memory._paging.promises import Arm, Step, Total, how_much_slower, verdict
from experiments.memory._touch import MIB, PAGE_B, STATM, huge_b, touch_twice

__all__ = ["Step", "Total", "charts", "guess", "measure", "verdict"]

LEAST_MIB, USUAL_MIB = 16, 256
MOST_MIB = 3840  # a run may hold 4 GiB, and Python is in it, too

Huge = Literal["off", "on", "both"]
ARMS: dict[str, tuple[Arm, ...]] = {
    "off": ("written", "only read"),
    "on": ("huge pages",),
    "both": ("written", "only read", "huge pages"),
}


charts = [
    Line(
        Step,
        id="resident",
        title="How much memory is really there?",
        caption="Promised is the growth of the address space; it is there before the first touch.",
        x="touched_mib",
        y="resident_mib",
        by="arm",
        references=(Reference(label="promised", row=Step, x="touched_mib", y="virtual_mib"),),
    ),
    Bars(
        Total,
        id="slower",
        title="How many times as long does the first touch take as the second?",
        x="arm",
        y="slower",
        log_y=True,
    ),
    Bars(
        Total, id="faults", title="How many page faults did it take?", x="arm", y="minor_faults", log_y=True
    ),
]

guess = NumberGuess(
    ask="How many times as long does the first write to a page take as the second?",
    figure="slower",
    about="written",
    unit="×",
    low=1,
    high=10_000,
    log=True,
    measured=how_much_slower,
)

presets = {
    "quick": {"mib": 64},
    "without huge pages": {"huge": "off"},
    "careful": {
        "mib": min(1024, max(USUAL_MIB, mib_of(memory(), 4) or USUAL_MIB)),
        "steps": 32,
        "repeats": 7,
    },
}


def missing() -> str:
    there = os.path.exists(STATM) and hasattr(mmap, "MADV_NOHUGEPAGE")
    return "" if there else "This experiment needs Linux: /proc/self/statm, and a say in the size of pages."


needs = (Need(missing),)


def measure(
    mib: Annotated[
        Mebibytes,
        Between(LEAST_MIB, max(USUAL_MIB, min(MOST_MIB, mib_of(memory(), 4) or USUAL_MIB))),
        "size of the mapping; a quarter of this machine's memory at most",
    ] = USUAL_MIB,
    huge: Annotated[Huge, "huge pages: off, on, or both in turns"] = "both",
    steps: Annotated[Count, Between(4, 64), "how often we look while we touch it"] = 16,
    repeats: Annotated[Count, Between(3, 20), "passes of each kind"] = 3,
) -> Iterator[Step | Total | Progress]:
    check_room(mib)
    arms = arms_here(huge, mib)
    for arm in arms:
        yield Progress(0, "touching everything once before it counts")
        list(touched(arm, -1, mib, steps))
    for repeat in range(repeats):
        yield Progress(repeat / repeats, f"pass {repeat + 1} of {repeats}")
        for arm in arms[:: 1 if repeat % 2 == 0 else -1]:  # every second time backwards: a drift cancels
            yield from touched(arm, repeat, mib, steps)
    yield Progress(1)


def cost(mib: float, huge: str, steps: int, repeats: int) -> float:
    """Seconds: a page takes about a microsecond, and ten where the host makes it up, too."""
    return 0.2 + mib * (0.0015 + 0.0005 * repeats) * len(ARMS[huge])


def arms_here(huge: str, mib: float) -> list[Arm]:
    """What can be touched here; ParameterError where nothing of what was asked for can."""
    there = 0 < huge_b() <= mib * MIB
    arms = [arm for arm in ARMS[huge] if arm != "huge pages" or there]
    if not arms:
        raise ParameterError(f"huge: this machine has no huge pages that fit into {mib:g} MiB; choose off")
    return arms


def check_room(mib: float) -> None:
    """ParameterError where a quarter of the memory that is free now would not hold the mapping."""
    most = mib_of(available(), 4)
    if most is not None and mib > max(most, LEAST_MIB):
        raise ParameterError(
            f"mib: {mib:g} is more than a quarter of the memory that is free now; at most {most} fit"
        )


# -- one pass -------------------------------------------------------------------------------------


def touched(arm: Arm, repeat: int, mib: float, steps: int) -> Iterator[Step | Total]:
    """A row for the mapping as it is before the first touch, one for each step, and their sum."""
    before = thread_times()
    done = touch_twice(int(mib * MIB), steps, huge=arm == "huge pages", write=arm != "only read")
    tally.add(*thread_times().since(before))
    rows = [
        Step(arm, repeat, 0.0, done.untouched.virtual_mib, done.untouched.resident_mib, 0, None, None, 0.0)
    ]
    pages = 0
    for once, twice in zip(done.first, done.second, strict=True):
        pages += once.pages
        rows.append(
            Step(
                arm=arm,
                repeat=repeat,
                touched_mib=pages * PAGE_B / MIB,
                virtual_mib=once.grown.virtual_mib,
                resident_mib=once.grown.resident_mib,
                minor_faults=once.added.minor_faults,
                first_ns=once.added.cpu_ns // once.pages,
                second_ns=twice.added.cpu_ns // twice.pages,
                system_s=once.added.system_s,
            )
        )
    yield from rows
    faults = sum(part.added.minor_faults for part in done.first)
    once_ns, twice_ns = (sum(part.added.cpu_ns for part in parts) for parts in (done.first, done.second))
    slope = theil_sen([row.touched_mib for row in rows], [row.resident_mib for row in rows]).value
    yield Total(arm, repeat, pages, faults, faults / pages, slope, once_ns / twice_ns)
