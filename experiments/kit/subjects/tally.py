"""How long the subjects of this process ran, and how long they were ready without a core.

The share of the second is on the page with every result: it tells whether the machine had a core
to spare. Subjects add themselves when they are reaped; threads are added by who joined them. The
run-queue delay is None once one of them could not tell its own: the sum of the others is not theirs.
"""

from __future__ import annotations

run_ns = 0
delay_ns: int | None = 0


def add(run: int, delay: int | None) -> None:
    """Nanoseconds on a core and in the run queue, of one task that was measured."""
    global run_ns, delay_ns
    run_ns += run
    delay_ns = None if delay is None or delay_ns is None else delay_ns + delay
