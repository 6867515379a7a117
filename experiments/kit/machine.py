"""The facts of the machine and the interpreter that a run happened on.

Known beats seen: a verdict that contradicts one of these facts is "unclear".
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Machine:
    """Facts, taken inside the measuring process; `gil` is taken again at the end of a run."""

    host: str
    system: str
    cpu: str
    cores: int
    quota_cores: float | None
    memory_b: int
    python: str
    implementation: str
    gil: bool
    free_threaded_build: bool
    switch_interval_s: float
    clock_resolution_s: float

    @classmethod
    def here(cls) -> Machine:
        return cls(
            host=platform.node(),
            system=f"{platform.system()} {platform.release()}",
            cpu=cpu_model(),
            cores=usable_cores(),
            quota_cores=quota(),
            memory_b=memory(),
            python=platform.python_version(),
            implementation=platform.python_implementation(),
            gil=gil_enabled(),
            free_threaded_build=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
            switch_interval_s=sys.getswitchinterval(),
            clock_resolution_s=time.get_clock_info("monotonic").resolution,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def gil_enabled() -> bool:
    """Whether threads take turns now (PEP 703; an import can switch the GIL on again)."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def usable_cores() -> int:
    """Cores this process may run on; `os.cpu_count` would count those it may not, too."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota() -> float | None:
    """Cores' worth of time that the control group allows, or None (cgroup v2, `cpu.max`)."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) / int(period)


def memory() -> int:
    """Bytes of physical memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(models, platform.machine())
