"""Chinese in a real browser: nothing stays English, the choice is remembered, everybody can read it."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints
from tests.browser.pages import press_run
from tests.browser.test_pages import RULES
from tests.served import Served

PAGES = ["/", "/experiments/threads.scaling", "RUN", "/runs", "/nowhere"]
HAN = re.compile(r"[\u4e00-\u9fff]")
# Three words in a row that begin in lower case are a sentence, not a name such as "AMD EPYC 7B13".
ENGLISH = re.compile(r"[a-z]{2,}(?:[ \u00a0][a-z]{2,}){2,}")
SEEN = """() => {
  const silent = "script, style, noscript, code, pre, .mono, [translate=no]";
  const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  const seen = [];
  while (walk.nextNode()) {
    if (!walk.currentNode.parentElement.closest(silent)) {
      seen.push(walk.currentNode.textContent);
    }
  }
  for (const name of ["aria-label", "aria-valuetext", "title", "placeholder", "alt"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      if (!element.closest(silent)) {
        seen.push(element.getAttribute(name));
      }
    }
  }
  return seen;
}"""

LISTEN = """() => {
  const status = document.querySelector("#status");
  window.said = [];
  const watch = new MutationObserver(() => window.said.push(status.textContent.trim()));
  watch.observe(status, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def run(server: Served) -> str:
    run = server.run("threads.scaling")
    assert server.ended(run)["state"] == "done"
    return run


@pytest.fixture
def chinese(chromium: Browser, server: Served, complaints: Complaints) -> Iterator[Page]:
    """A page in the browser of somebody who reads Chinese."""
    complaints.expect("404")
    context = chromium.new_context(base_url=server.url, locale="zh-CN", reduced_motion="reduce")
    context.set_default_timeout(20_000)
    context.on("page", complaints.listen)
    yield context.new_page()
    context.close()


def visit(page: Page, path: str, run: str) -> None:
    page.goto(path.replace("RUN", f"/runs/{run}"))
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)  # the drawings are there after a frame or two


def test_the_search_for_english_finds_it(page: Page):
    page.goto("/runs")
    assert [text for text in page.evaluate(SEEN) if ENGLISH.search(text)]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_on_a_page_stays_english(chinese: Page, run: str, path: str):
    visit(chinese, path, run)
    assert chinese.evaluate("document.documentElement.lang") == "zh-Hans"
    assert HAN.search(chinese.get_by_role("heading", level=1).inner_text())
    assert [text.strip() for text in chinese.evaluate(SEEN) if ENGLISH.search(text)] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_chinese_page_fits_a_phone_and_axe_finds_nothing(chinese: Page, run: str, path: str):
    chinese.set_viewport_size({"width": 390, "height": 844})
    visit(chinese, path, run)
    assert chinese.evaluate("document.documentElement.scrollWidth") <= 390
    found = Axe().run(chinese, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_switch_changes_the_language_of_every_page_from_then_on(page: Page, width: int):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/runs?state=failed")
    page.get_by_role("link", name="中文").click()
    expect(page).to_have_url(re.compile(r"/runs\?state=failed$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("运行记录")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("你的机器究竟在做什么？")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What is your machine really doing?")


def test_a_wrong_value_is_told_in_chinese_beside_its_field(chinese: Page, complaints: Complaints):
    complaints.expect("422")
    chinese.goto("/experiments/threads.scaling")
    field = chinese.locator("#p-workers")
    field.fill("99")
    chinese.locator("#run").click()
    expect(chinese.get_by_role("alert")).to_contain_text("99 超出范围 2 到 32")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_a_run_speaks_chinese_while_it_goes_on(chinese: Page):
    """What the server sends while it measures, and what the script says of it."""
    chinese.goto("/experiments/threads.scaling?preset=quick")
    chinese.evaluate(LISTEN)
    press_run(chinese)
    expect(chinese.locator("#status")).to_contain_text("完成，用时", timeout=60_000)
    told = [text for text in chinese.evaluate("window.said") if text]
    assert told
    assert [text for text in told if not HAN.search(text)] == []
