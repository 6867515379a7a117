"""Chinese in a real browser: nothing stays English, the choice is remembered, everybody can read it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints
from tests.browser.pages import PATIENCE_MS, press_run
from tests.served import Served

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
  window.said = [];
  for (const place of document.querySelectorAll("#status, #announce")) {
    const watch = new MutationObserver(() => window.said.push(place.textContent.trim()));
    watch.observe(place, { childList: true, characterData: true, subtree: true });
  }
}"""


@pytest.fixture
def chinese(chromium: Browser, server: Served, complaints: Complaints) -> Iterator[Page]:
    """A page in the browser of somebody who reads Chinese."""
    complaints.expect("404")
    context = chromium.new_context(base_url=server.url, locale="zh-CN", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    context.on("page", complaints.listen)
    yield context.new_page()
    context.close()


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
    expect(chinese.get_by_role("alert")).to_contain_text("99 超出范围 2 到 32", timeout=PATIENCE_MS)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_a_run_speaks_chinese_while_it_goes_on(chinese: Page):
    """What the server sends while it measures, and what the script says of it."""
    chinese.goto("/experiments/threads.scaling?preset=quick")
    chinese.evaluate(LISTEN)
    press_run(chinese)
    expect(chinese.locator("#status")).to_contain_text("完成，用时", timeout=60_000)
    told = [text for text in chinese.evaluate("window.said") if text]
    assert len(told) > 1
    assert [text for text in told if not HAN.search(text)] == []
