"""Process states on a timeline

What is a process doing while it is not running?

Most processes do not run, most of the time. Here some real ones are started together, each made
for one way of not running, and then looked at some hundred times a second.

- The `spinner`s never stop computing, but share one core. While one runs, the others are ready: they
  could go on at once, if only a core were free.
- `sleeper` is blocked. It asked for a timer, and wants nothing until that fires. The `talker`s take
  turns over a pipe; the one who listens is blocked in `read`. A blocked process uses no core at all.
- `syncer` writes to a file and waits with `fsync` until the disk has it. Some waits must not be
  broken off half-way: they are uninterruptible, and `ps` shows a D ([proc_pid_stat(5)]). No signal ends
  them but SIGKILL, and some not even that one.
- `stopped` is halted by SIGSTOP for the middle third, and goes on after SIGCONT.
- `zombie` exits after a third. Nobody has asked yet how it ended, so its entry stays.

What to look for. The lanes of the spinners are combs that fit into each other: turns of some
milliseconds, because the kernel takes the core away (involuntary switches). Talkers and syncer give
the core back themselves (voluntary switches): there is nothing to do until somebody answers. With
one spinner more, all of them are ready for longer, 1 − 1/n of the time, and none of them is told.
With a nice value the last one gets a smaller weight, by about 1.25 for each step ([sched(7)]): at ten it
has about a tenth of the weight of another one.

Where the common belief is wrong. "R means running": it means running or ready, and `top` shows R for
every spinner, however many share the core. "Blocked is bad": it is how to wait without being in
anybody's way; it is a ready process that lacks something. "D means disk": it means that signals have
to wait, often for a disk, but also until a new child has begun its program ([vfork(2)]), which is how
`spawner` shows it where files are kept in memory and `fsync` has nothing to wait for. Since Linux 2.6.25
most such waits, that one too, can be ended by SIGKILL ([TASK_KILLABLE]). "A zombie is a process
that does not want to die": it is dead, has neither memory nor a core, and is only a line in a
table that its parent has not read; there is nothing left to kill.

How it is measured. The kernel keeps books on every task: nanoseconds on a core, nanoseconds in the run
queue (`/proc/<pid>/schedstat`, [scheduler statistics]). The shares are these totals, and blocked is what
they leave of the wall clock. The lanes are drawn from looks: the letter that `ps` shows, the books, and
for a wait the system call and the kernel function the process sleeps in. The books tell, after the fact,
which part of R was running and which was ready. With fewer than 200 looks a second that is not enough to
draw turns, so lanes then show shares: what part of each 20 ms (or two looks) every state had, but not
when. How long a process was off the run queue can also be told from the looks alone. The verdict holds
this against the books: if they did not add up to the wall clock, one of them would lie.

[proc_pid_stat(5)]: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
[sched(7)]: https://man7.org/linux/man-pages/man7/sched.7.html
[vfork(2)]: https://man7.org/linux/man-pages/man2/vfork.2.html
[scheduler statistics]: https://docs.kernel.org/scheduler/sched-stats.html
[TASK_KILLABLE]: https://lwn.net/Articles/288056/
"""

from __future__ import annotations

import math
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from experiments.kit import (
    Bars,
    Between,
    Check,
    Count,
    Hertz,
    Need,
    NumberGuess,
    PerSecond,
    Pid,
    Progress,
    Record,
    Seconds,
    Sentence,
    Shares,
    StateDiagram,
    Timeline,
    Verdict,
    duration,
    percent,
    say,
)
from experiments.kit.causes import why_no_core
from experiments.kit.kernel import affinity, clock, proc
from experiments.kit.kernel.clock import NS_PER_S, now_ns
from experiments.kit.kernel.proc import Switches, Task
from experiments.kit.spec import ParameterError
from experiments.kit.subjects.sampling import Bins, Sampler, State, Stretch, woken_promptly
from experiments.processes._states.cast import Cast

How = Literal["counted by the kernel", "seen in samples"]

