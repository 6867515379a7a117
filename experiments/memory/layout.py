"""Address space

Where does everything live?

Think of a very long street with a house number for every byte. A program lives in it alone: every process
has a street of its own with the same numbers, and the kernel keeps the list of what is built where. At
the low end stand its code and its data. Then comes the heap, which grows towards higher numbers, and from
far up the stack grows towards lower ones. Between them lie mappings and libraries, and terabytes of empty
ground. The upper half of the street belongs to the kernel: nobody else may even look. The list is open to
read in `/proc/<pid>/maps` ([proc_pid_maps(5)]); the figure draws it for a living process, before and
after it has done something.

What to look for. A box is as high as the logarithm of its size, and filled as far as there is memory
behind it. Start threads, and the address space grows by a gigabyte while hardly anything is filled: each
thread gets a stack of 8 MiB (what `ulimit -s` says) with a forbidden page below it, the guard
([pthread_attr_setguardsize(3)]). Its first `malloc` reserves another 64 MiB, an *arena*, so that it need
not wait for others; glibc makes at most eight of these for each core ([glibc tunables]). Many small blocks
grow the heap; one large mapping goes elsewhere and can be given back alone. A deep recursion grows the
stack, and what has grown there never shrinks again.

- "A thread costs 8 MiB" is wrong: it costs 8 MiB of numbers, which are free, and some dozen KiB of
  memory. The stack is filled when it is used.
- "A process that shows 1 GiB in VIRT is large" mistakes numbers for memory. RES is what is filled.
- "The textbook's picture has one heap and one stack": it shows a process with one thread. Every
  further thread brings a stack, and often a heap, and they lie among the mappings.
- "Addresses that nobody uses are wasted": the classic split of 32 bits gave a program 3 GiB and the
  kernel one, and numbers were scarce. With 64 bits each has 128 TiB ([x86-64 memory map]; 64 PiB with five
  levels of page tables), and leaving numbers free is good practice: what lies far apart cannot run into
  its neighbour.
- "A guard is a region of its own" holds for older C libraries, which take all rights from that page. From
  glibc 2.42 and Linux 6.13 on it is a mark within the stack's mapping (MADV_GUARD_INSTALL, [madvise(2)]).
  The page is just as forbidden, but no line of `maps` shows it, and neighbouring stacks can become one
  line.

How it is measured. Each thing is done by a fresh child of ours, which then waits while we read
`/proc/<pid>/smaps` from outside ([proc_pid_smaps(5)]). What a region is for stands nowhere in there: we
tell it from names, rights and neighbours, and stacks in one region apart by the marks of their guards or by
their size. Blocks are written in full, of the mapping the first half, and the threads only wait.

[proc_pid_maps(5)]: https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html
[proc_pid_smaps(5)]: https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html
[glibc tunables]: https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
[madvise(2)]: https://man7.org/linux/man-pages/man2/madvise.2.html
[pthread_attr_setguardsize(3)]: https://man7.org/linux/man-pages/man3/pthread_attr_setguardsize.3.html
[x86-64 memory map]: https://docs.kernel.org/arch/x86/x86_64/mm.html
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from typing import Annotated

from experiments.kit import Bars, Between, Cells, Count, Mebibytes, Need, NumberGuess, Progress
from experiments.kit.charts import Space
from experiments.kit.kernel import maps as kit_maps
from experiments.kit.kernel.machine import available, memory, mib_of
from experiments.kit.spec import ParameterError
from experiments.kit.subjects.subjects import Group, Worker
from experiments.memory._layout.growing import ACTIONS, Action, perform
from experiments.memory._layout.places import USUAL_DEPTH, Growth, Limit, Part, Sum, by_threads, verdict
from experiments.memory._touch import MIB

__all__ = ["Growth", "Limit", "Part", "Sum", "charts", "guess", "measure", "verdict"]

LEAST_MIB, USUAL_MIB, MOST_MIB = 16, 64, 1024
SHARE = 8  # of the memory: the blocks of one child, or half the mapping of the next
LEAST_DEPTH = 10
CALL_MIB, ROOM_MIB = 6 / 1024, 0.4  # of stack: a call took 4.6 to 5.0 KiB in CPython 3.10 to 3.13


def stack_limit_mib() -> float | None:
    try:
        limit_b, _ = resource.getrlimit(resource.RLIMIT_STACK)
    except OSError:  # refused; /proc tells it, too
        return told_stack_limit_mib()
    return None if limit_b == resource.RLIM_INFINITY else limit_b / MIB


def told_stack_limit_mib() -> float | None:
    """The line "Max stack size  8388608  unlimited  bytes" (proc_pid_limits(5))."""
    with open("/proc/self/limits") as limits:
        soft = next(line for line in limits if line.startswith("Max stack size")).split()[3]
    return int(soft) / MIB if soft.isdigit() else None


def usual_depth() -> int:
    """As deep as a stack allows here, and no deeper than is usual; `deep_doubts` tells where it is less."""
    allowed = stack_limit_mib()
    fits = USUAL_DEPTH if allowed is None else int((allowed - ROOM_MIB) / CALL_MIB)
    return max(LEAST_DEPTH, min(USUAL_DEPTH, fits))


DEPTH = usual_depth()
charts = [
    Space(
        Part,
        id="space",
        title="Where does everything live?",
        caption="High addresses on top; the height is the logarithm of the size, and what is filled is in"
        " memory. What came is written with a plus. Regions of one kind are drawn as one.",
        by="moment",
        part="part",
        size="addresses_b",
        resident="resident_b",
        classic=True,
    ),
    Bars(
        Sum,
        id="grown",
        title="How much came: addresses, and memory?",
        caption="For each thing that a child did. Addresses are what maps lists, memory what is resident.",
        x="action",
        y="grown_mib",
        by="kind",
        log_y=True,
    ),
    Cells(
        Growth,
        id="parts",
        title="Which part has grown?",
        across="action",
        down="part",
        value="grown_mib",
    ),
]

guess = NumberGuess(
    ask="Threads are started that only wait, 16 unless you say otherwise. How large is what they add to"
    " the address space?",
    figure="grown",
    about="threads",
    by="addresses",
    unit="MiB",
    low=0.01,
    high=100_000,
    log=True,
    measured=by_threads,
)

presets = {
    "quick": {"repeats": 3},
    "one thread": {"threads": 1},
    "recursion": {"action": "recursion"},
    "careful": {"repeats": 15, "mib": min(256, max(USUAL_MIB, mib_of(memory(), SHARE) or USUAL_MIB))},
}


def missing() -> str:
    there = os.path.exists("/proc/self/smaps") and hasattr(os, "fork")
    return "" if there else "This experiment needs Linux: fork, and /proc/<pid>/smaps."


needs = (Need(missing),)


def measure(
    action: Annotated[Action, "what the child in the first figure does; the others are done all the same"] = (
        "threads"
    ),
    threads: Annotated[Count, Between(1, 64), "threads that only wait"] = 16,
    mib: Annotated[
        Mebibytes,
        Between(LEAST_MIB, max(USUAL_MIB, min(MOST_MIB, mib_of(memory(), SHARE) or USUAL_MIB))),
        "size of the blocks together, and of the mapping; an eighth of this machine's memory at most",
    ] = USUAL_MIB,
    depth: Annotated[Count, Between(LEAST_DEPTH, 400), "calls within calls"] = DEPTH,
    repeats: Annotated[Count, Between(3, 30), "fresh children for each thing that is done"] = 5,
) -> Iterator[Part | Growth | Sum | Limit | Progress]:
    check_room(mib)
    check_stack(depth)
    amounts = {
        "threads": threads,
        "blocks": mib,
        "mapping": mib,
        "recursion": depth,
    }
    for repeat in range(repeats):
        yield Progress(repeat / repeats, f"child {repeat + 1} of {repeats} for each thing")
        for doing in ACTIONS:
            before, after = before_and_after(doing, amounts[doing])
            if doing == action and repeat == 0:
                yield from parts("at first", before)
                yield from parts("afterwards", after)
            yield from growth(repeat, doing, before, after)
    yield Limit(stack_limit_mib())
    yield Progress(1)


def cost(action: str, threads: int, mib: float, depth: int, repeats: int) -> float:
    """Seconds: a fork and two looks at every page for each child; written pages take a microsecond."""
    return 0.2 + repeats * (0.15 + threads * 0.002 + mib * 0.001)


def check_room(mib: float) -> None:
    """ParameterError where an eighth of the memory that is free now would not hold the blocks."""
    most = mib_of(available(), SHARE)
    if most is not None and mib > max(most, LEAST_MIB):
        raise ParameterError(
            f"mib: {mib:g} is more than an eighth of the memory that is free now; at most {most} fit"
        )


def check_stack(depth: int) -> None:
    """ParameterError where the stack would overflow, which ends a process."""
    allowed, needed = stack_limit_mib(), ROOM_MIB + depth * CALL_MIB
    if allowed is not None and needed > allowed:
        raise ParameterError(
            f"depth: {depth} may take {needed:.1f} MiB of stack; the limit is {allowed:.1f} MiB (ulimit -s)"
        )


# -- one child ------------------------------------------------------------------------------------

Groups = dict[str, kit_maps.Group]


def before_and_after(action: Action, amount: float) -> tuple[Groups, Groups]:
    """What a fresh child's address space is made of, before and after it has done one thing."""
    with Group() as group:
        child = group.worker(perform, name=action)
        before = look_after(child, "nothing", 0)
        return before, look_after(child, action, amount)


