"""Two runs beside each other, reached by hand, by keyboard and without a script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.layout import expect_nothing_cut_off
from tests.browser.pages import PATIENCE_MS, plain
from tests.browser.test_pages import RULES
from tests.served import Served

QUICK = "processes.states"


@pytest.fixture(scope="module")
def runs(server: Served) -> list[str]:
    """Two runs of one experiment, older first; the second one has more looks a second."""
    made = [server.run(QUICK), server.run(QUICK, rate=50)]
    for run in made:
        assert server.ended(run)["state"] == "done"
    return made


def views(page: Page) -> list[str]:
    """What each timeline says about how much of it is shown."""
    return page.locator("[data-kind=timeline] .view").all_inner_texts()


def test_two_ticked_runs_of_the_history_are_compared_by_keyboard_alone(page: Page, runs):
    page.goto("/runs")
    for run in runs:
        page.get_by_role("checkbox", name=f"Compare run {run}").focus()
        page.keyboard.press("Space")
    expect(page.locator("#ticked")).to_have_text("2 runs are ticked")
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/compare\?runs="))
    expect(page.get_by_role("heading", name="What differs")).to_be_visible()
    expect(page.locator("[data-kind=timeline] canvas")).to_have_count(2)
    assert {run for run in runs if run in plain(page.locator(".sides").inner_text())} == set(runs)


def test_compare_waits_for_ticks_that_can_be_compared(page: Page, server: Served, runs):
    other = server.post("/api/runs", {"experiment": "memory.layout", "preset": "quick"})["id"]
    server.ended(other)
    page.goto("/runs")
    compare = page.get_by_role("button", name="Compare", exact=True)
    expect(compare).to_be_disabled()
    page.get_by_role("checkbox", name=f"Compare run {runs[0]}").check()
    expect(compare).to_be_enabled()  # it leads to a choice of others
    page.get_by_role("checkbox", name=f"Compare run {other}").check()
    expect(compare).to_be_disabled()
    expect(page.locator("#ticked")).to_have_text("The ticked runs are of different experiments.")


def test_a_run_leads_to_its_comparison_without_a_script(chromium, server: Served, runs, complaints):
    context = chromium.new_context(base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    complaints.listen(page)
    page.goto(f"/runs/{runs[1]}")
    page.get_by_role("link", name="Compare with…").click()
    page.locator(f'input[value="{runs[0]}"][type=checkbox]').check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Verdicts")).to_be_visible()
    expect(page.locator("[data-kind=timeline] table")).to_have_count(2)
    context.close()


def test_timelines_zoom_and_move_together(page: Page, runs):
    page.goto(f"/compare?runs={','.join(runs)}")
    canvases = page.locator("[data-kind=timeline] canvas")
    expect(canvases).to_have_count(2)
    assert views(page) == ["", ""]
    canvases.nth(1).focus()
    page.keyboard.press("w")
    first, second = views(page)
    assert first == second != ""
    page.get_by_role("button", name="Zoom in").first.click()
    assert views(page)[0] == views(page)[1] != first
    canvases.nth(0).focus()
    page.keyboard.press("0")
    assert views(page) == ["", ""]


def test_lines_of_both_runs_are_in_one_figure_with_a_key(page: Page, runs):
    page.goto(f"/compare?runs={','.join(runs)}")
    panel = page.locator(".compared[data-kind=plotly]")
    expect(panel).to_have_count(1)
    expect(panel.locator(".plot-key")).to_contain_text("involuntary · B", timeout=PATIENCE_MS)
    expect(panel.locator(".barlayer .trace")).to_have_count(4, timeout=PATIENCE_MS)
    faint = panel.locator('.barlayer .trace[style*="opacity: 0.13"]')
    chip = page.get_by_role("button", name="Pick out run B in the figures")
    chip.press("Enter")
    expect(faint).to_have_count(2, timeout=PATIENCE_MS)
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.press("Enter")
    expect(faint).to_have_count(0, timeout=PATIENCE_MS)


def test_a_deleted_run_gets_a_sentence_and_a_way_on(page: Page, runs, complaints):
    complaints.expect("404")
    page.goto(f"/compare?runs={runs[0]},ffffffffff")
    expect(page.get_by_role("alert")).to_have_text("There is no run 'ffffffffff'; it may have been deleted.")
    page.get_by_role("link", name=f"Runs to compare with run {runs[0]}").click()
    expect(page.locator(f'input[value="{runs[1]}"]')).to_be_visible()


@pytest.mark.parametrize(
    ("width", "count", "theme"), [(1440, 2, "dark"), (320, 2, "light"), (320, 1, "dark")]
)
def test_axe_finds_nothing_and_nothing_is_cut_off(
    context: BrowserContext, runs, width: int, count: int, theme: str
):
    page = context.new_page()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/compare?runs={','.join(runs[:count])}")
    if count == 2:
        expect(page.locator("[data-kind=plotly] .main-svg").first).to_be_visible(timeout=PATIENCE_MS)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    expect_nothing_cut_off(page, width)