BESIDE_SPINNERS = 6
MOST_LOOKS = 8000  # a second: eight processes at 1 kHz cost the observer a tenth of a core
TURNS_HZ = 200  # fewer looks cannot tell turns apart
SHORTEST_BIN_S = 0.02
REPORT_S = 0.5
SETTLE_NS = NS_PER_S
BALANCED = 0.02  # of the wall clock
TIMELY = 0.5  # of the looks that were asked for: with fewer, most came too late to tell anything
FAIR = 0.05
BROKEN = 0.25  # of the spinners' core: with more lost, their shares say nothing about turns
LATE_LOOKS = 0.05  # of the wall clock: as far as the balance may be off where the spinners lost their core
NICE_STEP = 1.25  # the ratio of the weights of neighbouring nice values (sched(7))

ALL_ON_ONE = "There is one core only: the other processes and the observer are on it, too."

Edge = tuple[State, State]
ONLY_SEEN: tuple[State, ...] = ("uninterruptible", "stopped", "zombie")  # no counter tells these apart


class Span(NamedTuple):
    """A stretch of time that one process spent in one state, as drawn from looks."""

    process: str
    pid: Pid
    state: State
    start_s: Seconds
    end_s: Seconds
    reason: Annotated[str, "for a wait: the system call, and the kernel function it sleeps in"]


class Share(NamedTuple):
    """How one process spent its time, by the kernel's books; what they do not know is from the looks."""

    process: str
    pid: Pid
    wall_s: Seconds
    running_s: Annotated[Seconds, "on a core"]
    ready_s: Annotated[Seconds, "in the run queue"]
    blocked_s: Annotated[Seconds, "the rest of the wall clock, uninterruptible waits included"]
    stopped_s: Annotated[Seconds, "seen in looks"]
    zombie_s: Annotated[Seconds, "seen in looks"]
    voluntary: Annotated[Count, "switches because the process had to wait"]
    involuntary: Annotated[Count, "switches because the core was given to another"]
    uninterruptible_s: Annotated[Seconds, "part of blocked: seen in looks as D"]
    off_queue_s: Annotated[Seconds, "neither running nor ready, by the looks alone"]
    looks: Count


class Transition(NamedTuple):
    """How often one process went from one state to another."""

    process: str
    source: State
    target: State
    count: Count  # type: ignore[assignment]  # a column, not the method of tuples
    how: How


class Switch(NamedTuple):
    """Context switches of one process in half a second, as the kernel counted them."""

    process: str
    kind: Annotated[Literal["voluntary", "involuntary"], "had to wait, or the core was taken away"]
    at_s: Seconds
    per_s: PerSecond


charts = [
    Timeline(
        Span,
        title="Who was in which state, when?",
        lane="process",
        state="state",
        start="start_s",
        end="end_s",
        caption="Running and ready are told apart by the kernel's books. Below 200 looks a second a lane"
        " shows the shares of 20 ms or more side by side: how much, not when.",
    ),
    Shares(
        Share,
        title="Where did the time go?",
        lane="process",
        parts=("running_s", "ready_s", "blocked_s", "stopped_s", "zombie_s"),
        caption="Running and ready are exact totals of the scheduler; stopped and zombie come from looks.",
    ),
    StateDiagram(
        Transition,
        title="Which ways lead from state to state?",
        source="source",
        target="target",
        count="count",
        how="how",
        caption="Of all processes together. The kernel counts switches; which wait was uninterruptible,"
        " and stops and exits, were seen in samples, which miss the short ones.",
    ),
    Bars(
        Switch,
        title="How many context switches a second?",
        x="process",
        y="per_s",
        by="kind",
        caption="Who has to wait gives the core back (voluntary); who never waits has it taken away.",
    ),
]
guess = NumberGuess(
    ask="`ps` shows a spinner as R whenever you look. For what share of that time is it really on a core?",
    figure="shares",
    unit="share",
    low=0,
    high=1,
    about="spinner 1",
    measured=lambda record: on_a_core(record),
)
needs = (Need(proc.missing), Need(affinity.missing))
continuous = True  # spans come twice a second, between looks; the worker does not rest in between
presets = {
    "quick": {"seconds": 1.5, "rate": 200},
    "careful": {"seconds": 10, "rate": 500, "spinners": 3},
    "nice": {"seconds": 5, "nice": 10},
    "crowd": {"seconds": 5, "spinners": 8},
}


