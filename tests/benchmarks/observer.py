"""What watching costs: a two-process load as a bare script, and the same load watched in a browser.

Pairs, interleaved, in alternating order. While the bare script runs, the server and the browser are
halted (SIGSTOP), so that it really is alone. Prints, for the two spinning processes, the points of
run-queue delay that watching added and the points of on-CPU share that it took.

    python tests/benchmarks/observer.py [pairs] [seconds]
"""

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments.kit.stats import interval
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.pages import press_run
from tests.served import ROOT, Served, serve

LOAD = '''"""Load

How much of two cores do two spinning processes get?

Two processes spin for a while. Nothing is yielded meanwhile.
"""
from collections.abc import Iterator
from typing import Annotated, NamedTuple
import os, time
from experiments.kit import Bars, Between, Count, Record, Seconds, Share, Verdict, percent, say
from experiments.kit.kernel.proc import Task
from experiments.kit.subjects.subjects import Group

class Spinner(NamedTuple):
    """One process."""
    number: Count
    running: Share
    ready: Share

charts = [Bars(Spinner, x="number", y="running"), Bars(Spinner, id="ready", x="number", y="ready")]

def measure(seconds: Annotated[Seconds, Between(0.1, 30), "how long"] = 2.0) -> Iterator[Spinner]:
    with Group() as group:
        pids = [group.fork(spin).pid for _ in range(2)]
        time.sleep(0.3)
        tasks = [Task(pid) for pid in pids]
        before, start = [task.times() for task in tasks], time.monotonic_ns()
        time.sleep(seconds)
        after, wall = [task.times() for task in tasks], time.monotonic_ns() - start
        for n, (a, b) in enumerate(zip(before, after)):
            yield Spinner(n + 1, (b[0] - a[0]) / wall, (b[1] - a[1]) / wall)

def spin() -> None:
    while True:
        pass

def verdict(record: Record) -> Verdict:
    return Verdict("seen", say("They ran {share} of the time.", share=percent(record[Spinner][0].running)))
'''
BARE = """
import json, sys
from experiments.processes.load import measure
print(json.dumps([list(row) for row in measure(seconds=float(sys.argv[1]))]))
"""


def main(pairs: int = 12, seconds: float = 2.0) -> None:
    with checkout() as copy, serve(copy / "data", cwd=copy) as served, browser(served) as (page, watchers):
        page.goto("/experiments/processes.load")
        page.locator("input[name=seconds]").first.fill(str(seconds))
        found: dict[str, list[tuple[float, float]]] = {"bare": [], "watched": []}
        for pair in range(pairs):
            for kind in ("bare", "watched") if pair % 2 else ("watched", "bare"):
                rows = bare(copy, seconds, watchers) if kind == "bare" else watched(page, served, seconds)
                found[kind].append(shares(rows))
                running, ready = found[kind][-1]
                print(f"{pair + 1:3} {kind:8} on a core {running:.2%}, ready {ready:.2%}")
    report("run-queue delay added", found, 1, +1)
    report("on-CPU share lost", found, 0, -1)


@contextlib.contextmanager
def checkout() -> Iterator[Path]:
    """A copy of the project with one more experiment in it."""
    with tempfile.TemporaryDirectory(prefix="oscope-observer-") as name:
        copy = Path(name)
        for folder in ("app", "experiments", "static", "templates"):
            shutil.copytree(ROOT / folder, copy / folder)
        (copy / "experiments" / "processes" / "load.py").write_text(LOAD)
        yield copy


@contextlib.contextmanager
def browser(served: Served) -> Iterator[tuple[Page, list[psutil.Process]]]:
    """A page that watches, and all processes that have to do with watching."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(base_url=served.url, viewport={"width": 1440, "height": 900})
        drivers = [p for p in psutil.Process().children(recursive=True) if p.is_running()]
        yield page, drivers
        chromium.close()


def bare(copy: Path, seconds: float, watchers: list[psutil.Process]) -> list[list[float]]:
    with halted(watchers):
        command = [sys.executable, "-c", BARE, str(seconds)]
        return json.loads(subprocess.run(command, cwd=copy, capture_output=True, check=True).stdout)


@contextlib.contextmanager
def halted(watchers: list[psutil.Process]) -> Iterator[None]:
    for process in watchers:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in watchers:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def watched(page: Page, served: Served, seconds: float) -> list[list[float]]:
    run = press_run(page)
    page.wait_for_timeout(1000 * seconds + 1500)  # asking how far it is would disturb it
    served.ended(run)
    return served.get(f"/api/runs/{run}/rows/spinner")["rows"]


def shares(rows: list[list[float]]) -> tuple[float, float]:
    return statistics.fmean(row[1] for row in rows), statistics.fmean(row[2] for row in rows)


def report(what: str, found: dict[str, list[tuple[float, float]]], column: int, sign: int) -> None:
    pairs = zip(found["bare"], found["watched"], strict=True)
    points = [sign * 100 * (watched[column] - bare[column]) for bare, watched in pairs]
    low, high = interval(points)
    print(f"{what}: {statistics.median(points):+.2f} points (95 % interval {low:+.2f} to {high:+.2f})")


if __name__ == "__main__":
    main(*(kind(value) for kind, value in zip((int, float), sys.argv[1:], strict=False)))
