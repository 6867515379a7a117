"""How many descriptors this process may have open: as many as the system lets it, its children as before."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

UNTOLD = 1024  # what systems have allowed for long, where this one does not tell
_before: tuple[int, int] | None = None  # the limits that this process was started with


def raise_limit() -> None:
    """Let this process use all that it may. A server has one descriptor for each connection."""
    global _before
    with suppress(OSError, ValueError):  # refused in a sandbox: it goes on with what it has
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == hard:
            return
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _before = _before or (soft, hard)


def restore_limit(pid: int) -> None:
    """Give a child the limit that this process was started with: what it measures may depend on it."""
    if _before and hasattr(resource, "prlimit"):  # Linux
        with suppress(OSError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_NOFILE, _before)


@contextmanager
def limit_before() -> Iterator[None]:
    """For what is started meanwhile: the limit that this process was started with."""
    if _before is None:
        yield
        return
    now = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_before[0], now[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, now)


def descriptor_limit() -> int:
    """As it is now: somebody may change it from outside."""
    try:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except OSError:
        return UNTOLD