def cost(seconds: float, rate: float, spinners: int, nice: int) -> float:
    """Seconds of a run; ParameterError where the looks themselves would be the load."""
    processes = spinners + BESIDE_SPINNERS
    if rate * processes > MOST_LOOKS:
        most = MOST_LOOKS // processes
        raise ParameterError(f"rate: {processes} processes can be looked at {most} times a second at most")
    return seconds + 0.3


def measure(
    seconds: Annotated[Seconds, Between(0.5, 30), "how long to watch"] = 3.0,
    rate: Annotated[Hertz, Between(50, 1000), "looks at every process; 1000 for 8 processes at most"] = 200.0,
    spinners: Annotated[Count, Between(1, 8), "processes that compute, all on one core"] = 2,
    nice: Annotated[Count, Between(0, 19), "nice value of the last spinner: 0 is fair, 19 modest"] = 0,
) -> Iterator[Span | Share | Transition | Switch | Progress]:
    cost(seconds, rate, spinners, nice)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="states-", dir=".")))
        cast = stack.enter_context(Cast(folder, spinners, nice, zombie_after_s=seconds / 3))
        stack.enter_context(woken_promptly())
        tasks = {
            name: stack.enter_context(closing(Task(subject.pid))) for name, subject in cast.subjects.items()
        }
        yield Progress(0.0, cast.waits())
        cast.start()
        yield from Watch(tasks, rate).run(cast, seconds)


