"""Every page in both languages: axe finds nothing, no width cuts anything off, nothing stays English.

Each page is opened twice: in English, wide and light, in the widest font; in Chinese, on a phone and in the
dark. Some are also opened in a narrow font.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Complaints
from tests.browser.layout import WIDTHS, expect_nothing_cut_off
from tests.browser.test_languages import ENGLISH, HAN, SEEN
from tests.browser.test_pages import RULES
from tests.served import Served

LOOKS = {
    "English": {"locale": "en-GB", "color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "Chinese": {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}
FONTS = {"English": "only bold", "Chinese": "DejaVu"}
PAGES = {
    "the bench": "/",
    "an experiment with a pad": "/experiments/threads.scaling",
    "an experiment with answers to choose": "/experiments/io_models.five_models",
    "a run": "/runs/RUN",
    "a run that failed elsewhere": "/runs/FAILED",
    "a presentation": "/runs/RUN?present",
    "the history": "/runs",
    "a search without a hit": "/runs?q=nothing+is+called+so",
    "a comparison": "/compare?runs=RUN,COPY",
    "a choice of runs to compare": "/compare?runs=RUN",
    "a refusal to compare": "/compare?runs=RUN,RUN",
    "the routes": "/routes",
    "a route": "/routes/gil",
    "the processes": "/processes",
    "a process from inside": "/processes/SERVER",
    "no page": "/nowhere",
}
# Line after line of a listing is alike, as are processes, and axe takes a millisecond for each word.
SHORTER = """() => document.querySelectorAll('.listing .l:nth-child(n+40), .processes tr:nth-child(n+40)')
  .forEach((line) => line.remove())"""
# Every figure that has rows has its drawing.
DRAWN = """() => [...document.querySelectorAll('[data-figure]:not([data-blank]) .host')]
  .every((host) => host.childElementCount)"""


@pytest.fixture(scope="module")
def runs(server: Served) -> dict[str, str]:
    """A run with a guess, the same one imported, and one that failed elsewhere."""
    order = {"experiment": "processes.states", "preset": "quick", "guess": {"value": 0.5}}
    run = server.post("/api/runs", order)["id"]
    assert server.ended(run)["state"] == "done"
    record = server.get(f"/api/runs/{run}/export/json")
    copy = server.post("/api/runs/import", record)["id"]
    ended = {"state": "failed", "why": "the experiment was ended by SIGKILL", "last_words": "Killed"}
    failed = server.post("/api/runs/import", record | ended | {"verdict": None, "name": "Elsewhere"})["id"]
    return {"RUN": run, "COPY": copy, "FAILED": failed, "SERVER": str(server.process.pid)}


@pytest.fixture(scope="module", params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=PAGES)
def page(
    request: pytest.FixtureRequest,
    browser_with: Callable[[str], Browser],
    server: Served,
    runs: dict[str, str],
    look: str,
) -> Iterator[Page]:
    """One of the pages in one of the looks, for all tests of it."""
    with open_page(browser_with(FONTS[look]), server, runs, request.param, look) as page:
        yield page


@contextmanager
def open_page(browser: Browser, server: Served, runs: dict[str, str], name: str, look: str) -> Iterator[Page]:
    complaints = Complaints(server.url)
    complaints.expect("404", "422")
    context = browser.new_context(base_url=server.url, reduced_motion="reduce", **LOOKS[look])
    context.on("page", complaints.listen)
    page = context.new_page()
    page.goto(re.sub("[A-Z]+", lambda found: runs[found[0]], PAGES[name]))
    page.wait_for_load_state("load")
    page.wait_for_function(DRAWN)
    page.evaluate(SHORTER)
    yield page
    context.close()
    assert complaints.heard == []


def test_axe_finds_nothing(page: Page):
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def test_everything_is_said_in_the_language_of_the_page(page: Page, look: str):
    language = page.evaluate("document.documentElement.lang")
    left = [text.strip() for text in page.evaluate(SEEN) if ENGLISH.search(text)]
    headings = page.get_by_role("heading", level=1).all_inner_texts()
    if look == "Chinese":
        assert (language, left) == ("zh-Hans", [])
        assert all(HAN.search(heading) for heading in headings)
    else:
        assert language == "en"
        assert left  # the search does find English


def test_no_width_cuts_anything_off(page: Page):
    expect_nothing_cut_off(page, *WIDTHS)


@pytest.mark.parametrize(
    "name", ["the bench", "an experiment with a pad", "a run", "the history", "the processes"]
)
def test_nor_does_it_in_a_narrow_font(
    browser_with: Callable[[str], Browser], server: Served, runs: dict[str, str], name: str
):
    with open_page(browser_with("narrow"), server, runs, name, "English") as page:
        expect_nothing_cut_off(page, *WIDTHS)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_where_the_guard_lets_nobody_in(chromium: Browser, server: Served, look: str):
    asked = Request(server.url, headers={"Host": "elsewhere.test", "Accept-Language": LOOKS[look]["locale"]})
    with pytest.raises(HTTPError) as refused:
        urlopen(asked)
    context = chromium.new_context(**LOOKS[look])
    page = context.new_page()
    page.set_content(refused.value.read().decode())
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    context.close()
