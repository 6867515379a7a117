"""Every page in both languages: axe finds nothing, no width makes it scroll sideways, nothing stays English.

Each page is opened twice: in English, wide and light; in Chinese, on a phone and in the dark.
"""

import re
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Complaints
from tests.browser.test_languages import ENGLISH, HAN, SEEN
from tests.browser.test_pages import RULES
from tests.served import Served

LOOKS = {
    "English": {"locale": "en-GB", "color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "Chinese": {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}
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
# Line after line of a listing is alike, and axe takes a millisecond for each word of it.
SHORTER = "document.querySelectorAll('.listing .l:nth-child(n+40)').forEach((line) => line.remove())"
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


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
    request: pytest.FixtureRequest, chromium: Browser, server: Served, runs: dict[str, str], look: str
) -> Iterator[Page]:
    """One of the pages in one of the looks, for all tests of it."""
    complaints = Complaints(server.url)
    complaints.expect("404", "422")
    context = chromium.new_context(base_url=server.url, reduced_motion="reduce", **LOOKS[look])
    context.on("page", complaints.listen)
    page = context.new_page()
    page.goto(re.sub("[A-Z]+", lambda found: runs[found[0]], PAGES[request.param]))
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)  # the drawings are there after a frame or two
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


def test_no_width_makes_it_scroll_sideways(page: Page):
    for width in (1440, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(SETTLED)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


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
