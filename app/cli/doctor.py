"""What this machine can show, and what would bring the rest. Looks only; changes nothing."""

from __future__ import annotations

import os
import shutil
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app import __version__
from app.ground import paths
from app.storage.writer import look_at
from app.system import interpreters
from app.system.interpreters import Interpreter
from app.system.machine import tells_load
from app.text.cores import name_ranges
from experiments.kit import packages
from experiments.kit.kernel import affinity, cgroups, process_tree, uring
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import Experiment

TRACING = Path("/sys/kernel/tracing")
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
KIND_CLOCKS = {"tsc", "arch_sys_counter", "kvm-clock"}  # read without a system call
SETTINGS = (  # README, "Settings"
    *("OSCOPE_DATA", "OSCOPE_HOST", "OSCOPE_PREFIX", "OSCOPE_PYTHONS"),
    *("OSCOPE_TOKEN", "OSCOPE_URL", "OSCOPE_VIEWER_TOKEN"),
)
ROOM_B = 1 << 30  # free bytes below which a history soon meets a full disk


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` is None where it limits nothing but is good to know."""

    name: str
    ok: bool | None
    says: str
    brings: str = ""


def examine(experiments: Mapping[str, Experiment], data: Path | None) -> list[Finding]:
    """Everything, in the order in which it matters; `data` is the folder of the history, if there is one."""
    machine = Machine.here()
    return [
        Finding("oscope", True, f"{__version__} on {machine.implementation} {machine.python}"),
        system(),
        cores(machine),
        *niceness(machine),
        quota(machine),
        *substitutes(),
        *virtual(),
        load(),
        schedstat(),
        clock(machine),
        io_uring(),
        loops(),
        tracing(),
        perf(),
        *pythons(interpreters.find()),
        *settings(),
        history(data),
        browser(),
        *map(experiment_finding, experiments.values()),
    ]


def as_json(findings: list[Finding]) -> dict[str, Any]:
    machine = Machine.here().as_json()
    return {"oscope": __version__, "machine": machine, "findings": [asdict(f) for f in findings]}


def read(path: Path) -> str:
    """The text of a small file; "" where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def system() -> Finding:
    release = f"{os.uname().sysname} {os.uname().release}"
    if sys.platform == "linux":
        return Finding("system", True, release)
    return Finding(
        "system", False, f"{release}: oscope measures on Linux", "Run it in a Linux machine or VM."
    )


def cores(machine: Machine) -> Finding:
    known = machine.core_ids is not None and len(machine.core_ids) == machine.cores
    which = f" (cpu {name_ranges(machine.core_ids or ())})" if known else ""
    usable = f"{machine.cores} usable{which}"
    if machine.cores > 1:
        return Finding(
            "cores", True, f"{usable}; what they are worth together is measured by threads.scaling"
        )
    all_cores = os.cpu_count() or 1
    chosen = known and machine.cores == 1 < all_cores
    brings = f"The machine has {all_cores}: start oscope without `taskset`, or widen its cpuset."
    says = f"{usable}: nothing here can run at the same time"
    return Finding("cores", False, says, brings if chosen else "Add a core.")


def niceness(machine: Machine) -> Iterator[Finding]:
    if machine.nice:
        others = "others come first" if machine.nice > 0 else "others come last"
        yield Finding(
            "nice", None, f"oscope was started with nice {machine.nice}, and so are its runs: {others}"
        )


def quota(machine: Machine) -> Finding:
    """How much CPU time the control groups allow, of either version."""
    allowed = machine.quota_cores
    if cgroups.folders("cpu") is None:
        says = "control groups cannot be read here, so a CPU quota would go unnoticed"
        return Finding("CPU quota", None, says, "It takes /proc/self/cgroup and its mounts.")
    if allowed is None:
        return Finding("CPU quota", True, "none: no control group limits the CPU time of oscope")
    says = f"a control group allows {allowed:g} cores' worth of time, of {machine.cores} usable"
    if allowed >= machine.cores:
        return Finding("CPU quota", True, says)
    return Finding("CPU quota", False, f"{says}: runs are stopped when it is used up", "Raise the quota.")


def load() -> Finding:
    """Without it no verdict can say whether others were in the way."""
    if tells_load():
        return Finding("load", True, "the kernel tells what other programs use of each core")
    return Finding(
        "load",
        False,
        "this system does not tell what other programs use: foreign CPU and steal stay unknown",
        "It takes a readable /proc/stat.",
    )


def substitutes() -> Iterator[Finding]:
    """Optional calls that this Python lacks or this system refuses, found by trying, and what stands in."""
    if why := pidfd_refused():
        yield Finding("pidfd", None, f"{why}: a thread waits for the end of each run instead")
    if why := affinity.missing():
        says = "processes.states, scheduling.concurrency and ipc.channels cannot be measured"
        yield Finding("affinity", False, why, f"{says}; give oscope one core only, or allow the call.")
    if not process_tree.can_adopt_orphans():
        says = "this system does not let a process adopt orphans or end with its parent (prctl)"
        yield Finding("orphans", None, f"{says}: what a run leaves is found by its room instead")


def pidfd_refused() -> str:
    """Why the end of a process cannot be told by a descriptor, found by trying; empty where it can."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except AttributeError:
        return "this Python has no os.pidfd_open"
    except OSError as error:
        return f"this system refuses pidfd_open ({error.strerror})"
    return ""


def virtual() -> Iterator[Finding]:
    if " hypervisor" in read(Path("/proc/cpuinfo")):
        yield Finding(
            "machine",
            None,
            "virtual: its cores may be shared and its clock speed may flip, so ratios are judged, not times",
        )


def schedstat() -> Finding:
    """Run-queue delay is what tells a ready task from a running one."""
    words = read(Path("/proc/self/schedstat")).split()
    if len(words) == 3 and words[2] != "0":
        return Finding("schedstat", True, "the kernel tells how long each task ran and waited for a core")
    return Finding(
        "schedstat",
        False,
        "the kernel does not tell how long a task waited for a core: ready and running look alike",
        "It takes a kernel with CONFIG_SCHED_INFO, and /proc mounted.",
    )


def clock(machine: Machine) -> Finding:
    source = read(CLOCK)
    says = f"{source or 'unknown source'}, resolution {machine.clock_resolution_s * 1e9:g} ns"
    if not source or source in KIND_CLOCKS:
        return Finding("clock", True, says)
    return Finding("clock", None, f"{says}: each look is a system call, and a slow one")


def io_uring() -> Finding:
    if why := uring.missing():
        return Finding(
            "io_uring", False, why, "Without it io_models.five_models shows the other four models."
        )
    return Finding("io_uring", True, "allowed: the asynchronous model can be shown")


def loops() -> Finding:
    """What the interpreter of oscope has; another one that is chosen for a run says so in its verdict."""
    lacking = [name for name in ("uvloop", "gevent") if not packages.here(name)]
    if why := packages.missing(lacking, "loops"):
        return Finding("loops", None, why, "Without it coroutines.event_loop shows the other loops.")
    return Finding("loops", True, "uvloop and gevent are here, to be shown beside asyncio")


def tracing() -> Finding:
    if os.access(TRACING / "events" / "sched", os.W_OK):
        return Finding("tracing", True, "the scheduler's own trace can be read, to check oscope against it")
    return Finding("tracing", None, "the scheduler's trace is for the administrator; no experiment needs it")


def perf() -> Finding:
    level = read(PARANOID)
    allowed = os.geteuid() == 0 or (level.lstrip("-").isdigit() and int(level) <= 1)
    if allowed and level:
        return Finding("perf", True, f"performance events are allowed (perf_event_paranoid = {level})")
    says = f"performance events are limited (perf_event_paranoid = {level or 'unknown'}); nothing needs them"
    return Finding("perf", None, says)


def pythons(found: Mapping[str, Interpreter]) -> Iterator[Finding]:
    yield Finding("interpreters", True, ", ".join(found))
    if any(not python.gil for python in found.values()):
        yield Finding("free-threaded", True, "a build that can run without the GIL is here")
    else:
        yield Finding(
            "free-threaded",
            None,
            "no build here can run without the GIL",
            "For example `uv python install 3.14t`, or name one in OSCOPE_PYTHONS.",
        )


def settings() -> Iterator[Finding]:
    """The variables of the environment that oscope reads: what they name and what is not there."""
    for name in sorted(os.environ):
        if name.startswith("OSCOPE_") and name not in SETTINGS:
            known = ", ".join(SETTINGS)
            yield Finding("settings", False, f"{name} is no setting of oscope", f"It knows {known}.")
    named = filter(None, os.environ.get("OSCOPE_PYTHONS", "").split(os.pathsep))
    for place in named:
        if not os.path.exists(place):
            says = f"OSCOPE_PYTHONS names {place}, and there is no such file or folder that we may look at"
            yield Finding("settings", False, says, "Correct it: files or folders, separated by a colon.")


def history(folder: Path | None) -> Finding:
    """The file where it is there; else the first folder on the way to it decides."""
    if folder is None:
        advice = "Name a folder for it with --data or OSCOPE_DATA."
        return Finding("history", False, "this user has no home folder", advice)
    path = paths.database(folder)
    why = look_at(path) if os.path.exists(path) else None
    there = next(place for place in (folder, *folder.parents, Path("/")) if os.path.exists(place))
    try:
        if not why and not os.access(there, os.W_OK | os.X_OK):
            why = f"{folder} cannot be written"
        with suppress(FileNotFoundError):
            os.stat(folder)
        free_b = shutil.disk_usage(there).free
    except OSError as error:
        why = f"{folder} cannot be looked at ({error.strerror})"
    if why:
        return Finding("history", False, why, "Name another folder with --data.")
    says = f"runs are kept in {folder}, {free_b / 1e9:.3g} GB free"
    return Finding("history", free_b > ROOM_B, says, "" if free_b > ROOM_B else "Free some space.")


def browser() -> Finding:
    try:
        name = webbrowser.get().__class__.__name__
    except webbrowser.Error:
        return Finding(
            "browser", None, "none found here; `oscope serve` prints the address to open in any browser"
        )
    return Finding("browser", True, f"`oscope serve --open` can open one ({name})")


def experiment_finding(experiment: Experiment) -> Finding:
    missing = experiment.missing()
    if missing:
        return Finding(experiment.name, None, f"runs in part: {' '.join(missing)}")
    return Finding(experiment.name, True, experiment.question)
