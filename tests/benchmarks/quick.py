"""Every experiment at `quick`, one after another: how long each took, and what it answered.

    python tests/benchmarks/quick.py [NAME …]

All of them together are to take no more than 60 s.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.interpreters import default
from app.runner import run_child
from experiments.kit import Machine, Record
from experiments.kit.spec import Experiment, load, names
from experiments.kit.verdict import judge

AIM_S = 60.0
MEMORY_B = 2 << 30


async def run(experiment: Experiment) -> str:
    """The answer; where the run failed, why."""
    params = experiment.parse({}, "quick")
    types = {table.name: table.row for table in experiment.tables}
    limits = {"deadline_s": experiment.deadline(params), "memory_b": MEMORY_B}
    rows = []
    async for message in run_child(experiment.name, params, python=default(), **limits):
        if message["t"] == "rows":
            rows += [types[message["table"]](*row) for row in message["rows"]]
    if message["why"] != "done":
        return f"{message['why']}: {message['sentence']}"
    record = Record(Machine(**message["machine"]), params, rows, message["conditions"])
    return judge(experiment, record).answer


def main(chosen: list[str]) -> None:
    total_s = 0.0
    for name in chosen or names():
        experiment = load(name)
        began = time.perf_counter()
        answer = " ".join(experiment.missing()) or asyncio.run(run(experiment))
        took_s = time.perf_counter() - began
        total_s += took_s
        print(f"{name:24s} {took_s:5.1f} s   {answer}", flush=True)
    print(f"{'together':24s} {total_s:5.1f} s   (≤ {AIM_S:.0f} s)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of them only")
    main(parser.parse_args().names)
