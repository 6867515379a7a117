"""The server at rest and the home page: bytes over the wire, first paint, CPU and memory without a viewer.

python tests/benchmarks/idle.py [seconds] [visits]
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.served import Served, serve

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SHIFT = """() => new Promise((tell) => new PerformanceObserver((list) => tell(
  list.getEntries().reduce((sum, entry) => sum + entry.value, 0)
)).observe({type: 'layout-shift', buffered: true}) || setTimeout(() => tell(0), 1500))"""


def main(seconds: float = 20.0, visits: float = 7) -> None:
    with tempfile.TemporaryDirectory(prefix="oscope-idle-") as folder, serve(Path(folder) / "data") as served:
        at_rest(served, seconds)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            home(chromium, served, int(visits))
            chromium.close()


def at_rest(served: Served, seconds: float) -> None:
    process = psutil.Process(served.process.pid)
    time.sleep(min(3.0, 3 * seconds))  # interpreters are probed after the start
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used = (after.user + after.system - before.user - before.system) / seconds
    resident = process.memory_info().rss / 1e6
    print(f"no viewer: {used:.2%} of a core over {seconds:.0f} s, {resident:.1f} MB resident")


def home(chromium: Browser, served: Served, visits: int) -> None:
    paints, sizes, shifts = [], [], []
    for _ in range(visits):
        context = chromium.new_context(base_url=served.url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        weights: list[int] = []
        page.on("requestfinished", lambda request, weights=weights: weights.append(weight(request)))
        page.goto("/")
        page.wait_for_load_state("networkidle")
        paints.append(page.evaluate(PAINT))
        shifts.append(page.evaluate(SHIFT))
        sizes.append(sum(weights))
        context.close()
    print(f"home page: {statistics.median(sizes) / 1000:.1f} kB in {len(weights)} answers")
    print(f"first contentful paint: median {statistics.median(paints):.0f} ms of {visits} cold visits")
    print(f"layout shift: at most {max(shifts):.3f}")


def weight(request) -> int:
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
