"""Crews: the workers of `threads.scaling`, in three kinds that take the same jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from experiments.kit import timeline
from experiments.kit.kernel.clock import now_ns, thread_times
from experiments.kit.subjects import subinterpreters
from experiments.kit.subjects.subinterpreters import Subinterpreter
from experiments.kit.subjects.subjects import Group, Worker, in_threads, raise_trouble
from experiments.kit.subjects.work import Work, burn_until, hash_buffers, hasher, nap, python_loop

Kind = Literal["threads", "processes", "interpreters"]
Workload = Literal["python", "hash", "sleep"]
Answer = list[Any]  # numbers; the run-queue delay is None where the system does not tell it
Crew = Callable[..., list[Answer]]  # (workers, job, *arguments) -> what each of them answered

WORK: Mapping[str, Work] = {"python": python_loop, "hash": hash_buffers, "sleep": nap}
DRAWN_BUFFER_B = 1 << 16  # small enough that an interruption shows, far above what keeps the GIL


def open_crews(group: Group, workers: int) -> dict[Kind, Crew]:
    """The workers of every kind; processes first, because forking comes before threads."""
    forked = [group.worker(do, name=f"process {i + 1}") for i in range(workers)]
    crews: dict[Kind, Crew] = {"threads": ask_threads, "processes": partial(ask_processes, forked)}
    if subinterpreters.module():
        host = group.worker(hosting(), name="process with interpreters")
        crews["interpreters"] = partial(ask_host, host)
    return crews


def ask_threads(n: int, *job: object) -> list[Answer]:
    raise_trouble()  # to join threads tells nothing of the processes
    return in_threads(do, [job] * n)


def ask_processes(forked: list[Worker], n: int, *job: object) -> list[Answer]:
    for worker in forked[:n]:
        worker.ask(*job)
    return [worker.answer() for worker in forked[:n]]


def ask_host(host: Worker, n: int, *job: object) -> list[Answer]:
    host.ask(n, *job)
    answers: list[Answer] = host.answer()
    return answers


def hosting() -> Crew:
    """For a process that hosts interpreters: some versions crash when they end, and this one may."""
    inside: list[Subinterpreter] = []

    def ask(n: int, *job: object) -> list[Answer]:
        while len(inside) < n:
            inside.append(Subinterpreter())
            inside[-1].run(f"from {__name__} import do")
        return in_threads(Subinterpreter.evaluate, [(one, f"do(*{job!r})") for one in inside[:n]])

    return ask


def do(job: str, *arguments: int | str) -> Answer:
    """In a worker: one of the jobs, by name."""
    return JOBS[job](*arguments)


def piece(workload: str, loops: int) -> Answer:
    """One piece of work: when it started and ended, and its nanoseconds on a core and in the run queue."""
    before = thread_times()
    start = now_ns()
    WORK[workload](loops)
    end = now_ns()
    return [start, end, *thread_times().since(before)]


def spinning(until_ns: int) -> Answer:
    return [burn_until(until_ns)]


def recorded(workload: str, loops: int) -> Answer:
    """A piece of work that notes when it ran: start, end, start, end, …"""
    if workload == "python":
        return timeline.bursts(looks=loops)
    if workload == "hash":
        return timeline.call_bursts(hasher(DRAWN_BUFFER_B), calls=loops)
    start = now_ns()
    nap(loops)
    return [start, now_ns()]


JOBS: Mapping[str, Callable[..., Answer]] = {"piece": piece, "spinning": spinning, "recorded": recorded}
