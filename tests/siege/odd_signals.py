"""Signals to `oscope run` at any moment, once or twice: its exit code, what it said, what it left."""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from app.ground.paths import database
from app.storage.store import Store
from tests.served import ROOT
from tests.sessions import alive
from tests.siege.ground import arguments, report

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
RUN = [sys.executable, "-m", "app.cli", "run", "threads.gil_wait", "--seconds", "0.4"]
ORDERLY = {0, 130}  # else it was ended by the signal itself, before it began


def besiege(rounds: int = 40, within_s: float = 3.0, seed: int = 1) -> dict[str, object]:
    chance = random.Random(seed)
    codes: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="oscope-siege-") as folder:
        for number in range(rounds):
            number_of = chance.choice(SIGNALS)
            code, wrong = one(
                Path(folder), number_of, chance.uniform(0, within_s), twice=chance.random() < 0.5
            )
            codes[f"{number_of.name}: exit code {code}"] += 1
            faults += [f"round {number}, {number_of.name}: {fault}" for fault in wrong]
    return {"rounds": rounds, **dict(sorted(codes.items())), "faults": faults or "none"}


def one(folder: Path, number: signal.Signals, after_s: float, twice: bool) -> tuple[int, list[str]]:
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*RUN, "--data", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    time.sleep(after_s)
    for _ in range(1 + twice):
        process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    return process.returncode, [*complaints(folder, temporary, process, stdout, stderr)]


def complaints(folder: Path, temporary: Path, process: subprocess.Popen[str], stdout: str, stderr: str):
    if process.returncode not in ORDERLY and process.returncode >= 0:
        yield f"exit code {process.returncode}"
    if "Traceback" in stderr:
        yield stderr.strip().splitlines()[-1]
    if left := alive(process.pid):
        yield f"processes left: {left}"
    if process.returncode >= 0 and (
        rooms := [*temporary.glob("oscope-*/[0-9]*"), *temporary.glob("oscope-????????")]
    ):
        yield f"folders left: {[room.name for room in rooms]}"
    for kept in re.findall(r"kept as run (\w+)", stderr):
        with closing(Store(database(folder))) as store:
            state = store.get(kept).state
        if (state == "stopped") != ("stopped" in stdout) and stdout:
            yield f"{kept} is {state}, and the terminal said something else"


if __name__ == "__main__":
    report(besiege(**vars(arguments(__doc__ or "", rounds=40, within_s=3.0, seed=1))))
