"""What is read when: rounds in which every arm has its turn, so that all of them meet the same machine."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from experiments.io_models._five_models.models import ARMS, Arm, completed_by_worker, helped

Stage = Literal["read", "payer", "payload", "waiting"]

WARM_UPS = 5  # reads of each arm that are dropped
WARM_UP_MS = 0.3
SHORT_MS = 0.4  # the delay where not the waiting is asked about
SIZES_B = tuple(1 << power for power in range(0, 24, 2))  # 1 B to 4 MiB
DELAYS_MS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
COPIES_B = (4 << 10, 32 << 10, 1 << 20)  # the second still fits a datagram
COPIED_PER_S = 0.7e9  # bytes; into the kernel and out of it, on a slow machine
OVERHEAD_S = 0.0004  # of one read, beside its delay: asking, waking up, answering

SWEPT = ("recv", "spin", "epoll", "sigwaitinfo", "io_uring")  # one arm for each model
PAYERS = {"recv": "blocking", "io_uring": "asynchronous", "worker": "io_uring worker", "aio": "POSIX aio"}
HELPED = (
    Arm("asynchronous", "worker", completed_by_worker),
    Arm("asynchronous", "aio", helped),
)
EVERY_ARM = ARMS + HELPED


class Step(NamedTuple):
    """One read to be done; `repeat` counts from 0, and below it are warm-ups."""

    stage: Stage
    repeat: int
    arm: str
    size_b: int
    delay_ms: float
    jittered_ms: float


Round = list[Step]


def largest_of(size: int, sweep: str) -> int:
    """Bytes of the largest message that the plan asks for, so that the channels are made wide enough."""
    return max(size, *COPIES_B, *(SIZES_B if sweep in ("both", "sizes") else ()))


def main_rounds(size: int, delay: float, reads: int) -> list[Round]:
    """Every arm of every model, with the chosen payload and delay."""
    dice = random.Random(0)
    arms = [arm.name for arm in ARMS]
    return [one_round(dice, "read", i, arms, [size], [delay]) for i in range(-WARM_UPS, reads)]


def sweep_rounds(size: int, sweep: str, per_point: int) -> list[Round]:
    """Who pays for the copy, and the sweeps that were asked for, in turns."""
    dice = random.Random(1)
    plan = []
    for i in range(-1, per_point):
        plan.append(one_round(dice, "payer", i, list(PAYERS), COPIES_B, [SHORT_MS]))
        if sweep in ("both", "sizes"):
            plan.append(one_round(dice, "payload", i, SWEPT, SIZES_B, [SHORT_MS]))
        if sweep in ("both", "delays"):
            plan.append(one_round(dice, "waiting", i, SWEPT, [size], DELAYS_MS))
    return plan


def one_round(
    dice: random.Random,
    stage: Stage,
    repeat: int,
    arms: Sequence[str],
    sizes: Sequence[int],
    delays: Sequence[float],
) -> Round:
    """Each arm once for each size and delay, in random order, all with the same share of the delay.

    The share is drawn uniformly: a fixed delay would fall into step with whoever polls.
    """
    share = dice.uniform(0.5, 1.5)
    steps = []
    for size in sizes:
        for delay in delays:
            wait = min(delay, WARM_UP_MS) if repeat < 0 else delay * share
            steps += [Step(stage, repeat, arm, size, delay, wait) for arm in arms]
    dice.shuffle(steps)
    return steps


def cost_s(steps: Iterable[Step]) -> float:
    """About how long these reads take."""
    return sum(step.jittered_ms / 1e3 + OVERHEAD_S + step.size_b / COPIED_PER_S for step in steps)
