"""How long four runs of 20 000 spans take to lie side by side, and how long a zoom step takes then.

python tests/benchmarks/compare.py [spans] [steps]

A real server and a real Chromium. A step begins with the key and ends when the frame is drawn that
shows all four timelines anew.
"""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
import time
import urllib.request
from itertools import cycle, islice
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.runs.run import Run, State, new_id
from app.storage.writer import keep_whole
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import load
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.served import serve

NAME, RUNS, SPANS, LANES = "threads.gil_wait", 4, 20_000, 5
STATES = ("running", "gil", "gil", "ready", "blocked")
LIMIT_MS, ANSWERS = 50, 5
KEYS = [*"wwwwwwwwww", *"ssssssssss"]
EXPERIMENT = load(NAME)
STEP = """key => new Promise((done) => {
  const canvas = document.querySelector("[data-kind=timeline] canvas");
  const begin = performance.now();
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  requestAnimationFrame(() => {
    const drawn = new MessageChannel();
    drawn.port1.onmessage = () => done(performance.now() - begin);
    drawn.port2.postMessage("");
  });
})"""


def main(spans: int = SPANS, steps: int = len(KEYS)) -> None:
    with tempfile.TemporaryDirectory(prefix="oscope-bench-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        ids = [store(data / "oscope.sqlite3", place, spans) for place in range(RUNS)]
        with serve(data) as served:
            address = f"{served.url}/compare?runs={','.join(ids)}"
            answers(address)
            zooms(address, steps)


def store(path: Path, place: int, spans: int) -> str:
    """A run as `threads.gil_wait` leaves it, with more spans than it ever draws."""
    tables = {
        "span": [span(n, place) for n in range(spans)],
        "hold": [[f"thread {n % 4 + 1}", 0.005 * (1 + n % 7 / 9)] for n in range(2000)],
        "share": [[f"thread {n + 1}", 2.0, 0.5, 1.4, 0.1, 0.0] for n in range(4)],
        "handover": [[400, 200.0, 0.005, 0.006, 0.0, 800, 20, 0, 1.0]],
        "transition": [["running", "gil", 400, "counted"], ["gil", "running", 400, "counted"]],
    }
    run = Run(
        id=new_id(),
        experiment=NAME,
        params=EXPERIMENT.parse({"threads": 4 + place}),
        python="cpython-3.11",
        state=State.DONE,
        machine=Machine.here().as_json(),
        rows={table: len(rows) for table, rows in tables.items()},
    )
    columns = {table: [column.name for column in EXPERIMENT.table(table).columns] for table in tables}
    keep_whole(path, run, columns, tables)
    return run.id


def span(n: int, place: int) -> list[object]:
    turn, lane = divmod(n, LANES)
    start_s = turn / 2000
    state = STATES[(turn + lane + place) % len(STATES)]
    return ["threads of one process", f"thread {lane + 1}", state, start_s, start_s + 1 / 2000]


def answers(address: str) -> None:
    """The first answer reads the disk and makes the figures; later ones find them in memory."""
    took = []
    for _ in range(ANSWERS):
        begin = time.perf_counter()
        with urllib.request.urlopen(address) as answer:
            page = answer.read()
        took.append(time.perf_counter() - begin)
    print(
        f"answer: first {took[0]:.2f} s, then {statistics.median(took[1:]):.2f} s (median of {ANSWERS - 1})"
    )
    print(f"page: {len(page) / 1e6:.2f} MB, {len(gzip.compress(page, 5)) / 1e6:.2f} MB compressed")


def zooms(address: str, count: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        begin = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("[data-kind=plotly] .main-svg")
        print(f"page: all is drawn after {time.perf_counter() - begin:.2f} s")
        page.locator("[data-kind=timeline] canvas").nth(RUNS - 1).wait_for()
        tell(sorted(steps(page, count)))
        browser.close()


def steps(page: Page, count: int) -> list[float]:
    """Milliseconds of each step; two before them warm the page up."""
    return [page.evaluate(STEP, key) for key in islice(cycle(["w", "s", *KEYS]), count + 2)][2:]


def tell(took: list[float]) -> None:
    median, late = statistics.median(took), took[int(len(took) * 0.95)]
    within = "" if median <= LIMIT_MS else f"  OVER {LIMIT_MS} ms"
    print(f"zoom: median {median:.0f} ms, p95 {late:.0f} ms, of {len(took)} steps{within}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
