"""What a round leaves: its row, the wait-for graph of a moment, and the lanes of its threads."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.kit.kernel.clock import NS_PER_S, seconds
from experiments.sync._deadlock.dining import Arm
from experiments.sync._deadlock.stops import Picture, Round, Span, Wait
from experiments.sync._deadlock.table import Moment, Table, arrows, cycle_in
from experiments.sync._deadlock.watch import Seen, closing_ns, spans

WINDOW_S = 0.03  # of each strategy, that is drawn
AFTER_S = 0.008  # of it, after a cycle has closed
PICTURES: dict[Arm, Picture] = {
    Arm("two threads", "naive"): "two threads, naive",
    Arm("two threads", "naive, RLock"): "two threads, RLock",
    Arm("philosophers", "naive"): "philosophers, naive",
    Arm("philosophers", "ordered"): "philosophers, ordered",
    Arm("philosophers", "timeouts"): "philosophers, timeouts",
}


def row_of(arm: Arm, repeat: int, lasts_s: float, seen: Seen, table: Table) -> Round:
    closed_ns = closing_ns(table, seen.cycle) if seen.stopped else seen.start_ns
    meals = sum(table.meals)
    return Round(
        *arm,
        repeat,
        lasts_s,
        seen.stopped,
        seconds(closed_ns - seen.start_ns) if seen.stopped else None,
        seconds(seen.found_ns - seen.start_ns) if seen.stopped else None,
        len(seen.cycle),
        seen.asleep,
        cycle_in(table.at(seen.end_ns)) == seen.cycle,
        meals,
        meals / (lasts_s if seen.stopped else seconds(seen.end_ns - seen.start_ns)),
        sum(table.backoffs),
        seen.opened,
    )


def picture(arm: Arm, seen: Seen, table: Table) -> Iterator[Wait]:
    """The wait-for graph when the cycle closed, or when most of them waited."""
    if arm not in PICTURES:
        return
    closed_ns = closing_ns(table, seen.cycle) if seen.stopped else seen.end_ns
    if seen.stopped and arm == Arm("two threads", "naive"):
        yield from graph("two threads, a moment before", table.at(closed_ns - 1))
    waited = None if seen.stopped else seen.fullest
    yield from graph(PICTURES[arm], waited or table.at(closed_ns))


def graph(name: Picture, moment: Moment) -> Iterator[Wait]:
    who, what = ("thread", "lock") if name.startswith("two") else ("philosopher", "fork")
    threads, locks = ([f"{word} {n + 1}" for n in range(len(moment.wants))] for word in (who, what))
    for source, target, relation in arrows(moment, threads, locks):
        yield Wait(name, source, target, relation)


def lanes(arm: Arm, lasts_s: float, seen: Seen, table: Table) -> Iterator[Span]:
    """A window of a round, from 0: around its stop, or before its end."""
    if arm.scene == "two threads" and arm.strategy != "naive":
        return
    end_ns = seen.start_ns + round(lasts_s * NS_PER_S)
    if seen.stopped:
        end_ns = closing_ns(table, seen.cycle) + round(AFTER_S * NS_PER_S)
    end_ns = min(seen.end_ns, end_ns)
    begin_ns = max(seen.start_ns, end_ns - round(WINDOW_S * NS_PER_S))
    who = "thread" if arm.scene == "two threads" else "philosopher"
    for thread in range(table.threads):
        for state, start_ns, stop_ns in spans(table, thread, begin_ns, end_ns):
            start_s, end_s = seconds(start_ns - begin_ns), seconds(stop_ns - begin_ns)
            yield Span(f"{who} {thread + 1}, {arm.strategy}", arm.strategy, state, start_s, end_s)
