"""What a signal that asks for the end does to a command: it is remembered, or it interrupts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@dataclass
class End:
    """Whether somebody asked for the end, and who is to be told of it."""

    wish: str = ""  # "stopped by SIGINT"
    tell: Callable[[str], object] | None = field(default=None, repr=False)

    def ask(self, number: int, _frame: object) -> None:
        self.wish = self.wish or f"stopped by {signal.Signals(number).name}"
        if self.tell:
            self.tell(self.wish)


@contextmanager
def asked() -> Iterator[End]:
    """Nothing is broken off meanwhile: whoever works looks at the wish, and ends in an orderly way."""
    end = End()
    with handled_by(end.ask):
        yield end


@contextmanager
def interrupting() -> Iterator[None]:
    """All of these signals do what Ctrl-C does: KeyboardInterrupt, which leaves nothing behind."""
    with handled_by(interrupt):
        yield


def interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """What somebody chose to ignore stays ignored (nohup)."""
    before = {end: signal.getsignal(end) for end in ENDS}
    chosen = [end for end, known in before.items() if known not in (signal.SIG_IGN, None)]
    for end in chosen:
        signal.signal(end, handler)
    try:
        yield
    finally:
        for end in chosen:
            signal.signal(end, before[end])
