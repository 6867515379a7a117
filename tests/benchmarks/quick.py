"""Every experiment at `quick`, one after another: how long each took, and what it answered.

    python tests/benchmarks/quick.py [NAME …]

All of them together are to take no more than 60 s.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.kit.spec import load, names
from experiments.kit.verdict import judge
from tests.experiments.measured import measured

AIM_S = 60.0


def answer(name: str) -> str:
    """What it answered; where the run failed, why."""
    ran = measured(name, "quick")
    end = ran.messages[-1]
    return judge(ran.experiment, ran.record()).answer if end["why"] == "done" else end["sentence"]


def main(chosen: list[str]) -> None:
    total_s = 0.0
    for name in chosen or names():
        began = time.perf_counter()
        said = " ".join(load(name).missing()) or answer(name)
        took_s = time.perf_counter() - began
        total_s += took_s
        print(f"{name:24s} {took_s:5.1f} s   {said}", flush=True)
    print(f"{'together':24s} {total_s:5.1f} s   (≤ {AIM_S:.0f} s)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of them only")
    main(parser.parse_args().names)
