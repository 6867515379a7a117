"""From the click on Run to the first drawn point, in the page, on a quiet bench.

python tests/benchmarks/first_point.py [clicks] [seconds of rest before each]
"""

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.pages import RUN_URL, open_experiment
from tests.served import Served, serve

# Presses Run and looks at every frame: milliseconds until the bench answered, and until ink of this
# run is on the page. The figures of the run before are emptied as soon as the new run is known.
CLICK = """() => new Promise((tell) => {
  const start = performance.now();
  const before = location.pathname;
  let answered = null;
  const look = () => {
    const now = performance.now() - start;
    if (answered === null && location.pathname !== before) answered = now;
    const ink = document.querySelectorAll(".host .trace path, .host .cells td").length > 0;
    if ((answered !== null && ink) || now > 5000) tell([answered, now]);
    else requestAnimationFrame(look);
  };
  document.querySelector("#run").click();
  requestAnimationFrame(look);
})"""


def main(clicks: float = 9, rest_s: float = 1.5) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="oscope-first-") as folder,
        serve(Path(folder) / "data") as served,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        found = [click(chromium, served, rest_s) for _ in range(int(clicks))]
        chromium.close()
    for what, values in zip(
        ("the bench answered", "first drawn point"), zip(*found, strict=True), strict=True
    ):
        best, worst = min(values), max(values)
        print(f"{what:20} median {statistics.median(values):.0f} ms ({best:.0f} to {worst:.0f})")


def click(chromium: Browser, served: Served, rest_s: float) -> tuple[float, float]:
    """One click in a browser that has not been here: a tab remembers what it has skipped."""
    context = chromium.new_context(base_url=served.url, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    open_experiment(page, "threads.scaling")
    page.wait_for_timeout(1000 * rest_s)  # Plotly is there, and nothing is drawn any more
    answered, drawn = page.evaluate(CLICK)
    page.wait_for_url(RUN_URL)
    served.ended(page.url.rpartition("/")[2])
    context.close()
    return answered, drawn


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
