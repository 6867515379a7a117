"""One producer, some consumers, and a rule for waiting. Each round runs in a process of its own.

Counts change only while the condition's lock is held, so they are exact, with or without a GIL.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal, get_args

Rule = Literal["notify only", "if", "while", "wait_for"]
What = Literal["taken", "missed", "errors", "in vain"]
RULES: tuple[Rule, ...] = get_args(Rule)
WHATS: tuple[What, ...] = get_args(What)
CLOSING_S = 0.0005  # between two looks whether the consumer has come back to its bell

Pause = Callable[[], None]


def play(rule: Rule, items: int, gap_s: float, consumers: int, seed: int) -> dict[What, int]:
    """In a child: one round. How often each thing happened."""
    dice = random.Random(seed)
    pauses = [pause(random.Random(dice.random()), gap_s) for _ in range(consumers + 1)]
    counted = bell(items, *pauses[:2]) if rule == "notify only" else Shelf(rule).play(items, pauses)
    return {what: counted[what] for what in WHATS}


def pause(dice: random.Random, mean_s: float) -> Pause:
    """Work that keeps nobody's core busy: equal steps would fall into step with each other."""
    return lambda: time.sleep(dice.uniform(0, 2 * mean_s))


def bell(items: int, make: Pause, use: Pause) -> Counter[What]:
    """Nothing but a bell: the consumer waits for a notify, and believes each to be one thing.

    "taken" is counted by who hears, "missed" by who rings: nobody stood at the bell at that moment.
    """
    condition = threading.Condition()
    counted: Counter[What] = Counter()
    standing = closed = False

    def consume() -> None:
        nonlocal standing
        while True:
            with condition:
                standing = True
                condition.wait()
                if closed:
                    return
                counted["taken"] += 1
            use()

    consumer = threading.Thread(target=consume)
    consumer.start()
    for _ in range(items):
        make()
        with condition:
            counted["missed"] += not standing
            standing = False  # who was notified is on the way, and hears no second notify
            condition.notify()
    while not closed:
        time.sleep(CLOSING_S)
        with condition:
            if closed := standing:
                condition.notify()
    consumer.join()
    return counted


class Shelf:
    """Things lie on a shelf until somebody takes them; whoever puts one there wakes everybody."""

    def __init__(self, rule: Rule) -> None:
        self.condition = threading.Condition()
        self.things: deque[int] = deque()
        self.counted: Counter[What] = Counter()
        self.closed = False
        self.wait = {"if": self.wait_if, "while": self.wait_while, "wait_for": self.wait_for}[rule]

    def play(self, items: int, pauses: list[Pause]) -> Counter[What]:
        make, *uses = pauses
        consumers = [threading.Thread(target=self.consume, args=(use,)) for use in uses]
        for consumer in consumers:
            consumer.start()
        for item in range(items):
            make()
            with self.condition:
                self.things.append(item)
                self.condition.notify_all()
        with self.condition:
            self.closed = True
            self.condition.notify_all()
        for consumer in consumers:
            consumer.join()
        self.counted["missed"] = items - self.counted["taken"]
        return self.counted

    def consume(self, use: Pause) -> None:
        while True:
            with self.condition:
                self.wait()
                if self.closed and not self.things:
                    return
                self.take()
            use()

    def take(self) -> None:
        try:
            self.things.popleft()
            self.counted["taken"] += 1
        except IndexError:
            self.counted["errors"] += 1

    def wait_if(self) -> None:
        """Wrong: between the notify and our getting the lock, another may have taken the thing."""
        if not self.ready():
            self.condition.wait()

    def wait_while(self) -> None:
        while not self.ready():
            self.condition.wait()
            self.counted["in vain"] += not self.ready()

    def wait_for(self) -> None:
        """The same loop, written once for all in the library."""
        looks: list[bool] = []

        def look() -> bool:
            looks.append(self.ready())
            return looks[-1]

        self.condition.wait_for(look)
        self.counted["in vain"] += looks[1:].count(False)

    def ready(self) -> bool:
        return bool(self.things) or self.closed
