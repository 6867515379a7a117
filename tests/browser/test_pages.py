"""Every page for everybody: no script, no mouse, small screens, dark rooms, slow eyes."""

import re
import subprocess
import sys
import urllib.error
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.fonts import SETS
from tests.browser.layout import expect_nothing_cut_off
from tests.served import PATIENCE_S, Served

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "resultTypes": ["violations"],  # the others take as long again to tell
}


def test_a_theme_that_was_chosen_stays(page: Page):
    page.emulate_media(color_scheme="light")
    page.goto("/")
    button = page.get_by_role("button", name=re.compile("theme", re.IGNORECASE))
    seen = {page.evaluate("document.documentElement.dataset.theme")}
    while "dark" not in seen:
        button.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.fixture
def plain_page(chromium: Browser, server: Served) -> Page:
    """A page in a browser that runs no script."""
    context = chromium.new_context(base_url=server.url, java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_without_javascript_a_form_starts_a_run_and_its_page_tells_all(plain_page: Page, server: Served):
    plain_page.goto("/experiments/processes.states?preset=quick")
    plain_page.get_by_role("button", name=re.compile("Run")).click()
    plain_page.wait_for_url(re.compile("/runs/[0-9a-f]{10}$"))
    run = plain_page.url.rpartition("/")[2]
    verdict = server.ended(run)["verdict"]
    shown = plain_page.locator("[data-part=verdict]")
    expect(shown).to_contain_text(verdict["checks"][0]["claim"], timeout=PATIENCE_S * 1000)  # by itself
    expect(plain_page.get_by_text("What is a process doing while it is not running?").first).to_be_visible()
    expect(plain_page.locator("[data-part=facts]")).to_contain_text("host")
    for figure in server.get(f"/api/runs/{run}/figures")["figures"]:
        table = plain_page.locator(f'[data-figure="{figure["id"]}"] table').first
        expect(table).to_be_visible()
        assert table.locator("tbody tr").count() >= 1


def test_without_javascript_a_wrong_parameter_gets_the_sentence(plain_page: Page):
    plain_page.goto("/experiments/threads.scaling")
    plain_page.locator("input[name=workers]").first.fill("99")
    plain_page.get_by_role("button", name=re.compile("Run")).click()
    expect(plain_page.get_by_role("alert")).to_contain_text("workers: 99 is outside 2 to 32")


def test_an_unknown_page_says_what_to_do_next(page: Page, complaints):
    complaints.expect("404")
    page.goto("/runs/0123456789")
    expect(page.get_by_role("main")).to_contain_text("0123456789")
    assert page.get_by_role("main").get_by_role("link").count() >= 1


@pytest.mark.parametrize("fonts", SETS)
def test_nothing_of_the_top_bar_is_cut_off_at_any_width_in_any_font(
    browser_with: Callable[[str], Browser], server: Served, fonts: str
):
    context = browser_with(fonts).new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/")
    expect(page.locator("#lamp")).to_have_text(re.compile("live|quiet bench"))
    for width in (1024, 800, 720, 660, 390, 320):
        expect_nothing_cut_off(page, width)
        shortened = (
            "(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.text)"
        )
        assert fonts == "only bold" or page.locator(".top nav a").evaluate_all(shortened) == []
        lines = page.locator(".tbtn.language").evaluate("(one) => one.getClientRects()[0].height")
        assert lines < 45  # on one line, as a finger needs it
    page.add_style_tag(content=".top { letter-spacing: 0.5em }")  # a font wider than any
    expect_nothing_cut_off(page, 320, 660, 1024)
    context.close()


def test_no_figure_is_wider_than_the_form_on_the_smallest_phone(page: Page):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/experiments/threads.gil_wait")
    expect(page.locator("[data-figure] .tools-row button").first).to_be_attached()
    widths = "(all) => [...new Set(all.map((one) => Math.round(one.getBoundingClientRect().width)))]"
    assert len(page.locator(".controls, [data-figure]").evaluate_all(widths)) == 1


def test_what_is_printed_is_light(page: Page):
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(theme) == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(theme) == "dark"


def test_a_process_has_not_ended_because_the_server_does_not_answer(page: Page, server: Served, complaints):
    complaints.expect("ERR_FAILED", "404")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        page.route("**/parts", lambda route: route.abort())
        page.goto(f"/processes/{child.pid}")
        for _ in range(2):  # it goes on asking
            page.wait_for_event("requestfailed")
        expect(page.locator("#gone")).to_be_hidden()
        page.unroute("**/parts")
    finally:
        child.communicate()
    expect(page.locator("#gone")).to_be_visible()


def test_a_process_that_is_not_there_leads_to_those_that_are(page: Page, complaints):
    complaints.expect("404")
    page.goto("/processes/4999999")
    main = page.get_by_role("main")
    expect(main).to_contain_text("There is no process 4999999; it may have ended.")
    expect(main).not_to_contain_text("deleted")
    main.get_by_role("link", name="All processes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What runs on this machine?")


def test_the_bench_shows_this_machine_live(page: Page):
    page.goto("/")
    readings = page.locator("[data-channel], [data-ch], .chan .v")
    expect(readings.first).to_have_text(re.compile(r"\d"))


def test_the_home_page_is_light(context: BrowserContext, server: Served):
    """At most 60 kB over the wire, without Plotly."""
    page = context.new_page()
    sizes: dict[str, int] = {}

    def weigh(response) -> None:
        sizes[response.url] = response.request.sizes()["responseBodySize"]

    page.on("requestfinished", lambda request: weigh(request.response()))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert not any("plotly" in url for url in sizes)
    assert sum(sizes.values()) <= 60_000, sizes


def test_the_machine_is_stirred_at_the_bench_for_all_who_look(page: Page, server: Served):
    page.goto("/")
    busy = page.get_by_role("button", name="4 busy threads")
    expect(page.locator("#asks")).to_have_text(re.compile("Guess"))
    busy.click()
    expect(busy).to_have_attribute("aria-pressed", "true")
    expect(
        page.get_by_role("link", name="What does a thread do while it is not running?").first
    ).to_be_visible()
    page.reload()  # or somebody else, who opens the page now
    expect(busy).to_have_attribute("aria-pressed", "true")
    busy.click()
    expect(busy).to_have_attribute("aria-pressed", "false")
    assert server.post("/api/stir/sleepers")["kind"] == "sleepers"
    expect(page.get_by_role("button", name="1000 sleepers")).to_have_attribute("aria-pressed", "true")


def test_the_machine_is_not_stirred_while_a_run_is_measured(page: Page, server: Served):
    page.goto("/")
    button = page.get_by_role("button", name="1 busy thread")
    run = server.run("processes.states")
    expect(button).to_be_disabled()
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.post("/api/stir/thread")
    with refused.value as answer:
        assert answer.code == 409
    server.ended(run)
    expect(button).to_be_enabled()