def look_after(child: Worker, action: str, amount: float) -> Groups:
    child.ask(action, amount)
    child.answer()  # now it waits for the next request, and changes nothing
    regions = kit_maps.read(child.pid)
    return {group.kind: group for group in kit_maps.groups(regions, os.readlink(f"/proc/{child.pid}/exe"))}


def parts(moment: str, found: Groups) -> Iterator[Part]:
    for kind, group in found.items():
        lowest = f"{group.regions[0].start:#x}"
        yield Part(moment, kind, len(group.regions), lowest, group.size_b, group.resident_b)  # type: ignore[arg-type]


def growth(repeat: int, action: Action, before: Groups, after: Groups) -> Iterator[Growth | Sum]:
    """A row for each part whose addresses or memory changed, and their sums."""
    totals = [0.0, 0.0]
    for kind in kit_maps.KINDS:
        sizes = [
            (group.size_b, group.resident_b or 0) if (group := found.get(kind)) else (0, 0)
            for found in (before, after)
        ]
        size_mib, resident_mib = ((late - early) / MIB for early, late in zip(*sizes, strict=True))
        totals = [totals[0] + size_mib, totals[1] + resident_mib]
        regions = [len(found[kind].regions) if kind in found else 0 for found in (before, after)]
        if size_mib:
            yield Growth(repeat, action, kind, regions[1] - regions[0], size_mib, resident_mib)
    yield Sum(repeat, action, "addresses", totals[0])
    yield Sum(repeat, action, "memory", totals[1])