class Watch:
    """Turns looks into rows, twice a second."""

    def __init__(self, tasks: dict[str, Task], rate: float) -> None:
        self.tasks = tasks
        self.sampler = Sampler(tasks, rate)
        self.bins = {name: Bins(bin_ns(rate)) for name in tasks} if rate < TURNS_HZ else {}
        self.switches = {name: task.switches() for name, task in tasks.items()}
        self.began = dict(self.switches)
        self.counted: Counter[tuple[str, Edge]] = Counter()
        self.drawn: dict[str, State] = {}  # how each lane ends so far
        self.begin_ns = self.end_ns = self.reported_ns = 0

    def run(self, cast: Cast, seconds: float) -> Iterator[Span | Share | Transition | Switch | Progress]:
        self.sampler.look()
        self.begin_ns = self.reported_ns = now_ns()
        self.end_ns = self.begin_ns + int(seconds * NS_PER_S)
        signals = {seconds / 3: signal.SIGSTOP, seconds * 2 / 3: signal.SIGCONT}
        reports = {REPORT_S * n for n in range(1, int(seconds / REPORT_S))} | {seconds}
        for step_s in sorted(reports | set(signals)):
            self.sampler.look_until(self.begin_ns + int(step_s * NS_PER_S))
            if step_s in signals:
                cast.send(signals[step_s], "stopped")
            if step_s in reports:
                self.sampler.look()
                yield from self.report()
                yield Progress(step_s / seconds, self.cost_so_far())
        cast.freeze()
        self.sampler.settle(now_ns() + SETTLE_NS)
        yield from self.lanes(last=True)
        for name in self.tasks:
            yield self.share(name)

    def cost_so_far(self) -> str:
        share = self.sampler.looking_ns / (now_ns() - self.begin_ns)
        return f"{self.sampler.looks} looks at each process; looking takes {share:.0%} of a core"

    def report(self) -> Iterator[Span | Transition | Switch]:
        yield from self.lanes()
        at_ns = now_ns()
        took_s = clock.seconds(at_ns - self.reported_ns)
        for name, task in self.tasks.items():
            before, now = self.switches[name], task.switches()
            self.switches[name] = now
            at_s = round(clock.seconds(at_ns - self.begin_ns), 3)
            yield Switch(name, "voluntary", at_s, (now.voluntary - before.voluntary) / took_s)
            yield Switch(name, "involuntary", at_s, (now.involuntary - before.involuntary) / took_s)
            yield from self.counted_transitions(name)
        self.reported_ns = at_ns

    def lanes(self, last: bool = False) -> Iterator[Span | Transition]:
        """What is settled of every lane; at the end the rest, as far as it was before the end."""
        for name in self.tasks:
            stretches = [until(self.end_ns, stretch) for stretch in self.sampler.painters[name].take()]
            yield from self.seen_transitions(name, stretches)
            if name in self.bins:
                stretches = self.bins[name].add(stretches) + (self.bins[name].close() if last else [])
            yield from (
                self.span(name, stretch) for stretch in stretches if stretch.end_ns > stretch.start_ns
            )

    def span(self, name: str, stretch: Stretch) -> Span:
        start_s, end_s = (clock.seconds(t - self.begin_ns) for t in (stretch.start_ns, stretch.end_ns))
        return Span(name, self.tasks[name].pid, stretch.state, start_s, end_s, stretch.reason)

    def seen_transitions(self, name: str, stretches: list[Stretch]) -> Iterator[Transition]:
        """In and out of the states that only looks show. The way back to a core is by the run queue."""
        states: list[State] = [stretch.state for stretch in stretches if stretch.end_ns > stretch.start_ns]
        seen: Counter[Edge] = Counter()
        for source, target in pairwise([self.drawn.get(name, states[0]), *states] if states else []):
            if source != target and source in ONLY_SEEN:
                seen[source, "ready"] += 1
            if source != target and target in ONLY_SEEN:
                seen["running", target] += 1
        if states:
            self.drawn[name] = states[-1]
        for (source, target), count in seen.items():
            yield Transition(name, source, target, count, "seen in samples")

    def counted_transitions(self, name: str) -> Iterator[Transition]:
        """Since the last call. Whoever got the core and had not lost it had been woken."""
        slices = self.sampler.last[name].times.slices - self.sampler.first[name].times.slices
        voluntary, involuntary = self.switched(name)
        totals: dict[Edge, int] = {
            ("running", "blocked"): voluntary,
            ("running", "ready"): involuntary,
            ("ready", "running"): slices,
            ("blocked", "ready"): slices - involuntary,
        }
        for edge, total in totals.items():
            if (count := total - self.counted[name, edge]) > 0:
                self.counted[name, edge] = total
                yield Transition(name, *edge, count, "counted by the kernel")

    def switched(self, name: str) -> Switches:
        now, began = self.switches[name], self.began[name]
        return Switches(now.voluntary - began.voluntary, now.involuntary - began.involuntary)

    def share(self, name: str) -> Share:
        sampler = self.sampler
        first, last, seen_ns = sampler.first[name], sampler.last[name], sampler.seen_ns[name]
        wall_s = clock.seconds(last.at_ns - first.at_ns)
        running_s = clock.seconds(last.times.run_ns - first.times.run_ns)
        ready_s = clock.seconds(last.times.delay_ns - first.times.delay_ns)
        stopped_s, zombie_s = clock.seconds(seen_ns["T"]), clock.seconds(seen_ns["Z"])
        return Share(
            process=name,
            pid=self.tasks[name].pid,
            wall_s=wall_s,
            running_s=running_s,
            ready_s=ready_s,
            blocked_s=max(0.0, wall_s - running_s - ready_s - stopped_s - zombie_s),
            stopped_s=stopped_s,
            zombie_s=zombie_s,
            voluntary=self.switched(name).voluntary,
            involuntary=self.switched(name).involuntary,
            uninterruptible_s=clock.seconds(seen_ns["D"]),
            off_queue_s=clock.seconds(seen_ns.total() - seen_ns["R"]),
            looks=sampler.looks,
        )


