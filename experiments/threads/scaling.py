"""Threads against processes

Do more workers make Python faster?

One cook needs ten minutes for a dish. Four cooks, four dishes: still ten minutes, if the kitchen
has four stoves. Here every worker gets the same dish, a fixed piece of work, and the clock tells
how much more gets done per second with two workers, with four, than with one a moment before.
2× with two workers means that the second one cost no time at all; 1× means that it might as well
have stayed at home.

Python has a kitchen rule of its own. In the usual build of CPython, and in PyPy, a thread may touch
Python objects only while it holds the [global interpreter lock][GIL], the GIL, and there is one such lock
in a process. So threads that compute in Python take turns on one core, however many cores there are: their
line stays flat at 1×, and often a little below it, because taking turns costs time. Each process has an
interpreter and a lock of its own, and so its line climbs. From CPython 3.12 on there is a kind in
between, interpreters inside one process with a GIL each ([PEP 684]); and a free-threaded build, from 3.13
on, runs without a GIL ([PEP 703]), so that threads climb as processes do.

- "Python threads are useless" is wrong. Choose the workload `hash`: the work is C code that lets
  go of the GIL while it computes ([hashlib]), and the same threads climb. Choose `sleep`: waiting needs
  neither lock nor core, and sixteen threads sleep as quickly as one. Most programs that wait for
  networks and disks look like that.
- "Twice the cores, twice the speed" is wrong too. Two virtual cores are often two halves of one
  real core. That is why the page holds the lines not against n× but against a capacity that it
  measured in the same minutes, with processes that do nothing but spin.
- Look at the effective cores: CPU seconds per second. Threads that scale badly and use one core
  are held by a lock. Processes that scale badly and wait in the run queue have no core left.

How it is measured: all workers are alive and have worked once before the clock starts; processes
are forked before there are threads. The clock speed of a machine wanders within seconds, so one
worker, two and four take turns every 20 ms, and only ratios within such a round are judged.

[GIL]: https://docs.python.org/3/glossary.html#term-global-interpreter-lock
[PEP 684]: https://peps.python.org/pep-0684/
[PEP 703]: https://peps.python.org/pep-0703/
[hashlib]: https://docs.python.org/3/library/hashlib.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, NamedTuple, get_args

from experiments.kit import (
    Between,
    Cells,
    Check,
    Count,
    Line,
    LineGuess,
    Milliseconds,
    Progress,
    Ratio,
    Record,
    Reference,
    Seconds,
    Sentence,
    Timeline,
    Verdict,
    asserted,
    percent,
    say,
    timeline,
    times,
)
from experiments.kit.causes import why_no_core
from experiments.kit.kernel.clock import NS_PER_S, known_seconds, known_sum, now_ns, seconds
from experiments.kit.kernel.machine import gil_enabled, usable_cores
from experiments.kit.stats import FEWEST, Estimate, estimate, known_median, median, ratio_interval
from experiments.kit.subjects import tally
from experiments.kit.subjects.subjects import Group
from experiments.kit.subjects.work import calibrate
from experiments.threads._scaling.crews import WORK, Answer, Crew, Kind, Workload, open_crews, recorded

CHUNK_S = 0.02  # a piece of work is done in chunks, because clock speeds flip within seconds
SPINS = 4  # chunks of one look at the capacity
DRAWN_S = 0.05  # of work in the round that is drawn as a timeline; the timed rounds are not recorded
DRAWN_WORKERS = 4
FASTER = 1.15  # a speed-up below this is none
ONE_CORE = 1.1  # CPU seconds per second of threads that take turns, with what taking turns costs
SPARE = 1.3  # capacity below this leaves no second core to speak of
CROWDED = 0.15  # of the time in the run queue, with no more workers than cores: something took the cores
NOISE = 0.1  # more than the cores by so much, and what was measured is no gain
NEAR = 0.85  # of the capacity: as near as starting and ending together allows
ONE: Mapping[Kind, str] = {"threads": "thread", "processes": "process", "interpreters": "interpreter"}


class Round(NamedTuple):
    """One timed round: so many workers, one piece of work each."""

    kind: Kind
    workers: Count
    repeat: Count
    wall_s: Annotated[Seconds, "from the start of the first worker to the end of the last"]
    speedup: Annotated[Ratio, "work per second, compared with one worker a moment before"]
    cpu_s: Annotated[Seconds, "on a core, all workers together"]
    effective_cores: Annotated[Ratio, "CPU seconds per second"]
    delay_s: Annotated[Seconds | None, "ready without a core, all workers together"]


class Capacity(NamedTuple):
    """What so many cores give: the joint rate of processes that only spin, over the rate of one."""

    cores: Count
    ratio: Annotated[Ratio | None, "median of the rounds; empty where it is more than the cores can give"]
    low: Annotated[Ratio, "95 % interval of the median"]
    high: Annotated[Ratio, "95 % interval of the median"]


class Span(NamedTuple):
    """A stretch of one recorded round for each kind; it was not among the timed ones."""

    kind: Kind
    lane: str
    state: str
    start_s: Seconds
    end_s: Seconds


charts = [
    Line(
        Round,
        title="How much more work gets done with more workers?",
        x="workers",
        y="speedup",
        by="kind",
        references=(
            Reference(label="capacity of the cores", row=Capacity, x="cores", y="ratio"),
            Reference(label="ideal"),
        ),
    ),
    Cells(Round, id="speedup", title="Speed-up", across="workers", down="kind", value="speedup"),
    Cells(
        Round,
        id="cores",
        title="Cores that were really used",
        across="workers",
        down="kind",
        value="effective_cores",
    ),
    Timeline(
        Span,
        title="Who ran when, in one round of each kind?",
        caption="A round that was recorded on its own, with less work and at most four workers. Found from"
        " jumps of the clock in the workers; a gap where another thread ran is time waiting for the GIL.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="kind",
    ),
]

guess = LineGuess(
    ask="How many times as much gets done as by one worker alone?",
    figure="line",
    unit="×",
    low=0,
    high=lambda params: 1.25 * params["workers"],
    series=("threads", "processes"),
    places=lambda params: levels(params["workers"])[1:],
    starts=(1, 1),
    x_about="workers",
    measured=lambda record: speedups(record),
)

presets = {
    "quick": {"workers": 2, "work": 60, "repeats": 3},
    "hashing": {"workload": "hash"},
    "sleeping": {"workload": "sleep", "workers": 16},
    "careful": {"workers": 8, "work": 150, "repeats": 12},
}


def measure(
    workload: Annotated[Workload, "a loop in Python, SHA-256 of large buffers, or only sleep"] = "python",
    workers: Annotated[Count, Between(2, 32), "try up to this many: 1, 2, 4, 8 … and this number"] = 4,
    work: Annotated[Milliseconds, Between(5, 1000), "one piece of work, for one worker alone"] = 100,
    repeats: Annotated[Count, Between(1, 20), "rounds for each number of workers"] = 5,
) -> Iterator[Round | Capacity | Span | Progress]:
    yield Capacity(1, 1.0, 1.0, 1.0)  # by definition
    sizes = levels(workers)
    with Group() as group:
        crews = open_crews(group, workers)
        jobs = plan(workload, work / 1000)
        for crew in crews.values():
            crew(workers, "piece", workload, max(1, jobs.loops // 10))  # every worker has worked once
        spun = []
        for repeat in range(repeats):
            yield Progress(repeat / (repeats + 1), f"round {repeat + 1} of {repeats}")
            spun.append(spin(crews["processes"], [n for n in sizes if n <= usable_cores()]))
            for kind in list(crews)[:: 1 if repeat % 2 == 0 else -1]:
                yield from timed_round(kind, crews[kind], repeat, sizes, jobs)
        yield from capacity(spun)
        yield Progress(repeats / (repeats + 1), "recording one round of each kind")
        loops = calibrate(partial(recorded, workload), min(work / 1000, DRAWN_S))
        for kind, crew in crews.items():
            lanes = crew(min(workers, DRAWN_WORKERS), "recorded", workload, loops)
            yield from drawn_round(kind, lanes, workload)


def cost(workload: str, workers: int, work: float, repeats: int) -> float:
    """Seconds, if threads take turns and interpreters are there."""
    sizes = levels(workers)
    cores = usable_cores()
    apart = sum(max(1.0, n / cores) for n in sizes)
    pieces = {
        "python": sum(sizes) + 2 * apart,  # threads, and then processes and interpreters
        "hash": 3 * apart,
        "sleep": 3 * len(sizes),
    }[workload]
    spinning_s = SPINS * CHUNK_S * sum(n <= cores for n in sizes)
    return 0.5 + 0.06 * workers + repeats * (pieces * work / 1000 + spinning_s)


class Jobs(NamedTuple):
    """One piece of work: this many chunks of this many loops."""

    workload: Workload
    chunks: int
    loops: int


def plan(workload: Workload, work_s: float) -> Jobs:
    chunks = max(1, round(work_s / CHUNK_S))
    return Jobs(workload, chunks, calibrate(WORK[workload], work_s / chunks))


class Done:
    """What one number of workers needed for all chunks so far."""

    def __init__(self) -> None:
        self.wall_ns = self.cpu_ns = 0
        self.delay_ns: int | None = 0

    def add(self, pieces: list[Answer]) -> None:
        starts, ends, cpu_ns, delay_ns = zip(*pieces, strict=True)
        self.wall_ns += max(ends) - min(starts)
        self.cpu_ns += sum(cpu_ns)
        self.delay_ns = known_sum((self.delay_ns, *delay_ns))


def levels(workers: int) -> list[int]:
    """The numbers of workers to try: powers of two, the number asked for, and the number of cores."""
    powers = {2**i for i in range(6)}
    return sorted(n for n in powers | {workers, usable_cores()} if n <= workers)


def timed_round(kind: Kind, crew: Crew, repeat: int, sizes: list[int], jobs: Jobs) -> Iterator[Round]:
    """One piece of work for every worker, cut into chunks that the sizes do in turn; then the rows."""
    done = {n: Done() for n in sizes}
    for chunk in range(jobs.chunks):
        for n in sizes[:: 1 if chunk % 2 == 0 else -1]:  # every second time backwards: a drift cancels
            done[n].add(crew(n, "piece", jobs.workload, jobs.loops))
    alone_s = seconds(done[1].wall_ns)
    for n in sizes:
        wall_s, cpu_s = seconds(done[n].wall_ns), seconds(done[n].cpu_ns)
        delay_s = known_seconds(done[n].delay_ns)
        yield Round(kind, n, repeat, wall_s, n * alone_s / wall_s, cpu_s, cpu_s / wall_s, delay_s)
        if kind == "threads":  # all others are added up when their processes are reaped
            tally.add(done[n].cpu_ns, done[n].delay_ns)


def spin(processes: Crew, sizes: list[int]) -> dict[int, int]:
    """How much that many spinning processes get done side by side, each number in turn."""
    done = dict.fromkeys(sizes, 0)
    for chunk in range(SPINS):
        for n in sizes[:: 1 if chunk % 2 == 0 else -1]:
            until_ns = now_ns() + int(CHUNK_S * NS_PER_S)
            done[n] += sum(count for (count,) in processes(n, "spinning", until_ns))
    return done


def capacity(spun: list[dict[int, int]]) -> Iterator[Capacity]:
    alone = [done[1] for done in spun]
    for n in list(spun[0])[1:]:
        ratio = ratio_interval([done[n] for done in spun], alone)
        possible = ratio.value if ratio.value <= n * (1 + NOISE) else None
        yield Capacity(n, possible, *(ratio[1:] if len(spun) >= FEWEST else (0.0, float(n))))


def drawn_round(kind: Kind, runs: list[list[int]], workload: Workload) -> Iterator[Span]:
    lanes = {f"{ONE[kind]} {i + 1}": run for i, run in enumerate(runs)}
    begin = min(run[0] for run in runs)
    merged = timeline.holds(lanes)
    for lane, run in lanes.items():
        if workload == "sleep":
            spans = iter([timeline.Span(lane, "blocked", *run)])
        elif workload == "python" and kind == "threads" and gil_enabled():
            spans = timeline.spans_with_gil(merged, lane, begin, run[-1])
        else:
            spans = timeline.spans_without_gil(lane, timeline.pairs(run))
        for _, state, start, end in spans:
            yield Span(kind, lane, state, seconds(start - begin), seconds(end - begin))


# -- what was guessed, and the verdict -----------------------------------------------------------


def speedups(record: Record) -> dict[str, float]:
    """The median speed-up of each kind with each number of workers, as "threads@4"."""
    found: dict[str, list[float]] = {}
    for r in record[Round]:
        found.setdefault(f"{r.kind}@{r.workers}", []).append(r.speedup)
    return {key: median(values) for key, values in found.items()}


LACKED = "But for {waited} of the time they waited for a core."
NO_CORE = "But processes that only spin got {capacity}: a second core was lacking."
TOO_MUCH = (
    "But processes that only spin seem to have got up to {high} from {cores} cores, and that cannot be: the"
    " rounds were not alike."
)
TOO_FAST = "But so many workers cannot gain that much: the rounds were not alike."
GOT = "{n} threads got {threads} as much done as one, {n} processes {processes}."
WHY = {
    "gil": "A thread computes in Python only while it holds the GIL, and there is one for all of them.",
    "free": "This Python runs without a GIL.",
    "hash": "Hashing a large buffer lets go of the GIL.",
    "sleep": "Who sleeps needs neither the GIL nor a core.",
}


def verdict(record: Record) -> Verdict:
    n = judged_size(record)
    if n < 2:
        return Verdict("unclear", say("This run had one core only: no two workers could run side by side."))
    rounds = [r for r in record[Round] if r.workers == n]
    cores = [c for c in record[Capacity] if c.cores == min(n, record.machine.cores)]
    speedups = {kind: [r.speedup for r in rounds if r.kind == kind] for kind in get_args(Kind)}
    if min(len(speedups["threads"]), len(speedups["processes"])) < FEWEST or not cores:
        return Verdict("unclear", say("It takes {few} rounds to see how far they spread.", few=FEWEST))
    seen = {kind: estimate(values) for kind, values in speedups.items() if values}
    workload = record.params["workload"]
    turns = record.machine.gil and workload == "python"  # threads have to take turns
    limit = n if workload == "sleep" else capacity_of(cores[-1])
    used = median(r.effective_cores for r in rounds if r.kind == "threads")
    waited = waiting(rounds)
    doubt = contradiction(seen, used, turns, n, limit)
    crowded = doubt and waited is not None and waited > CROWDED
    because = why_no_core(record, n * waited if crowded and waited else None)
    if crowded:
        doubt = LACKED
    if doubt in (LACKED, NO_CORE, TOO_MUCH, TOO_FAST):
        doubt = f"{doubt} {because.text}"
    known = WHY[workload if workload != "python" else "gil" if turns else "free"]
    headline = say(
        f"{GOT} {doubt or known}",
        n=n,
        threads=times(seen["threads"].value, "threads"),
        processes=times(seen["processes"].value, "processes"),
        **({} if limit is None else {"capacity": times(limit)}),
        **({} if waited is None else {"waited": percent(waited, "ready")}),
        known=known,
        high=times(cores[-1].high),
        cores=record.machine.cores,
        **because.values,
    )
    answer = "unclear" if doubt else "only with processes" if turns else "yes"
    checks = [*(turn_checks(rounds) if turns else ()), *speed_checks(seen, turns, limit, record.machine.gil)]
    return Verdict(answer, headline, tuple(checks), tuple(lacking(record)))


def lacking(record: Record) -> Iterator[Sentence]:
    if not any(row.kind == "interpreters" for row in record[Round]):
        python = f"{record.machine.implementation} {record.machine.python}"
        yield say(
            "{python} has no interpreters with a GIL of their own; CPython 3.12 and later have.",
            python=python,
        )


def capacity_of(row: Capacity) -> float | None:
    """None where it is more than the cores can give: then the rounds were not alike, and it says nothing."""
    return row.ratio if row.ratio is not None and row.ratio <= row.cores * (1 + NOISE) else None


def waiting(rounds: Sequence[Round]) -> float | None:
    """The share of the time that a worker was in the run queue; None where the system does not tell."""
    return known_median(None if r.delay_s is None else r.delay_s / (r.wall_s * r.workers) for r in rounds)


def judged_size(record: Record) -> int:
    """The largest number of workers that there is a core for; sleepers need none."""
    needs_cores = record.params["workload"] != "sleep"
    sizes = {r.workers for r in record[Round]}
    return max((n for n in sizes if n <= record.machine.cores or not needs_cores), default=0)


def contradiction(seen: Mapping[str, Estimate], used: float, turns: bool, n: int, limit: float | None) -> str:
    """Why nothing can be concluded, or "": what is known of the machine beats what was seen."""
    threads, processes = (seen[kind].beyond(FASTER) for kind in ("threads", "processes"))
    if threads is None and turns and used <= ONE_CORE:
        threads = False  # CPU seconds do not mind a clock speed that wanders
    if limit is None:
        return TOO_MUCH
    if max(one.value for one in seen.values()) > n * (1 + NOISE):
        return TOO_FAST
    if limit < SPARE:
        return NO_CORE
    if threads is turns:
        return "That does not fit what is known, so run it again: {known}"
    if processes is False:
        return "But even processes did not gain, though spinning ones got {capacity}; run it again."
    if threads is None or processes is None:
        return "But the rounds spread too far to be sure: take more of them, or a quieter moment."
    return ""


def turn_checks(rounds: Sequence[Round]) -> Iterator[Check]:
    """Is it the lock that holds the threads, or do they lack cores?"""
    threads = [r for r in rounds if r.kind == "threads"]
    used = median(r.effective_cores for r in threads)
    claim = say("Together the threads kept {cores} of one core busy.", cores=percent(used, "running"))
    yield Check(claim, True if used <= ONE_CORE else None)
    if (waited := waiting(threads)) is not None:
        claim = say(
            "They did not lack a core: {waited} of their time in the run queue.",
            waited=percent(waited, "ready"),
        )
        yield asserted(claim, True if waited < CROWDED else None)


def speed_checks(
    seen: Mapping[str, Estimate], turns: bool, limit: float | None, gil: bool
) -> Iterator[Check]:
    threads, processes, inside = (seen.get(kind) for kind in get_args(Kind))
    if threads and turns:
        above = threads.beyond(FASTER)
        claim = "Threads stay below {limit}: {low} to {high}."
        yield asserted(told(claim, threads, FASTER, "threads"), None if above is None else not above)
    if threads and not turns:
        yield asserted(
            told("Threads rise above {limit}: {low} to {high}.", threads, FASTER, "threads"),
            threads.beyond(FASTER),
        )
    if processes and limit is not None:
        claim = "Processes come near the {limit} that this machine can give: {low} to {high}."
        yield asserted(told(claim, processes, limit, "processes"), processes.beyond(NEAR * limit) or None)
    if inside:
        claim = "Interpreters in one process rise above {limit}: {low} to {high}."
        if gil:
            claim = "Interpreters in one process, with a GIL each, rise above {limit}: {low} to {high}."
        yield asserted(told(claim, inside, FASTER, "interpreters"), inside.beyond(FASTER))


def told(claim: str, seen: Estimate, limit: float, about: str) -> Sentence:
    return say(claim, limit=times(limit), low=times(seen.low, about), high=times(seen.high, about))
