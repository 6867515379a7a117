"""A process's life

Which stages does a process go through?

In a village nobody appears from nowhere: everyone is somebody's child, and the register says whose.
So it is with processes. One is made by another with `fork`, as a copy of it; it may become another
program with `exec`; and it ends with `exit`. The kernel keeps the register, and it has one rule
that surprises many: a process that has ended stays in it until its parent has asked how it ended. Only a
parent that ignores SIGCHLD has said beforehand that it will not ask; then the entry goes at once
([wait(2)]).

Here is a small family, watched every half millisecond. An adopter has a child, the parent; the
parent forks a child. It computes for a moment and waits. With `exec` it becomes the program `head`:
the number stays, name and memory change. SIGSTOP halts it, SIGCONT lets it go on, one byte of input
makes it exit. Now it is a zombie, without any memory, until the parent calls `wait`. Then the
parent forks another one and ends before it. See in the trees who is its parent afterwards.

- "A zombie eats memory" is wrong: it has none. It is a line in the process table that keeps how it
  ended. What it does use up is a number, and those can run out. It cannot be killed, since it is
  dead; whoever wants to be rid of it must make the parent call `wait`, or end the parent.
- "When the parent ends, its children end" is wrong. What ends them mostly is a signal that a closing
  terminal sends to all. Left alone they live on, and get another parent at once: the nearest ancestor
  that has declared itself a subreaper ([PR_SET_CHILD_SUBREAPER(2const)]), as this adopter and the managers
  of services do, else process 1. It has to wait for them in turn.
- "The grandparent takes the children in" only looks right where the grandparent is that subreaper,
  as it is here.
- "exec starts a process" is wrong: it starts a program, in the process that is there ([execve(2)]). Only
  fork and its relatives make processes. A shell does both for a program, and neither for what it does
  itself, such as `cd` and `echo`.

How it is measured. The observer gives the orders over pipes and reads `/proc/<pid>/stat` in
between: state, name, parent, memory. Parents stamp when they call wait and when it returns. Running
and ready are told apart by the scheduler's books. A pidfd, a descriptor that stands for a process
([pidfd_open(2)]), is asked in the same looks whether its process has ended.

[wait(2)]: https://man7.org/linux/man-pages/man2/wait.2.html
[execve(2)]: https://man7.org/linux/man-pages/man2/execve.2.html
[pidfd_open(2)]: https://man7.org/linux/man-pages/man2/pidfd_open.2.html
[PR_SET_CHILD_SUBREAPER(2const)]: https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Annotated

from experiments.kit import Bars, Between, ChoiceGuess, Count, Milliseconds, Need, Progress, Timeline
from experiments.kit.charts import Graph
from experiments.kit.kernel import proc
from experiments.kit.kernel.calls import Refused
from experiments.kit.kernel.process_tree import can_adopt_orphans
from experiments.processes._lifecycle.endings import Adoption, Ending, Kin, Life, Span, becomes, verdict
from experiments.processes._lifecycle.family import PROGRAM
from experiments.processes._lifecycle.story import one_family

__all__ = ["Adoption", "Ending", "Kin", "Life", "Span", "charts", "guess", "measure", "verdict"]

STAGES = 11  # of a family, one `pace` each

charts = [
    Timeline(
        Span,
        id="lanes",
        title="Which states does a life go through?",
        caption="The first of the families. A lane ends where the process has left the table.",
        lane="process",
        state="state",
        start="start_s",
        end="end_s",
    ),
    Graph(
        Kin,
        id="family",
        title="Who is whose child?",
        caption="After the child was forked, has become another program, has exited, was waited for; and"
        " before and after the parent's end. Adopted are those whom another had forked.",
        source="parent",
        target="child",
        label="relation",
        by="moment",
        state="state",
        arrangement="tree",
    ),
    Bars(
        Life,
        id="memory",
        title="How much memory does it have?",
        caption="The child up to its exit, then the one that its parent left behind.",
        x="stage",
        y="resident_mib",
    ),
]

guess = ChoiceGuess(
    ask="A parent ends while a child of it is still there. What becomes of the child?",
    figure="family",
    choices={
        "ends": "it ends with its parent",
        "zombie": "it becomes a zombie",
        "adopted": "it lives on, as the child of another process",
        "alone": "it lives on without a parent",
    },
    measured=becomes,
)

presets = {
    "quick": {"pace": 30, "repeats": 3},
    "slow": {"pace": 300, "repeats": 3},
    "careful": {"pace": 60, "repeats": 20},
}


NO_ORPHANS = "This system does not let a process adopt orphans (prctl), which this experiment watches."


def missing() -> str:
    if not hasattr(os, "fork") or not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return "This experiment needs Linux: fork, subreapers and /proc/<pid>/stat."
    if not can_adopt_orphans():
        return NO_ORPHANS
    if not shutil.which(PROGRAM[0]):
        return "This experiment needs a small program to become: `head` was not found."
    return proc.missing()


needs = (Need(missing),)


def measure(
    pace: Annotated[Milliseconds, Between(10, 500), "how long each stage of a life is watched"] = 50,
    repeats: Annotated[Count, Between(3, 50), "families, one after the other"] = 5,
) -> Iterator[Span | Kin | Life | Ending | Adoption | Progress]:
    if not can_adopt_orphans():
        raise Refused(NO_ORPHANS)
    for repeat in range(repeats):
        yield Progress(repeat / repeats, f"family {repeat + 1} of {repeats}")
        yield from one_family(repeat, int(pace * 1e6))
    yield Progress(1)


def cost(pace: float, repeats: int) -> float:
    """Seconds: the stages, and what it takes to fork four processes."""
    return 0.1 + repeats * (STAGES * pace / 1000 + 0.06)
