"""How long a timeline takes to draw in a real Chromium.

python tests/benchmarks/timeline.py [repeats] [most spans a lane]
"""

from __future__ import annotations

import functools
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.browser.conftest import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[2]
CASES = ((8, 2_000), (16, 20_000), (64, 20_000))
REPEATS = 15


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The figures are all that is printed."""


def main(repeats: int = REPEATS, most: int = 20_000) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=ROOT))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        measure(f"http://127.0.0.1:{server.server_port}/tests/benchmarks/timeline.html", repeats, most)
    finally:
        server.shutdown()


def measure(url: str, repeats: int, most: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1200})
        page.goto(url)
        page.wait_for_function("window.ready")
        for lanes, spans in [(lanes, min(spans, most)) for lanes, spans in CASES]:
            found = page.evaluate(
                "([lanes, spans, repeats]) => measure(lanes, spans, repeats)", [lanes, spans, repeats]
            )
            drawn = f"{lanes:3} lanes of {spans:6,} spans"
            print(f"{drawn}: {found['whole']:6.1f} ms in full, {found['part']:5.1f} ms for a thousandth")
        browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
