"""How long from the submission to the first row, and from a stop until nobody is left.

    python tests/benchmarks/first_row.py [--runs 25] [--stops 3] [--here] [--importtime]

"started for it": a fresh interpreter for every run. "spare": the same, started while nothing was
measured, as the bench does it. Every interpreter of this machine is tried (with --here
only this one); the others have no spare.
"""

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.children import runner
from app.children.runner import Spare, run_child
from app.system.interpreters import default, find
from tests.nasty.root import build_root

LIMITS = {"deadline_s": 60, "memory_b": 512 << 20}


async def first_row_ms(root, python, spare=None):
    if spare:
        spare.prepare(python)
        await asyncio.sleep(0.3)  # until it sleeps
    began = time.perf_counter()
    run = run_child("nasty.counting", {"n": 1}, python=python, root=root, spare=spare, **LIMITS)
    async with aclosing(run):
        async for message in run:
            if message["t"] == "rows":
                return (time.perf_counter() - began) * 1e3
    raise RuntimeError("no row came")


async def stop_ms(root, method):
    run = run_child("nasty.family", {"method": method}, python=default(), root=root, **LIMITS)
    members = 0
    async for message in run:
        members += len(message["rows"]) if message["t"] == "rows" else 0
        if members == 6:
            break
    began = time.perf_counter()
    await run.aclose()
    return (time.perf_counter() - began) * 1e3


def show(name, values):
    values = sorted(values)
    print(
        f"{name:42s} median {statistics.median(values):6.1f} ms"
        f"   best {values[0]:6.1f}   worst {values[-1]:6.1f}"
    )


def show_imports(root):
    """The slowest imports of the worker; the tool itself slows them down."""
    command = [sys.executable, "-E", "-s", "-X", "importtime", "-c", "import experiments.kit.child.worker"]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stderr
    lines = re.findall(r"import time: +(\d+) \| +(\d+) \|( +\S+)", told)
    for own, total, name in sorted(lines, key=lambda line: -int(line[1]))[:15]:
        print(f"    {int(total) / 1e3:6.1f} ms   itself {int(own) / 1e3:6.1f}  {name.strip()}")


async def main(runs, stops, here, importtime):
    with tempfile.TemporaryDirectory() as folder:
        root = build_root(Path(folder))
        runner.library = lambda: root
        spare = Spare()
        try:
            show("first row, spare", [await first_row_ms(root, default(), spare) for _ in range(runs)])
        finally:
            spare.close()
        for python in [default()] if here else find().values():
            await first_row_ms(root, python)  # compiles what this interpreter has not compiled yet
            times = [await first_row_ms(root, python) for _ in range(runs)]
            show(f"first row, started for it, {python.id}", times)
        for method in ("fork", "spawn", "forkserver"):
            show(f"stop of a stubborn family, {method}", [await stop_ms(root, method) for _ in range(stops)])
        if importtime:
            show_imports(root)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--stops", type=int, default=3)
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--importtime", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.runs, options.stops, options.here, options.importtime))
