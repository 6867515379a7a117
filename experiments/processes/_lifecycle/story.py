"""One family from its begin to its end, and what the looks at it say (for `processes.lifecycle`)."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import get_args

from experiments.kit.kernel.clock import now_ns, seconds
from experiments.kit.subjects.sampling import STATES, State
from experiments.processes._lifecycle.endings import Adoption, Ending, Kin, Life, Moment, Process, Span, Stage
from experiments.processes._lifecycle.family import PROGRAM, Family, Waited
from experiments.processes._lifecycle.watch import ZOMBIE, Lane, Seen, Watch

MIB = 1 << 20
FORKED_BY: dict[str, Process] = {"parent": "adopter", "child": "parent", "orphan": "parent"}


def one_family(repeat: int, pace_ns: int) -> Iterator[Span | Kin | Life | Ending | Adoption]:
    """Lanes and trees come of the first family only; all of them are judged."""
    with Family(busy_ns=pace_ns // 2) as family, closing(Watch()) as watch:
        story = Story(repeat, pace_ns, family, watch)
        rows = [*story.child(), *story.orphan()]
        lanes = list(story.spans())
    for row in [*lanes, *rows]:
        if repeat == 0 or not isinstance(row, Span | Kin):
            yield row


class Story:
    """Gives an order, looks until it has been followed, and then for the length of a stage."""

    def __init__(self, repeat: int, pace_ns: int, family: Family, watch: Watch) -> None:
        self.repeat, self.pace_ns, self.family, self.watch = repeat, pace_ns, family, watch
        watch.add("adopter", family.adopter)
        watch.add("parent", family.parent)
        watch.look_for(pace_ns // 4)

    def child(self) -> Iterator[Life | Kin | Ending]:
        pid = self.family.fork()
        lane = self.watch.add("child", pid)
        yield self.life("forked", lane, lambda seen: seen.letter == "S")
        yield from self.kin("after fork")
        self.family.begin_program()
        yield self.life("runs a program", lane, lambda seen: (seen.program, seen.letter) == (PROGRAM[0], "S"))
        yield from self.kin("after exec")
        lane.send(signal.SIGSTOP)
        yield self.life("stopped", lane, lambda seen: seen.letter == "T")
        lane.send(signal.SIGCONT)
        yield self.life("continued", lane, lambda seen: seen.letter == "S")
        told_ns, lane.may_end = now_ns(), True
        self.family.end_program()
        yield self.life("exited", lane, is_zombie)
        yield from self.kin("after exit")
        waited = self.family.parent_waits()
        self.watch.look_for(self.pace_ns // 2)
        yield from self.kin("after wait")
        yield self.ending("child", told_ns, waited)

    def orphan(self) -> Iterator[Life | Kin | Ending | Adoption]:
        pid, parent = self.family.leave_one(), self.watch.lanes["parent"]
        lane = self.watch.add("orphan", pid)
        yield self.life("left behind", lane, lambda seen: seen.letter == "S")
        yield from self.kin("before the end")
        told_ns, parent.may_end = now_ns(), True
        self.family.end_parent()
        self.watch.look_till(parent, is_zombie)
        yield self.life("adopted", lane, lambda seen: seen.parent != parent.pid)
        yield from self.kin("after the end")
        yield from self.adoption(parent, lane)
        waited = self.family.adopter_waits(parent.pid)
        self.watch.look_for(self.pace_ns // 4)
        yield self.ending("parent", told_ns, waited)
        told_ns, lane.may_end = now_ns(), True
        self.family.end_orphan()
        self.watch.look_till(lane, is_zombie)
        self.watch.look_for(self.pace_ns)
        waited = self.family.adopter_waits(pid)
        self.watch.look_for(self.pace_ns // 4)
        yield self.ending("orphan", told_ns, waited)

    def at_s(self, moment_ns: int) -> float:
        return seconds(moment_ns - self.watch.began_ns)

    def name_of(self, pid: int) -> Process | None:
        found = (lane.name for lane in self.watch.lanes.values() if lane.pid == pid)
        return next((process for name in found for process in get_args(Process) if process == name), None)

    def life(self, stage: Stage, lane: Lane, reached: Callable[[Seen], bool]) -> Life:
        self.watch.look_till(lane, reached)
        self.watch.look_for(self.pace_ns)
        seen = lane.looks[-1]
        return Life(
            self.repeat,
            stage,
            self.name_of(lane.pid) or "child",
            self.at_s(seen.at_ns),
            state_of(seen),
            seen.program,
            self.name_of(seen.parent),
            seen.resident_b / MIB,
        )

    def kin(self, moment: Moment) -> Iterator[Kin]:
        """A row for everybody who is in the table and has a parent among us."""
        for lane in self.watch.lanes.values():
            seen, who = lane.looks[-1], self.name_of(lane.pid)
            parent = self.name_of(seen.parent)
            if who and parent and not lane.gone:
                relation = "forked" if FORKED_BY[who] == parent else "adopted"
                yield Kin(moment, parent, who, relation, state_of(seen))  # type: ignore[arg-type]

    def ending(self, process: Process, told_ns: int, waited: Waited) -> Ending:
        lane = self.watch.lanes[process]
        zombies = [seen for seen in lane.looks if is_zombie(seen)]
        first = zombies[0] if zombies else None
        others = outside = 0
        for seen in lane.looks:
            within = first is not None and first.at_ns <= seen.at_ns and seen.done_ns <= waited.called_ns
            others += within and not is_zombie(seen)
            outside += is_zombie(seen) and not (told_ns <= seen.done_ns and seen.at_ns <= waited.returned_ns)
        if lane.gone and lane.gone[1] < waited.called_ns:
            outside += 1  # nobody may leave the table unasked
        return Ending(
            repeat=self.repeat,
            process=process,
            told_s=self.at_s(told_ns),
            zombie_s=self.at_s(first.at_ns) if first else None,
            called_s=self.at_s(waited.called_ns),
            returned_s=self.at_s(waited.returned_ns),
            gone_s=self.at_s(lane.gone[1]) if lane.gone else None,
            looks=len(zombies),
            others=others,
            outside=outside,
            resident_mib=max((seen.resident_b for seen in zombies), default=0) / MIB,
            pidfd_looks=pidfd_looks(lane, first),
        )

    def adoption(self, parent: Lane, orphan: Lane) -> Iterator[Adoption]:
        """Nothing, where one of the two was not seen."""
        dead = next(filter(is_zombie, parent.looks), None)
        flipped = next((seen for seen in orphan.looks if seen.parent != parent.pid), None)
        if dead and flipped:
            by = "adopter" if flipped.parent == self.family.adopter else "another"
            after_s = abs(seconds(flipped.at_ns - dead.at_ns))
            yield Adoption(self.repeat, by, abs(flipped.number - dead.number), after_s)  # type: ignore[arg-type]

    def spans(self) -> Iterator[Span]:
        for lane in self.watch.lanes.values():
            who = self.name_of(lane.pid) or "child"
            for state, start_ns, end_ns, reason in lane.stretches():
                yield Span(who, lane.pid, state, self.at_s(start_ns), self.at_s(end_ns), reason)


def is_zombie(seen: Seen) -> bool:
    return seen.letter in ZOMBIE


def state_of(seen: Seen) -> State:
    return STATES.get(seen.letter, "unknown")


def pidfd_looks(lane: Lane, first: Seen | None) -> int | None:
    """How many looks apart a readable pidfd and the first zombie are; None where there is none to read."""
    ended = next((seen.number for seen in lane.looks if seen.ended), None)
    return ended - first.number if first and ended is not None else None
