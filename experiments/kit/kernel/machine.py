"""The facts of the machine and the interpreter that a run happened on.

Known beats seen: a verdict that contradicts one of these facts is "unclear". Every run imports this
before its first row, so it asks the kernel itself: `platform` and `pathlib` would take 5 ms to import.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from experiments.kit.kernel import affinity, cgroups

IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}


@dataclass(frozen=True)
class Machine:
    """Facts, taken inside the measuring process; `gil` is taken again at the end of a run."""

    host: str
    system: str
    cpu: str
    cores: int
    quota_cores: float | None
    memory_b: int | None
    python: str
    implementation: str
    gil: bool
    free_threaded_build: bool
    switch_interval_s: float
    clock_resolution_s: float
    core_ids: Sequence[int] | None = None  # the numbers of those cores; None where the system does not tell
    nice: int | None = None

    @classmethod
    def here(cls) -> Machine:
        system = os.uname()
        return cls(
            host=system.nodename,
            system=f"{system.sysname} {system.release}",
            cpu=cpu_model(),
            cores=usable_cores(),
            quota_cores=cgroups.quota(),
            memory_b=memory(),
            python=sys.version.split()[0],
            implementation=IMPLEMENTATIONS.get(sys.implementation.name, sys.implementation.name),
            gil=gil_enabled(),
            free_threaded_build="t" in getattr(sys, "abiflags", ""),
            switch_interval_s=sys.getswitchinterval(),
            clock_resolution_s=time.get_clock_info("monotonic").resolution,
            core_ids=core_numbers() or None,
            nice=niceness(),
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def gil_enabled() -> bool:
    """Whether threads take turns now (PEP 703; an import can switch the GIL on again)."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def usable_cores() -> int:
    """Cores this process may run on; `os.cpu_count` would count those it may not, too."""
    return len(core_numbers()) or os.cpu_count() or 1


def core_numbers() -> list[int]:
    """Their numbers: which cores a user (`taskset`) or a cpuset allows."""
    return list(affinity.usable_cores())


def niceness() -> int | None:
    with suppress(AttributeError, OSError):
        return os.getpriority(os.PRIO_PROCESS, 0)
    return None


def memory() -> int | None:
    """Bytes of physical memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def available() -> int | None:
    """Bytes that programs could be given now without swapping, as far as the control groups allow.

    None where neither the system nor a control group says.
    """
    free = memory()
    with suppress(OSError, ValueError, StopIteration), open("/proc/meminfo") as file:
        free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:")) * 1024
    left = [left for folder in cgroups.folders("memory") or () if (left := left_in(folder)) is not None]
    return min([*left, *([] if free is None else [free])], default=None)


def left_in(folder: str) -> int | None:
    """Bytes that a control group may still take; None where it has no limit (versions 2 and 1)."""
    for most, held in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        with suppress(OSError, ValueError):  # "max" is no number
            return max(0, cgroups.number_in(f"{folder}/{most}") - cgroups.number_in(f"{folder}/{held}"))
    return None


def mib_of(total_b: int | None, parts: int) -> int | None:
    """So many parts of it in MiB; None where it is not known."""
    return None if total_b is None else (total_b // parts) >> 20


def cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return os.uname().machine
    models = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(models, os.uname().machine)