def bin_ns(rate: float) -> int:
    return int(max(SHORTEST_BIN_S, 2 / rate) * NS_PER_S)


def until(end_ns: int, stretch: Stretch) -> Stretch:
    return stretch._replace(end_ns=min(stretch.end_ns, end_ns))


def lost_sentence(record: Record, lost: float) -> Sentence:
    """What the spinners lacked, and why, as far as that was measured."""
    because = why_no_core(record, lost, ours=ALL_ON_ONE if record.machine.cores == 1 else "")
    told = f"The spinners did not get {{lost}} of the core that they share. {because.text}"
    return say(told, lost=percent(lost), **because.values)


def on_a_core(record: Record) -> dict[str, float]:
    """What was guessed: the share of its time that the first spinner ran."""
    first = next((share for share in record[Share] if share.process == "spinner 1"), None)
    return {"value": first.running_s / first.wall_s} if first else {}


def verdict(record: Record) -> Verdict:
    shares = record[Share]
    spinners = [share for share in shares if share.process.startswith("spinner")]
    if not spinners:
        return Verdict("unclear", say("The run ended before its time could be added up."))
    nice = record.params["nice"]
    balance, turns = check_balance(shares), check_turns(spinners, nice)
    checks = (balance, turns, check_ready(spinners, nice), *check_seen(shares, record.params["seconds"]))
    unclear = broken_by(spinners, record, balance, turns)
    return Verdict(
        "unclear" if unclear else ", ".join(states_seen(shares)),
        unclear or headline_of(spinners),
        checks,
        doubts_of(spinners, record),
    )


def broken_by(spinners: list[Share], record: Record, balance: Check, turns: Check) -> Sentence | None:
    """Why this run cannot answer, if it cannot."""
    looks, wanted = spinners[0].looks, round(record.params["seconds"] * record.params["rate"])
    if looks < TIMELY * wanted:
        because = why_no_core(record, ours=ALL_ON_ONE if record.machine.cores == 1 else "")
        told = f"Only {{looks}} of {{wanted}} looks were made. {because.text}"
        return say(told, looks=looks, wanted=wanted, **because.values)
    lost = lost_share(spinners)
    if turns.ok is None or (lost > BROKEN and record.machine.cores > 1):  # then looks come late, too
        return lost_sentence(record, lost)
    if balance.ok is False:
        return say("Books and looks do not agree about these processes.")
    return None


def headline_of(spinners: list[Share]) -> Sentence:
    last = spinners[-1]
    template = "Alone on its core, {process} was running {running} of the time."
    if len(spinners) > 1:
        template = (
            "{process} always had work, yet was running only {running} of the time, and ready for {ready}:"
        )
        template += " {n} spinners share one core."
    return say(
        template,
        process=last.process,
        running=percent(last.running_s / last.wall_s, "running"),
        ready=percent(last.ready_s / last.wall_s, "ready"),
        n=len(spinners),
    )


def doubts_of(spinners: list[Share], record: Record) -> tuple[Sentence, ...]:
    doubts = []
    if (lost := lost_share(spinners)) > FAIR:
        doubts.append(lost_sentence(record, lost))
    elif record.machine.cores == 1:
        doubts.append(say(ALL_ON_ONE))
    return tuple(doubts)


def check_balance(shares: list[Share]) -> Check:
    """Books against looks, two ways to know how long a process was off the run queue."""
    worst = max(shares, key=lambda share: abs(imbalance(share)) - tolerance(share))
    claim = say(
        "Running and ready by the kernel's books, and the rest by {n} looks, make up the wall clock;"
        " {process} is furthest off, by {off} (allowed: {tolerance}).",
        n=worst.looks,
        process=worst.process,
        off=percent(abs(imbalance(worst))),
        tolerance=percent(tolerance(worst)),
    )
    spinners = [share for share in shares if share.process.startswith("spinner")]
    crowded = bool(spinners) and lost_share(spinners) > BROKEN  # then looks come when others let them
    beyond = abs(imbalance(worst)) - tolerance(worst)
    return Check(claim, True if beyond <= 0 else None if crowded and beyond <= LATE_LOOKS else False)


