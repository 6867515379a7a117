"""Threads that need two locks at once, by several strategies, in a process that may stop for ever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol, get_args

from experiments.kit.kernel.clock import NS_PER_S, now_ns
from experiments.kit.subjects.work import python_loop
from experiments.sync._deadlock.table import DROPS, LEAVES, TAKES, WAITER, WANTS, WORKS, Table

Scene = Literal["two threads", "philosophers"]
Strategy = Literal["naive", "naive, RLock", "ordered", "timeouts", "waiter"]
SCENES: tuple[Scene, ...] = get_args(Scene)
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
CURES: tuple[Strategy, ...] = ("ordered", "timeouts", "waiter")
LOOPS = 8000  # of work with both locks: some tenths of a millisecond


class Lock(Protocol):
    """What threading.Lock and RLock have in common."""

    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...
    def release(self) -> None: ...


class Arm(NamedTuple):
    scene: Scene
    strategy: Strategy

    @property
    def cured(self) -> bool:
        return self.strategy in CURES


ARMS = [Arm("two threads", strategy) for strategy in STRATEGIES]
ARMS += [Arm("philosophers", strategy) for strategy in STRATEGIES if strategy != "naive, RLock"]


def dine(
    table: Table, strategy: Strategy, seconds: float, gap_s: float, patience_s: float, seed: int
) -> None:
    """In a child: all threads at the table, until the time is over, or for ever."""
    kind = threading.RLock if "RLock" in strategy else threading.Lock
    locks = [kind() for _ in range(table.threads)]
    places = threading.Semaphore(table.threads - 1) if strategy == "waiter" else None
    until_ns = [0]
    ready, go = threading.Semaphore(0), threading.Event()

    def live(seat: int) -> None:
        diner = Diner(table, seat, locks, places, random.Random(seed * 100 + seat), gap_s, patience_s)
        if strategy == "ordered":
            diner.first, diner.second = sorted((diner.first, diner.second))
        reach = diner.with_timeouts if strategy == "timeouts" else diner.plainly
        table.tasks[seat] = threading.get_native_id()
        ready.release()
        go.wait()
        table.mark(seat, DROPS, WAITER)
        diner.live(reach, until_ns[0])

    threads = [threading.Thread(target=live, args=(seat,)) for seat in range(table.threads)]
    for thread in threads:
        thread.start()
        ready.acquire()
    until_ns[0] = table.begin() + round(seconds * NS_PER_S)
    go.set()
    for thread in threads:
        thread.join()


class Diner:
    """One thread: thinks, takes two locks with a gap between, works with both, gives them back."""

    def __init__(
        self,
        table: Table,
        seat: int,
        locks: Sequence[Lock],
        places: threading.Semaphore | None,
        dice: random.Random,
        gap_s: float,
        patience_s: float,
    ) -> None:
        self.table, self.seat, self.locks, self.places, self.dice = table, seat, locks, places, dice
        self.gap_s, self.patience_s = gap_s, patience_s
        self.first, self.second = seat, (seat + 1) % table.threads

    def live(self, reach: Callable[[int], bool], until_ns: int) -> None:
        while now_ns() < until_ns:
            time.sleep(self.dice.uniform(0, 2 * self.gap_s))
            self.sit_down()
            if reach(until_ns):
                self.table.mark(self.seat, WORKS, WAITER)
                python_loop(LOOPS)
                self.table.meals[self.seat] += 1
                self.drop(self.second)
                self.drop(self.first)
            self.stand_up()

    def plainly(self, _: int = 0) -> bool:
        self.take(self.first)
        time.sleep(self.gap_s)
        return self.take(self.second)

    def with_timeouts(self, until_ns: int) -> bool:
        """Give the first lock back if the second does not come, and try again after a random time."""
        while now_ns() < until_ns:
            self.take(self.first)
            time.sleep(self.gap_s)
            if self.take(self.second, self.patience_s * self.dice.uniform(0.5, 1.5)):
                return True
            self.table.backoffs[self.seat] += 1
            self.drop(self.first)
            time.sleep(self.dice.uniform(0, 2 * self.patience_s))
        return False

    def sit_down(self) -> None:
        """A waiter lets one fewer reach for locks than there are seats."""
        if self.places:
            self.table.mark(self.seat, WANTS, WAITER)
            self.places.acquire()
            self.table.mark(self.seat, TAKES, WAITER)

    def stand_up(self) -> None:
        if self.places:
            self.table.mark(self.seat, DROPS, WAITER)
            self.places.release()

    def take(self, lock: int, patience_s: float = -1) -> bool:
        self.table.mark(self.seat, WANTS, lock)
        got = self.locks[lock].acquire(timeout=patience_s)
        self.table.mark(self.seat, TAKES if got else LEAVES, lock)
        return got

    def drop(self, lock: int) -> None:
        self.table.mark(self.seat, DROPS, lock)
        self.locks[lock].release()
