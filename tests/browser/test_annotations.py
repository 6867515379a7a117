"""A run gets its name, its note and its pin, and the address and the page agree whatever happened."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.pages import PATIENCE_MS, open_experiment, press_run, wait_for_verdict
from tests.browser.test_pages import RULES
from tests.served import Served

QUICK = "processes.states"
NASTY = "<img src=x onerror=alert(1)> \"&amp;' \u05e9\u05dc\u05d5\u05dd"


@pytest.fixture(scope="module")
def run(server: Served) -> str:
    made = server.run(QUICK)
    server.ended(made)
    return made


def test_a_run_is_named_noted_pinned_and_found_by_keyboard_alone(page: Page, server: Served, run: str):
    page.goto(f"/runs/{run}")
    page.locator(".keep-edit summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("warm room")
    page.keyboard.press("Tab")
    page.keyboard.type("window shut")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".kept-name")).to_contain_text("warm room")
    expect(page.locator(".kept-note")).to_have_text("window shut")
    expect(page.locator(".keep-edit summary")).to_be_focused()
    seen = server.get(f"/api/runs/{run}")
    assert (seen["name"], seen["note"], seen["pinned"]) == ("warm room", "window shut", True)

    page.goto("/runs")
    page.get_by_role("searchbox", name="Search").fill("WARM shut")
    page.keyboard.press("Enter")
    expect(page.locator("[data-run]")).to_have_count(1)
    expect(page.locator("[data-run] .run-name")).to_have_text("warm room")


def test_a_name_is_text_whatever_it_says(page: Page, server: Served, run: str):
    page.goto(f"/runs/{run}")
    page.locator(".keep-edit summary").click()
    page.get_by_label("Name", exact=True).fill(NASTY)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".kept-name bdi")).to_have_text(NASTY)
    page.goto("/")
    expect(page.locator("#latest .run-name").first).to_have_text(NASTY)


def test_a_note_that_is_too_long_is_refused_in_place_and_nothing_is_lost(page: Page, complaints, run: str):
    complaints.expect("422")
    page.goto(f"/runs/{run}")
    page.locator(".keep-edit summary").click()
    note = page.locator("textarea[name=note]")
    note.evaluate("field => field.removeAttribute('maxlength')")
    note.fill("x" * 4001)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".keep-edit [role=alert]")).to_have_text("note: 4001 characters are more than 4000")
    assert len(note.input_value()) == 4001


def test_who_writes_while_the_run_ends_keeps_what_is_written(page: Page, server: Served):
    open_experiment(page, QUICK)
    run = press_run(page)
    page.locator(".keep-edit summary").click()
    page.get_by_label("Name", exact=True).fill("half a na")
    wait_for_verdict(page)
    expect(page.get_by_label("Name", exact=True)).to_have_value("half a na")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".kept-name")).to_contain_text("half a na")
    assert server.get(f"/api/runs/{run}")["name"] == "half a na"
    expect(page.get_by_role("link", name="Compare with…")).to_be_visible()


def test_axe_finds_nothing_in_the_open_editor_nor_in_the_search(page: Page, run: str):
    page.goto(f"/runs/{run}")
    page.locator(".keep-edit summary").click()
    page.evaluate("document.querySelectorAll('main > :not(:has(.keep))').forEach((part) => part.remove())")
    editor = Axe().run(page, options=RULES)  # the rest of the page has a test of its own, and takes seconds
    assert editor.violations_count == 0, editor.generate_report()
    page.goto("/runs?q=warm&pinned=1")
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def test_a_page_that_arrives_under_another_pages_address_puts_itself_right(
    page: Page, server: Served, run: str
):
    """Back and Forward within a moment can do that: the address of the run, the page of the experiment."""
    answered: list[str] = []

    def wrong_once(route: Route) -> None:
        answered.append(route.request.url)
        first = len(answered) == 1
        route.continue_(url=f"{server.url}/experiments/{QUICK}" if first else None)

    page.route(f"**/runs/{run}", wrong_once)
    page.goto(f"/runs/{run}", wait_until="commit")
    expect(page.locator("[data-part=verdict]:not(.pending)")).to_be_visible(timeout=PATIENCE_MS)
    assert len(answered) == 2


def test_the_skip_link_moves_the_focus_and_loads_nothing(page: Page, run: str):
    page.goto(f"/runs/{run}")
    page.evaluate("window.same = true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    assert page.evaluate("window.same") is True
