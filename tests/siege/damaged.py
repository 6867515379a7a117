"""Flips bytes in copies of a history, and looks what is still read. No server: the store is asked itself."""

import random
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from app.runs.run import Run, State, new_id
from app.storage.errors import StorageFailed
from app.storage.store import Store
from app.storage.writer import copy_whole
from tests.siege.ground import arguments, report

COLUMNS = ["a", "b", "c"]


def besiege(
    runs: int = 400, rows: int = 2000, copies: int = 60, flips: int = 20, seed: int = 1
) -> dict[str, object]:
    """Each copy opens and is read as far as it can be, or is refused with a sentence."""
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    shares, slowest = [], 0.0
    with tempfile.TemporaryDirectory(prefix="oscope-siege-") as folder:
        whole = Path(folder) / "whole.sqlite3"
        ids = fill(whole, runs, rows, chance)
        for number in range(copies):
            path = Path(folder) / str(number) / "oscope.sqlite3"
            path.parent.mkdir()
            shutil.copy(whole, path)
            flip(path, flips, chance)
            begun = time.monotonic()
            end, read = look(path, ids)
            slowest = max(slowest, time.monotonic() - begun)
            ends[end] += 1
            shares.append(read / len(ids))
            shutil.rmtree(path.parent)
        size_mb = whole.stat().st_size / 1e6
    return {
        "history, MB": size_mb,
        "copies": copies,
        "bytes flipped in each": flips,
        **{f"ended: {end}": count for end, count in sorted(ends.items())},
        "runs still read, mean share": sum(shares) / len(shares),
        "runs still read, least share": min(shares),
        "slowest look, s": slowest,
    }


def fill(path: Path, runs: int, rows: int, chance: random.Random) -> list[str]:
    ids = [new_id() for _ in range(runs)]
    with closing(Store(path)) as store:
        for id in ids:
            store.create(Run(id=id, experiment="a.b", params={"n": 1}, state=State.DONE))
            store.append(id, "step", COLUMNS, [[chance.random() for _ in COLUMNS] for _ in range(rows)])
    return ids


def flip(path: Path, flips: int, chance: random.Random) -> None:
    with path.open("r+b") as file:
        size = path.stat().st_size
        for _ in range(flips):
            place = chance.randrange(size)
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ chance.randrange(1, 256)]))


def look(path: Path, ids: list[str]) -> tuple[str, int]:
    """How it ended, and how many runs could be read with rows; anything but StorageFailed is a fault."""
    try:
        store = Store(path)
    except StorageFailed:
        return "refused with a sentence", 0
    read, refused = 0, 0
    with closing(store):
        for id in ids:
            try:
                store.get(id)
                read += bool(store.rows(id, "step"))
            except (StorageFailed, KeyError):
                refused += 1
        for ask in (store.list, store.notices, store.recover, lambda: store.newest_here(["a.b"])):
            try:
                ask()
            except StorageFailed:
                refused += 1
        told = any("damaged" in notice for notice in store.alarms())
        copied = path.with_name("copy.sqlite3")
        try:
            copy_whole(path, copied)
        except (StorageFailed, sqlite3.Error):
            refused += 1
    return (
        f"open, {'said to be damaged' if told else 'not said'}, {'with' if refused else 'without'} refusals",
        read,
    )


if __name__ == "__main__":
    given = arguments(__doc__ or "", runs=400, rows=2000, copies=60, flips=20, seed=1)
    report(besiege(**vars(given)))
