"""Every experiment at its least: for tests of how a run goes, and not of what it finds."""

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "memory.copy_on_write": {"mib": 16, "steps": 4, "objects": 20_000, "repeats": 1},
    "memory.layout": {"threads": 2, "mib": 16, "depth": 10, "repeats": 3},
    "memory.paging": {"mib": 16, "steps": 4, "repeats": 3},
    "processes.lifecycle": {"pace": 10, "repeats": 3},
    "processes.states": {"seconds": 0.5, "rate": 100},
    "scheduling.concurrency": {"tasks": 2, "work": 20, "repeats": 3},
    "threads.convoy": {"echoes": 6, "interval": 1, "call": 2},
    "threads.gil_wait": {"threads": 2, "seconds": 0.3},
    "threads.race": {"repeats": 3, "work": 20},
    "threads.scaling": {"workers": 2, "work": 20, "repeats": 3},
    "sync.condition": {"items": 50, "gap": 0.1, "repeats": 3},
    "sync.deadlock": {"philosophers": 2, "seconds": 0.05, "repeats": 3},
    "ipc.channels": {"trips": 40, "largest": 1024, "repeats": 3},
    "io_models.five_models": {"reads": 20, "delay": 0.5, "sweep": "none"},
    "io_models.readiness": {"descriptors": 200, "idle": 10, "wakes": 10, "repeats": 3},
    "coroutines.event_loop": {"wait": 5, "work": 0, "block": 20, "repeats": 3},
}
