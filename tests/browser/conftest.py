"""A real Chromium against a real server. Any error on a page, and any request elsewhere, fails the test."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.fonts import fontconfig, miss
from tests.browser.pages import PATIENCE_MS
from tests.served import Served, serve

# The shell draws pages and nothing around them: a quarter less work for the same tests.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")  # while Playwright is there its event loop runs: no other could
def browser_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Browser]]:
    """Gives a browser that knows one set of fonts and nothing else; each is started once."""
    if CHROMIUM is None:
        miss("there is no Chromium on this machine; install the package `chromium`")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)  # the machine may be busy with other tests

        @functools.cache
        def start(fonts: str) -> Browser:
            environment = os.environ | fontconfig(fonts, tmp_path_factory.mktemp("fonts"))
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=environment)
            started.append(browser)
            return browser

        started: list[Browser] = []
        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="package")
def chromium(browser_with: Callable[[str], Browser]) -> Browser:
    return browser_with("DejaVu")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("browser") / "data") as served:
        yield served


class Complaints:
    """What a page complained of, and where it asked for something that is not ours."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.heard: list[str] = []
        self.expected: tuple[str, ...] = ()

    def expect(self, *words: str) -> None:
        """These words are what the test provokes: a 4xx shows up in the console too."""
        self.expected += words

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self.hear(message.type, message.text))
        page.on("pageerror", lambda error: self.hear("error", str(error)))
        page.on("request", lambda request: self.check(request.url))

    def hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(word in text for word in self.expected):
            self.heard.append(f"{kind}: {text}")

    def check(self, url: str) -> None:
        if not url.startswith((self.origin, "data:", "blob:", "about:", self.origin.replace("http", "ws"))):
            self.heard.append(f"request to {url}")


@pytest.fixture
def complaints(server: Served) -> Iterator[Complaints]:
    complaints = Complaints(server.url)
    yield complaints
    assert complaints.heard == []


@pytest.fixture
def context(chromium: Browser, server: Served, complaints: Complaints) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        base_url=server.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    context.on("page", complaints.listen)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
