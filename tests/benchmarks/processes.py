"""The live list of 500 processes: what a look costs the server, as a share of a core at one look a second.

python tests/benchmarks/processes.py [processes] [looks]

What the page costs the browser is not in it.
"""

import statistics
import subprocess
import sys
import time

from pydantic_core import to_json

from app.system import census

PROCESSES = 500
LOOKS = 30


def main(processes: int = PROCESSES, looks: int = LOOKS) -> None:
    here = len(list(census.everyone()))
    sleepers = [subprocess.Popen(["sleep", "120"]) for _ in range(max(0, processes - here))]
    try:
        counting = census.Census()
        counting.sample()
        costs = [cost(counting) for _ in range(looks)]
        text = to_json(counting.sample())
    finally:
        for sleeper in sleepers:
            sleeper.kill()
        for sleeper in sleepers:
            sleeper.wait()
    print(f"{max(processes, here)} processes: median {statistics.median(costs) * 1e3:.1f} ms of CPU a look,")
    print(f"{statistics.median(costs):.1%} of a core at one a second; {len(text) / 1e3:.0f} kB a frame")


def cost(counting: census.Census) -> float:
    """CPU seconds of one look, with its encoding."""
    before = time.process_time()
    to_json(counting.sample())
    return time.process_time() - before


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
