"""The event loop

Who runs, who waits, who is cancelled?

One cook, one kitchen, many orders. While the soup simmers she does not stand beside it: she sets a
timer and turns to the next order. Nobody ever interrupts her; she changes to another pot only where
*she* says "this now needs time". So one pair of hands keeps ten pots going. But if she starts to peel a
sack of potatoes without ever looking up, everything burns, and no timer helps.

The cook is the *event loop*, an order is a *task*, and "this needs time" is spelt `await`. All tasks of
a loop share one thread ([asyncio tasks]). A task has the loop until it awaits something that is not there
yet; then the loop takes the next task that can go on. In the first figure you see who has the loop at
every moment. Never two at once.

- "`async` makes it concurrent" is wrong. `await job()` runs the job inside the task that awaits it, one
  after another; awaiting is not starting. Even a task that is created and awaited at once gains
  nothing. Only tasks that are alive together wait together: `gather`, `TaskGroup`, `wait`. How many at
  a time, a `Semaphore` decides, or the number of workers at a `Queue`.
- "If one fails, the others are stopped" depends on whom you ask. `gather` passes the error on and leaves
  the others running, without anybody who looks after them. A `TaskGroup` (Python 3.11) cancels them and waits
  until they are gone. `wait` stops nobody; `wait_for` cancels what is too slow, and `shield` protects it.
- "`cancel()` ends a task" is wrong. It is a request: an exception, `CancelledError`, that is thrown into
  the task where it waits. It reaches the innermost task first and travels outwards; each may tidy up
  on the way, and a task that swallows it simply goes on.
- A call that blocks, such as `time.sleep`, stops *all* tasks. `to_thread` heals waiting. It heals
  computing only as far as the GIL allows, and one long call of C code that keeps the GIL not at
  all: only another process does. Look at the largest lag, never at the median: with one blocking
  call most heartbeats are still in time.
- "A faster loop cures that" is wrong. [uvloop] takes the place of asyncio's own loop and needs less for a
  turn, but a call that blocks stops it just as long. `gevent` knows no `await`: its tasks change over
  inside the calls that wait. It can swap Python's own calls for such ones, which is called *monkey
  patching* ([gevent.monkey]); then even `time.sleep` lets the others run. But it swaps names of Python. A
  sleep in C, or a database's driver written in C, it cannot reach.

How it is measured: a task factory, which is public interface ([set_task_factory()]), wraps each coroutine
in an object that stamps every `send` and `throw` of its task, in nanoseconds. The stamping itself adds
about half a microsecond to a turn. The heartbeat is
a task that sleeps for 5 ms again and again; how much longer it took is its lag. In the scenes about
cancelling nothing depends on who is quick: the tasks wait for a door that opens when all is over. Each
of the other loops has a process of its own, since a patch changes the process that it is made in, and all
of them take turns in every round. Patched means `monkey.patch_time`. A turn is `sleep(0)`, a few hundred
of them at a stretch, beside as many of asyncio a moment before or after.

[asyncio tasks]: https://docs.python.org/3/library/asyncio-task.html
[set_task_factory()]: https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.set_task_factory
[uvloop]: https://uvloop.readthedocs.io/
[gevent.monkey]: https://www.gevent.org/api/gevent.monkey.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args

from experiments.coroutines._event_loop import blocks as _blocks
from experiments.coroutines._event_loop import naps
from experiments.coroutines._event_loop.blocks import BLOCKER, HEART, Call, beat, loops_for
from experiments.coroutines._event_loop.loops import ask, enlist
from experiments.coroutines._event_loop.naps import Nap, Note, Pace
from experiments.coroutines._event_loop.scenes import (
    CLEANUP,
    EXPECTED,
    WAITS,
    WORKERS,
    Scene,
    arrangements,
    play,
    scenes,
)
from experiments.coroutines._event_loop.traced import CALLER
from experiments.coroutines._event_loop.turns import (
    Ending,
    Fate,
    Lag,
    Pulse,
    Turn,
    Whole,
    verdict,
    worst_lags,
)
from experiments.kit import (
    Bars,
    BarsGuess,
    Between,
    Cells,
    Count,
    Milliseconds,
    Progress,
    Timeline,
)
from experiments.kit.kernel.clock import seconds
from experiments.kit.stats import median
from experiments.kit.subjects.subjects import Group, Worker

__all__ = [
    "Ending",
    "Fate",
    "Lag",
    "Nap",
    "Note",
    "Pace",
    "Pulse",
    "Turn",
    "Whole",
    "charts",
    "cost",
    "guess",
    "measure",
    "presets",
    "verdict",
]

charts = [
    Timeline(
        Turn,
        id="turns",
        title="Who has the loop?",
        caption="The first round of three tasks. Each computes, waits, and computes again. Ready: it"
        " was made, and its first turn has not come yet. What is only awaited is no task: the caller does it"
        " all.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="arrangement",
    ),
    Bars(Whole, id="took", title="How long do three tasks take?", x="arrangement", y="took_s"),
    Timeline(
        Ending,
        id="endings",
        title="Who is cancelled, and what happens then?",
        caption="Cancelled: a CancelledError was thrown into the task, and it tidies up. Tasks that nobody"
        " cancelled go on until the caller opens the door for them, when the call in question is over.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="scene",
    ),
    Cells(
        Fate,
        id="fates",
        title="Who ended cancelled?",
        across="task",
        down="scene",
        value="cancelled",
    ),
    Timeline(
        Pulse,
        id="pulses",
        title="What becomes of a heartbeat?",
        caption="It wants a turn every 5 ms. Whoever has the loop need not compute: it may sleep in a call"
        " that blocks, or wait for the GIL, which a thread took in the middle of its turn.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="call",
    ),
    Bars(Lag, id="lags", title="How late was the latest heartbeat?", x="call", y="worst_s", log_y=True),
    Bars(Lag, id="typical", title="And how late was a typical one?", x="call", y="typical_s", log_y=True),
    Bars(
        Nap,
        id="naps",
        title="Four sleeps started together take how many times as long as one?",
        x="loop",
        y="lengths",
        by="sleep",
    ),
    Bars(Pace, id="paces", title="What does a turn cost?", x="loop", y="turn_s"),
]

LANES = {
    CALLER: "caller in {place}",
    HEART: "heartbeat beside {place}",
    BLOCKER: "beside it: {place}",
    WORKERS[0]: "worker 1 in {place}",
    WORKERS[1]: "worker 2 in {place}",
}

guess = BarsGuess(
    ask="A heartbeat of 5 ms, and beside it a call. How late will the latest beat be at most?",
    figure="lags",
    unit="s",
    low=1e-4,
    high=1,
    log=True,
    bars=("time.sleep", "sleep, thread", "computing, thread", "computing, process"),
    measured=worst_lags,
)

presets = {
    "quick": {"wait": 5, "work": 0.5, "block": 20, "repeats": 3},
    "long call": {"block": 300, "repeats": 3},
    "careful": {"repeats": 20},
}


def measure(
    wait: Annotated[
        Milliseconds, Between(5, 200), "the shortest of the three waits; the others are longer"
    ] = 20,
    work: Annotated[Milliseconds, Between(0, 20), "computing of each task before its wait, and after it"] = 1,
    block: Annotated[Milliseconds, Between(20, 1000), "the call beside the heartbeat"] = 60,
    repeats: Annotated[Count, Between(3, 50), "rounds of everything"] = 5,
) -> Iterator[Turn | Ending | Pulse | Whole | Fate | Lag | Nap | Pace | Note | Progress]:
    unit_s, block_s = wait / 1000, block / 1000
    with Group() as group:
        subject = group.worker(do, name="event loop")
        per_10_ms = ask(subject, "loops", 0.01)
        loops = round(per_10_ms[0] * work / 10)
        blocking = [round(each * block / 10) for each in per_10_ms]
        crew, lacking = enlist(group)
        yield from naps.lacks(lacking)
        for repeat in range(1, repeats + 1):
            yield Progress((repeat - 1) / repeats, f"round {repeat} of {repeats}")
            yield from together(subject, repeat, unit_s, loops)
            yield from endings(subject, repeat, unit_s, loops)
            yield from heartbeats(subject, repeat, block_s, blocking)
            yield from naps.naps(crew, repeat)
            yield from naps.paces(crew, repeat)


def cost(wait: float, work: float, block: float, repeats: int) -> float:
    unit_s, work_s = wait / 1000, work / 1000
    whole_s = unit_s * (2 * sum(WAITS) + 3 * max(WAITS) + 2 * 2.5) + 7 * 6 * work_s
    ends_s = len(EXPECTED) * (unit_s * (1 + 3 * CLEANUP) + 3 * work_s + 0.002)
    beats_s = sum(_blocks.cost(call, block / 1000) for call in get_args(Call))
    return 0.3 + repeats * (whole_s + ends_s + beats_s) + naps.cost(repeats)


def do(job: str, *arguments: Any) -> object:
    """In the subject: one of its jobs, by name."""
    if job == "loops":
        return loops_for(*arguments)
    return play(*arguments) if job == "play" else beat(*arguments)


def together(subject: Worker, repeat: int, unit_s: float, loops: int) -> Iterator[Turn | Whole]:
    """All arrangements once, in turns forwards and backwards: a clock speed that drifts favours none."""
    order = arrangements()[:: 1 if repeat % 2 else -1]
    played = {name: ask(subject, "play", name, unit_s, loops) for name in order}
    took_s = {name: seconds(found["ended"] - found["began"]) for name, found in played.items()}
    for name in arrangements():
        if repeat == 1:
            for lane in lanes(played[name], name):
                yield Turn(name, *lane)
        yield Whole(name, repeat, took_s[name], took_s["await"] / took_s[name])


def endings(subject: Worker, repeat: int, unit_s: float, loops: int) -> Iterator[Ending | Fate]:
    for name in scenes():
        found = ask(subject, "play", name, unit_s, loops)
        if repeat == 1:
            for lane in lanes(found, name):
                yield Ending(name, *lane)
        yield from fates(name, repeat, found["ends"])


def fates(scene: Scene, repeat: int, ends: list[Any]) -> Iterator[Fate]:
    order = sorted(ends, key=lambda each: each[3])
    for each in sorted(ends):
        task, end, asked, _ = each
        cancelled, rank = float(end == "cancelled"), order.index(each) + 1
        yield Fate(scene, repeat, task, EXPECTED[scene][task], end, cancelled, asked, rank)


def heartbeats(
    subject: Worker, repeat: int, block_s: float, loops: list[int]
) -> Iterator[Pulse | Lag | Note]:
    for call in get_args(Call)[:: 1 if repeat % 2 else -1]:
        found = ask(subject, "beat", call, block_s, *loops)
        if "lacking" in found:
            if repeat == 1:
                yield Note(call, f"{found['lacking']} Everything else ran.")
            continue
        if repeat == 1:
            for lane in lanes(found, call):
                yield Pulse(call, *lane)
        late_s = [seconds(ns) for ns in found["late"]]
        yield Lag(call, repeat, len(late_s), max(late_s), median(late_s))


def lanes(found: dict[str, Any], place: str) -> Iterator[tuple[str, str, float, float]]:
    """The stretches of a loop, each with the name of its lane: no two in a figure may be alike."""
    for name, state, start, end in found["stretches"]:
        lane = LANES.get(name, "task {task} in {place}").format(task=name, place=place)
        yield lane, state, seconds(start - found["began"]), seconds(end - found["began"])
