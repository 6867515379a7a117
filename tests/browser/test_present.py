"""Present mode: a talk with nothing but arrow keys, and nothing lost on the way."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_pages import RULES
from tests.served import Served

EXPERIMENT = "processes.states"
EVERY_SLIDE = ["question", "guess", "run", "figure", "verdict", "why", "code"]


@pytest.fixture(scope="module")
def run(server: Served) -> str:
    run = server.run(EXPERIMENT)
    assert server.ended(run)["state"] == "done"
    return run


def present(page: Page, path: str) -> None:
    page.goto(path)
    page.get_by_role("button", name="Present").click()
    expect(place(page)).to_be_visible()


def place(page: Page):
    return page.locator(".slide-place")


def count(page: Page) -> int:
    return int(place(page).inner_text().split("/")[1])


def slide(page: Page) -> str:
    return page.evaluate("document.documentElement.dataset.slideName")


def go_to(page: Page, name: str) -> None:
    page.keyboard.press("Home")
    while slide(page) != name:
        before = place(page).inner_text()
        page.keyboard.press("PageDown")
        expect(place(page)).not_to_have_text(before)


@pytest.mark.parametrize(("forth", "back"), [("ArrowRight", "ArrowLeft"), ("PageDown", "PageUp")])
def test_a_talk_goes_from_the_question_to_the_code_and_back(page: Page, run: str, forth: str, back: str):
    present(page, f"/runs/{run}")
    total = count(page)
    seen = [slide(page)]
    for number in range(2, total + 1):
        page.keyboard.press(forth)
        expect(place(page)).to_have_text(f"{number} / {total}")
        seen.append(slide(page))
        expect(page.locator(".slide-now").first).to_be_visible()
    assert list(dict.fromkeys(seen)) == [name for name in EVERY_SLIDE if name in seen]
    assert {"question", "run", "figure", "verdict", "why", "code"} <= set(seen)
    page.keyboard.press(forth)
    expect(place(page)).to_have_text(f"{total} / {total}")
    for number in range(total - 1, 0, -1):
        page.keyboard.press(back)
        expect(place(page)).to_have_text(f"{number} / {total}")


def test_one_slide_is_on_the_screen_at_a_time(page: Page, run: str):
    present(page, f"/runs/{run}")
    go_to(page, "verdict")
    expect(page.locator("[data-part=verdict]")).to_be_visible()
    expect(page.locator("#form")).to_be_hidden()
    expect(page.locator("[data-figure]").first).to_be_hidden()
    expect(page.get_by_role("banner")).to_be_hidden()


def test_the_slide_is_told_and_has_the_focus(page: Page, run: str):
    present(page, f"/runs/{run}")
    go_to(page, "verdict")
    expect(page.locator(".slide-told")).to_have_text(re.compile(r"^Slide \d+ of \d+: Verdict$"))
    assert page.evaluate("document.activeElement.dataset.part") == "verdict"


def test_a_reload_keeps_run_slide_and_mode(page: Page, run: str):
    present(page, f"/runs/{run}")
    go_to(page, "verdict")
    before = place(page).inner_text()
    page.reload()
    expect(place(page)).to_have_text(before)
    assert slide(page) == "verdict"
    assert f"/runs/{run}?present#/verdict" in page.url


@pytest.mark.parametrize("key", ["p", "Escape"])
def test_p_and_escape_give_the_page_back(page: Page, run: str, key: str):
    present(page, f"/runs/{run}")
    go_to(page, "why")
    page.keyboard.press(key)
    expect(page.get_by_role("banner")).to_be_visible()
    expect(page.locator("#form")).to_be_visible()
    assert page.url.endswith(f"/runs/{run}")
    expect(page.get_by_role("button", name="Present")).to_be_focused()


def test_p_begins_but_not_while_one_writes(page: Page):
    page.goto(f"/experiments/{EXPERIMENT}")
    page.locator("input[type=number]").last.focus()
    page.keyboard.press("p")
    expect(place(page)).to_have_count(0)
    page.get_by_role("link", name="Earlier runs").focus()
    page.keyboard.press("p")
    expect(place(page)).to_be_visible()


def test_a_slider_keeps_its_arrows_and_a_clicker_still_moves(page: Page):
    present(page, f"/experiments/{EXPERIMENT}")
    go_to(page, "run")
    before = place(page).inner_text()
    slider = page.locator("#form [data-range]").first
    value = slider.input_value()
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_value(value)
    expect(place(page)).to_have_text(before)
    page.keyboard.press("PageDown")
    expect(place(page)).not_to_have_text(before)


def test_run_on_its_slide_measures_and_moves_on(page: Page, server: Served):
    present(page, f"/experiments/{EXPERIMENT}?preset=quick")
    go_to(page, "run")
    page.locator("#form [name=spinners]").last.fill("3")
    page.keyboard.press("Tab")
    page.locator("#run").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f]{10}\?present#/"))
    expect(page.locator("html")).to_have_attribute(
        "data-slide-name", re.compile("figure|guess"), timeout=60_000
    )
    if slide(page) == "guess":  # nobody has guessed: the results stay covered
        page.get_by_role("button", name="Skip").click()
        expect(page.locator("html")).to_have_attribute("data-slide-name", "figure", timeout=60_000)
    found = re.search(r"/runs/([0-9a-f]{10})", page.url)
    assert found
    ended = server.ended(found[1])
    assert ended["params"]["spinners"] == 3
    page.keyboard.press("End")
    go_to(page, "verdict")
    expect(page.locator("[data-part=verdict]")).to_contain_text("spinner", timeout=60_000)


def test_a_figure_fills_its_slide(page: Page, run: str):
    page.set_viewport_size({"width": 1920, "height": 1080})
    present(page, f"/runs/{run}")
    go_to(page, "figure")
    panel = page.locator(".slide-now")
    expect(panel).to_be_visible()
    box = panel.bounding_box()
    assert box
    assert box["width"] > 1700
    assert box["height"] > 800
    assert box["y"] + box["height"] <= 1080
    letters = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert letters >= 27


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1440, 900), (390, 844)])
def test_no_slide_is_wider_than_the_screen(page: Page, run: str, width: int, height: int):
    page.set_viewport_size({"width": width, "height": height})
    present(page, f"/runs/{run}")
    for number in range(2, count(page) + 1):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, slide(page)
        page.keyboard.press("PageDown")
        expect(place(page)).to_have_text(re.compile(f"^{number} /"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_slide(page: Page, run: str, theme: str):
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    present(page, f"/runs/{run}")
    for number in range(1, count(page) + 1):
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{slide(page)}: {found.generate_report()}"
        page.keyboard.press("PageDown")
        expect(place(page)).to_have_text(re.compile(f"^{min(number + 1, count(page))} /"))
