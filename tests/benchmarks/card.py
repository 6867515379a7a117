"""How long a browser composes the card of a run: from the click to the bytes of a PNG of 1200 × 675.

python tests/benchmarks/card.py [rounds] [NAME …]

For each experiment, or those that are named, at its defaults: the first card of a page (cold), then the
median of the following ones (warm). It prints and fails nothing; the bound of the design is 200 ms.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import Page, sync_playwright

from experiments.kit.spec import names
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.served import Served, serve

BOUND_MS = 200
ROUNDS = 10
NOTHING_SEEN = """() => {
  window.IntersectionObserver = class { observe() {} unobserve() {} disconnect() {} };
}"""


def measure(rounds: int, *chosen: str) -> None:
    with tempfile.TemporaryDirectory() as room, serve(Path(room) / "data") as server:
        runs = {name: server.run(name, preset=None) for name in chosen or names()}
        for run in runs.values():
            server.ended(run, 300)
        show(server, runs, rounds)


def show(server: Served, runs: dict[str, str], rounds: int) -> None:
    print(f"{'':24}{'cold':>10}{'warm':>10}{'slowest':>10}   ms, bound {BOUND_MS}, {rounds} rounds")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, run in runs.items():
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            # Without the preview, which is drawn when one scrolls to it, the first click is the first card.
            page.add_init_script(f"({NOTHING_SEEN})()")
            page.goto(f"{server.url}/runs/{run}")
            page.wait_for_timeout(1500)  # Plotly and the fonts are there: a reader has looked at the figures
            taken = [one(page) for _ in range(rounds + 1)]
            warm = taken[1:]
            print(f"{name:24}{taken[0]:10.0f}{statistics.median(warm):10.0f}{max(warm):10.0f}")
            page.close()
        browser.close()


def one(page: Page) -> float:
    """One download; milliseconds between click and picture as the page itself measured them."""
    with page.expect_download():
        page.locator("[data-card-scale='1']").click()
    return float(page.evaluate("performance.getEntriesByName('card').at(-1).duration"))


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, *sys.argv[2:])
