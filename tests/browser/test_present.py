"""Present mode: a talk with nothing but arrow keys, and nothing lost on the way."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.layout import expect_nothing_cut_off
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


def expect_slide(page: Page, name: str) -> None:
    expect(page.locator("html")).to_have_attribute("data-slide-name", name)


def turn(page: Page, key: str) -> None:
    """To the next slide. One that is longer than the window is read to its end first."""
    before = place(page).inner_text()
    for _ in range(60):
        page.keyboard.press(key)
        if place(page).inner_text() != before:
            return
    raise AssertionError(f"{key} does not leave slide {before}")


def go_to(page: Page, name: str) -> None:
    page.keyboard.press("Home")
    while slide(page) != name:
        turn(page, "PageDown")


def test_a_talk_goes_from_the_question_to_the_code_and_back(page: Page, run: str):
    present(page, f"/runs/{run}")
    total = count(page)
    seen = [slide(page)]
    for number in range(2, total + 1):
        turn(page, "ArrowRight")
        expect(place(page)).to_have_text(f"{number} / {total}")
        seen.append(slide(page))
        expect(page.locator(".slide-now").first).to_be_visible()
    assert list(dict.fromkeys(seen)) == EVERY_SLIDE
    page.keyboard.press("End")
    expect(place(page)).to_have_text(f"{total} / {total}")
    for number in range(total - 1, 0, -1):
        turn(page, "ArrowLeft")
        expect(place(page)).to_have_text(f"{number} / {total}")


def test_every_figure_of_a_run_is_a_slide(page: Page, run: str):
    page.goto(f"/runs/{run}?present")
    expect(place(page)).to_be_visible()
    named = "(all) => all.map((one) => one.dataset.figure)"
    drawn = page.locator("[data-figure]:not([data-blank])").evaluate_all(named)
    seen = []
    for _ in range(count(page) - 1):
        turn(page, "PageDown")
        seen += page.locator(".slide-now[data-figure]").evaluate_all(named)
    assert sorted(seen) == sorted(drawn)


def test_a_slide_stands_alone_is_told_has_the_focus_and_survives_a_reload(page: Page, run: str):
    present(page, f"/runs/{run}")
    go_to(page, "verdict")
    expect(page.locator("[data-part=verdict]")).to_be_visible()
    for away in [page.locator("#form"), page.locator("[data-figure]").first, page.get_by_role("banner")]:
        expect(away).to_be_hidden()
    expect(page.locator(".slide-told")).to_have_text(re.compile(r"^Slide \d+ of \d+: Verdict$"))
    assert page.evaluate("document.activeElement.dataset.part") == "verdict"
    before = place(page).inner_text()
    page.reload()
    expect(place(page)).to_have_text(before)
    expect_slide(page, "verdict")
    assert f"/runs/{run}?present#/verdict" in page.url


def test_p_and_escape_give_the_page_back_and_p_begins_but_not_while_one_writes(page: Page, run: str):
    present(page, f"/runs/{run}")
    go_to(page, "why")
    for key in ["p", "Escape"]:
        page.keyboard.press(key)
        expect(page.get_by_role("banner")).to_be_visible()
        expect(page.locator("#form")).to_be_visible()
        assert page.url.endswith(f"/runs/{run}")
        expect(page.get_by_role("button", name="Present")).to_be_focused()
        page.locator("input[type=number]").last.focus()
        page.keyboard.press("p")
        expect(place(page)).to_have_count(0)
        page.get_by_role("link", name="Earlier runs").focus()
        page.keyboard.press("p")
        expect(place(page)).to_be_visible()


def test_what_is_set_on_slides_survives_a_reload(page: Page):
    present(page, f"/experiments/{EXPERIMENT}?preset=quick")
    assert count(page) == 5  # question, guess, run, why, code: nothing is drawn, nothing was found as yet
    go_to(page, "guess")
    handle = page.locator("#pad .handle").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    guessed = handle.get_attribute("aria-valuenow")
    turn(page, "PageDown")
    expect_slide(page, "run")
    page.locator("#form [name=spinners]").last.fill("4")
    page.reload()
    expect_slide(page, "run")
    expect(page.locator("#form [name=spinners]").last).to_have_value("4")
    expect(page.locator("#command")).to_contain_text("--spinners 4")
    turn(page, "PageUp")
    expect(handle).to_have_class("handle set")
    assert handle.get_attribute("aria-valuenow") == guessed


def test_a_handle_keeps_its_arrows_until_escape_and_a_clicker_moves_anyway(page: Page):
    present(page, f"/experiments/{EXPERIMENT}")
    go_to(page, "guess")
    handle = page.locator("#pad .handle").first
    value = handle.get_attribute("aria-valuenow") or ""
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).not_to_have_attribute("aria-valuenow", value)
    expect_slide(page, "guess")
    page.keyboard.press("Escape")
    expect_slide(page, "guess")
    turn(page, "ArrowRight")
    expect_slide(page, "run")
    page.locator("#form [data-range]").first.focus()
    page.keyboard.press("ArrowRight")
    expect_slide(page, "run")
    turn(page, "PageUp")
    expect_slide(page, "guess")


def test_run_on_its_slide_measures_and_stays_covered_until_skipped(page: Page, server: Served):
    present(page, f"/experiments/{EXPERIMENT}?preset=quick")
    go_to(page, "run")
    page.locator("#form [name=spinners]").last.fill("3")
    page.keyboard.press("Tab")
    page.locator("#run").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f]{10}\?present#/"))
    expect(page.locator("html")).to_have_attribute("data-slide-name", "guess", timeout=60_000)
    found = re.search(r"/runs/([0-9a-f]{10})", page.url)
    assert found
    assert server.ended(found[1])["params"]["spinners"] == 3
    turn(page, "PageDown")
    expect_slide(page, "run")
    turn(page, "PageDown")
    expect_slide(page, "verdict")  # covered figures are no slides
    expect(page.locator(".slide-now .say:visible")).to_have_text("Covered until you have guessed.")
    go_to(page, "guess")
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("html")).to_have_attribute("data-slide-name", "figure")
    go_to(page, "verdict")
    expect(page.locator("[data-part=verdict]")).to_contain_text("spinner", timeout=60_000)


def test_a_figure_fills_its_slide_and_no_slide_is_wider_than_the_screen(page: Page, run: str):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"/runs/{run}?present")  # not by the key, which fills the screen: that has one size
    go_to(page, "figure")
    box = page.locator(".slide-now").bounding_box()
    assert box
    assert box["width"] > 1700
    assert box["height"] > 800
    assert box["y"] + box["height"] <= 1080
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") >= 27
    for width, height in [(1024, 768), (390, 844)]:
        page.set_viewport_size({"width": width, "height": height})
        page.keyboard.press("Home")
        for number in range(1, count(page) + 1):
            expect_nothing_cut_off(page, width, height=height)
            if number < count(page):
                turn(page, "PageDown")


def test_what_is_asked_on_the_slide_of_the_guess_can_be_read_from_the_back_of_the_room(page: Page):
    """A letter of a fortieth of the picture's height: what a television's subtitles have at least."""
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto("/experiments/threads.gil_wait?present#/guess")
    name = page.locator("#pad text.name").first
    expect(name).to_be_visible()
    expect(page.locator(".slide-now")).not_to_have_attribute("style", "")
    assert name.evaluate("(one) => one.getBoundingClientRect().height") > 720 / 40 * 1.15
    box = page.locator(".slide-now").bounding_box()
    bar = page.locator(".slide-bar").bounding_box()
    assert box
    assert bar
    assert box["y"] + box["height"] <= bar["y"]


def test_axe_finds_nothing_on_a_slide_of_each_kind(page: Page, run: str):
    page.goto(f"/runs/{run}?present")
    for name in ["guess", "run", "figure", "verdict"]:
        go_to(page, name)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
