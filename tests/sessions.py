"""Who is alive in a session of processes, for the tests that ask whether anybody was left behind."""

import os
from pathlib import Path


def alive(session: int) -> list[int]:
    """The pids of all that still live in a session. A zombie is dead, and for its parent or init to read.

    Not by `Path.glob("*/stat")`, which asks of each whether it exists and stumbles over ESRCH where one
    leaves just then.
    """
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_alive_in(session, pid)]


def is_alive_in(session: int, pid: int) -> bool:
    try:
        state, _, _, leader, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(leader) == session and state not in "ZX"
