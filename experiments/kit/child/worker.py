"""The entry point of a run: `python -m experiments.kit.child.worker` reads a spec and writes rows.

One JSON line comes in on stdin: `{"experiment", "params", "deadline_s", "memory_b", "scratch", "place"}`;
stdin then stays open as the lifeline. JSON lines go out on a private duplicate of stdout, so that stray
prints land on stderr: `hello`, `rows`, `progress`, `failed`, and `end` by the supervising half.

Rows are kept until a `yield` at which writing is due, so that nothing of ours runs between two
yields; after each writing the experiment rests while the page draws.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, ModuleType
from typing import Any

from experiments.kit.child.rest import Rests
from experiments.kit.child.supervisor import Note, Place, supervise
from experiments.kit.kernel.cgroups import Throttling
from experiments.kit.kernel.clock import known_seconds
from experiments.kit.kernel.limits import limit_of
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import Progress

REST_S = 0.12  # after a writing: the page draws now, and drawing would disturb what is measured
WRITE_EVERY_S = 1.0
WRITE_CONTINUOUS_EVERY_S = 0.5
ROWS_A_LINE = 500  # a line of this length takes the server about a millisecond to read
TRACEBACK_CHARS = 8000

Message = dict[str, Any]
encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Ending(BaseException):
    """Raised in the experiment by SIGTERM, so that its `finally` blocks run."""


def main() -> None:
    channel = claim_channel()
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()  # unbuffered: what follows is for the supervising half
    if not line:
        return
    spec = json.loads(line)
    supervise(
        lambda: run(spec, Channel(channel)),
        channel,
        deadline_s=spec.get("deadline_s"),
        memory_b=spec.get("memory_b"),
        place=Place(**spec.get("place", {})),
    )


def claim_channel() -> int:
    """Keep the real stdout for rows; prints go where stderr goes, and are there after a crash."""
    channel = os.dup(1)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return channel


def run(spec: Message, channel: Channel) -> Note:
    """Measure in the forked half, and tell how it went."""
    import faulthandler

    faulthandler.enable()  # a crash leaves the Python stack as its last words
    if scratch := spec.get("scratch"):
        os.chdir(scratch)
    channel.end_on_term()
    machine = Machine.here()
    hello = {"t": "hello", "pid": os.getpid(), "machine": machine.as_json()}
    done, rests, quota = False, Rests(machine.core_ids or ()), Throttling.now()
    try:
        with channel.held():
            channel.send(hello)
        module = importlib.import_module(f"experiments.{spec['experiment']}")
        measure(module, spec["params"], channel, rests)
        in_subjects("raise_lost")
        done = True
    except Ending:
        pass
    except BaseException as error:
        with suppress(Ending), channel.held():
            channel.send(failure(error))
    return {
        "done": done,
        "machine": Machine.here().as_json(),
        **tallied(),
        **rests.as_json(),
        "throttled": quota.since(),
    }


def measure(module: ModuleType, params: Message, channel: Channel, rests: Rests) -> None:
    continuous = getattr(module, "continuous", False)
    every_s, rest_s = (WRITE_CONTINUOUS_EVERY_S, 0.0) if continuous else (WRITE_EVERY_S, REST_S)
    batch = Batch(channel, every_s)
    items: Iterator[Any] = module.measure(**params)
    try:
        for item in items:
            batch.add(item)
            if batch.is_due():
                batch.write()
                in_subjects("raise_trouble")
                rests.rest(rest_s)
    finally:
        with suppress(AttributeError):
            items.close()  # type: ignore[attr-defined]  # its `finally` runs before we leave
        batch.write()


class Channel:
    """Writes messages as JSON lines, and ends the experiment on SIGTERM, but never within a line."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.holding = False
        self.ending = False  # SIGTERM came while it was held

    def send(self, message: Message) -> None:
        """While the channel is `held`: else SIGTERM could tear the line."""
        data = memoryview(encode_line(message).encode())
        while data:
            data = data[os.write(self.descriptor, data) :]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile SIGTERM waits, so that no line is torn and no row is lost or written twice."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False
        if self.ending:
            self.ending = False
            raise Ending

    def end_on_term(self) -> None:
        """The measuring process ends through `finally` blocks; forked ones die of SIGTERM as usual."""
        signal.signal(signal.SIGTERM, self.end)
        os.register_at_fork(after_in_child=self.forget)

    def end(self, _number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not break off the cleaning up
        if not self.holding:
            raise Ending
        self.ending = True

    def forget(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self.end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def encode_line(message: Message) -> str:
    try:
        return f"{encode(message)}\n"
    except ValueError:  # JSON has no NaN and no infinity; only rows may hold them
        rows: list[Any] = [finite(row) for row in message["rows"]]
        return f"{encode({**message, 'rows': rows})}\n"


def finite(row: tuple[Any, ...]) -> list[Any]:
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in row]


class Batch:
    """Rows and the newest progress that wait for their writing."""

    def __init__(self, channel: Channel, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.channel = channel
        self.every_s = every_s
        self.clock = clock
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.progress: Progress | None = None
        self.written_at = -math.inf
        self.had_rows = self.had_progress = False

    def add(self, item: object) -> None:
        if isinstance(item, Progress):
            self.progress = item
        elif isinstance(item, tuple) and hasattr(item, "_fields"):
            self.rows.setdefault(type(item).__name__.lower(), []).append(item)
        else:
            raise TypeError(f"measure yielded {item!r}, which is neither a NamedTuple nor Progress")

    def is_due(self) -> bool:
        first_row = bool(self.rows) and not self.had_rows
        first_progress = self.progress is not None and not self.had_progress
        return first_row or first_progress or self.clock() >= self.written_at + self.every_s

    def write(self) -> None:
        with self.channel.held():
            for table, rows in self.rows.items():
                for start in range(0, len(rows), ROWS_A_LINE):
                    self.channel.send(
                        {"t": "rows", "table": table, "rows": rows[start : start + ROWS_A_LINE]}
                    )
            if self.progress:
                self.channel.send({"t": "progress", **self.progress._asdict()})
            self.had_rows = self.had_rows or bool(self.rows)
            self.had_progress = self.had_progress or self.progress is not None
            self.rows, self.progress = {}, None
            self.written_at = self.clock()


def in_subjects(raises: str) -> None:
    """SubjectDied where a subject was killed and nobody noticed: what was measured is not to be judged."""
    if subjects := sys.modules.get("experiments.kit.subjects.subjects"):
        getattr(subjects, raises)()


def failure(error: BaseException) -> Message:
    """What is a sentence for the reader needs neither the name of its kind nor a traceback."""
    if sentence := limit_of(error) or ended_process(error):
        return {"t": "failed", "why": sentence, "kind": "", "traceback": ""}
    import traceback

    text = "".join(traceback.format_exception(error))
    kind = type(error).__name__
    return {"t": "failed", "why": str(error) or kind, "kind": kind, "traceback": text[-TRACEBACK_CHARS:]}


def ended_process(error: BaseException) -> str:
    """The sentence for a process that ended while it was looked at in /proc; "" where that was not it."""
    path = str(getattr(error, "filename", None) or "")
    pid = path.removeprefix("/proc/").partition("/")[0]
    gone = isinstance(error, FileNotFoundError | ProcessLookupError) and path.startswith("/proc/")
    return f"process {pid} ended while it was looked at" if gone and pid.isdigit() else ""


def tallied() -> dict[str, float | None]:
    """What the subjects ran and waited in the run queue; None where the experiment tallied nothing."""
    tally = sys.modules.get("experiments.kit.subjects.tally")
    told = (getattr(tally, name, None) for name in ("run_ns", "delay_ns"))
    run_s, delay_s = (known_seconds(ns) for ns in told)
    return {"run_s": run_s, "delay_s": delay_s}


if __name__ == "__main__":
    main()
