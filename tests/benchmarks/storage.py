"""How fast runs and rows are stored and read.

python tests/benchmarks/storage.py [rows] [runs]

Rows written come beside what the same machine does with the same rows in the same minute without
any of our code: a plain SQLite table, one transaction.
"""

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.runs.run import Run, State, new_id
from app.storage.store import Store

COLUMNS = ["kind", "workers", "wall_s", "speedup"]
WRITTEN, READ, RUNS, PAGE = 1_000_000, 10_000, 10_000, 50
BATCH = 5_000  # rows in one append, about what a busy child sends at a time


class Took(NamedTuple):
    """Time on the wall, and CPU time of all threads: the one that a busy machine does not change."""

    wall_s: float
    cpu_s: float


def main(written: int = WRITTEN, runs: int = RUNS) -> None:
    rows = measured(written)
    with tempfile.TemporaryDirectory(prefix="oscope-bench-") as folder:
        path = Path(folder) / "oscope.db"
        with closing(Store(path)) as store:
            ours, plain = compare(store, rows, Path(folder))
            report("rows written per second", [len(rows) / t.wall_s for t in ours], ",.0f", "≥ 500,000")
            report("  per second of CPU time", [len(rows) / t.cpu_s for t in ours], ",.0f", "")
            report("  a plain table beside it", [len(rows) / t.wall_s for t in plain], ",.0f", "")
            report("  per second of CPU time", [len(rows) / t.cpu_s for t in plain], ",.0f", "")
            report("bytes of disk a row", [path.stat().st_size / len(rows) / len(ours)], ".1f", "")
            reading(store, rows)
            listing(store, runs)


def measured(count: int) -> list[list[object]]:
    """Rows as an experiment yields them: a name, a count, two floats in all their digits."""
    dice = random.Random(1)
    return [
        [dice.choice(["threads", "processes"]), n % 8, dice.random(), dice.gauss(1, 0.1)]
        for n in range(count)
    ]


def compare(store: Store, rows: list[list[object]], folder: Path) -> tuple[list[Took], list[Took]]:
    """What storing all rows took, ours and plain in turns."""
    ours, plain = [], []
    for turn in range(3):
        ours.append(took(lambda: write(store, rows)))
        plain.append(took(lambda: write_plain(folder / f"plain{turn}.db", rows)))  # noqa: B023
    return ours, plain


def write(store: Store, rows: list[list[object]]) -> str:
    run = Run(id=new_id(), experiment="threads.scaling", params={}, state=State.DONE)
    store.create(run)
    for start in range(0, len(rows), BATCH):
        store.append(run.id, "round", COLUMNS, rows[start : start + BATCH])
    store.flush()
    return run.id


def write_plain(path: Path, rows: list[list[object]]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute("create table round(kind, workers, wall_s, speedup)")
        connection.executemany("insert into round values(?, ?, ?, ?)", rows)
        connection.commit()


def reading(store: Store, rows: list[list[object]]) -> None:
    run_id = write(store, rows[:READ])
    times = [1000 * took(lambda: store.rows(run_id, "round")).wall_s for _ in range(30)]
    report(f"{min(READ, len(rows)):,} rows read, ms", times, ".1f", "≤ 20")


def listing(store: Store, runs: int) -> None:
    verdict = {"answer": "yes", "headline": "Threads stayed below 1.15×.", "checks": [], "doubts": []}
    names = ["threads.scaling", "threads.gil_wait", "io_models.five_models", "processes.states"]
    for n in range(runs):
        run = Run(
            id=new_id(), experiment=names[n % 4], params={"workers": 4}, state=State.DONE, verdict=verdict
        )
        store.create(run)
    store.flush()
    for label, filters in (("", {}), (", of one experiment", {"experiment": names[0], "state": "done"})):
        times = [1000 * took(lambda: store.list(limit=PAGE, **filters)).wall_s for _ in range(50)]  # noqa: B023
        report(f"newest {PAGE} of {runs:,} runs{label}, ms", times, ".2f", "≤ 5")


def took(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def report(label: str, values: list[float], form: str, wanted: str) -> None:
    middle, low, high = statistics.median(values), min(values), max(values)
    print(f"{label:<50}{middle:14{form}}   ({low:{form}} to {high:{form}})   {wanted}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