def imbalance(share: Share) -> float:
    return (share.running_s + share.ready_s + share.off_queue_s) / share.wall_s - 1


def tolerance(share: Share) -> float:
    """Of the wall clock: 2 % and half a gap at both ends; more for who comes and goes between.

    Looks have a sampling error then, and they fall when the observer gets its core, which is no
    random moment for those who share that core with it.
    """
    p = min(1.0, share.off_queue_s / share.wall_s)
    return BALANCED + (1 + 3 * math.sqrt(p * (1 - p) * share.looks)) / share.looks + p * (1 - p)


def check_turns(spinners: list[Share], nice: int) -> Check:
    """Who got how much of what the spinners had together, against their weights."""
    together_s = sum(share.running_s for share in spinners)
    pairs = list(zip(spinners, weights(len(spinners), nice), strict=True))
    share, weight = max(pairs, key=lambda pair: abs(pair[0].running_s / together_s - pair[1]))
    got = share.running_s / together_s
    claim = say(
        "Of the time that the spinners had, {process} got {got}; by its weight it is due {due}.",
        process=share.process,
        got=percent(got, "running"),
        due=percent(weight),
    )
    fair = abs(got - weight) <= FAIR
    return Check(claim, True if fair else None if lost_share(spinners) > FAIR else False)


def check_ready(spinners: list[Share], nice: int) -> Check:
    """1 − 1/n where all weigh the same; more, where others took some of the core."""
    last, weight = spinners[-1], weights(len(spinners), nice)[-1]
    ready = last.ready_s / last.wall_s
    off = abs(ready - (1 - weight))
    claim = say(
        "{process} was ready for {ready}; with {n} on one core it should be {due}.",
        process=last.process,
        ready=percent(ready, "ready"),
        n=len(spinners),
        due=percent(1 - weight),
    )
    return Check(claim, True if off <= FAIR else None if off <= FAIR + lost_share(spinners) else False)


def weights(n: int, nice: int) -> list[float]:
    """The share of each of n spinners, of which the last one is nice."""
    each = [1.0] * (n - 1) + [NICE_STEP**-nice]
    return [weight / sum(each) for weight in each]


def lost_share(spinners: list[Share]) -> float:
    """What the spinners did not get of their core."""
    return max(0.0, 1 - sum(share.running_s / share.wall_s for share in spinners))


def check_seen(shares: list[Share], seconds: float) -> Iterator[Check]:
    stopped_s = sum(share.stopped_s for share in shares if share.process == "stopped")
    told = {"stopped": duration(stopped_s, "stopped"), "third": duration(seconds / 3)}
    claim = say("SIGSTOP and SIGCONT were {third} apart, and `stopped` was stopped for {stopped}.", **told)
    yield Check(claim, True if abs(stopped_s - seconds / 3) <= 2 * BALANCED * seconds else None)
    d_s = sum(share.uninterruptible_s for share in shares)
    if d_s:
        yield Check(say("An uninterruptible wait was seen, for {d} in all.", d=duration(d_s)), True)
    else:
        yield Check(say("No uninterruptible wait was seen: this disk was too quick for the looks."), None)


def states_seen(shares: list[Share]) -> list[str]:
    """The ways of not running that were really there, with more than a thousandth of the time. A state
    that only looks show, and that no look could mistake, was there however short it was."""
    least_s = sum(share.wall_s for share in shares) / 1000
    sums = {
        "ready": sum(share.ready_s for share in shares),
        "blocked": sum(share.blocked_s - share.uninterruptible_s for share in shares),
        "uninterruptible": sum(share.uninterruptible_s for share in shares),
        "stopped": sum(share.stopped_s for share in shares),
        "zombie": sum(share.zombie_s for share in shares),
    }
    return [state for state, sum_s in sums.items() if sum_s > (0 if state in ONLY_SEEN else least_s)]
