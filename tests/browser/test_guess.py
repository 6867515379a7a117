"""Guessing before the result is seen: by keys, mouse and finger, with a script and without."""

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.layout import expect_nothing_cut_off
from tests.browser.pages import (
    PATIENCE_MS,
    plain,
    press_run,
    run_button,
    wait_for_verdict,
    wait_until_measuring,
)
from tests.browser.test_pages import RULES
from tests.served import Served

NUMBER, LINE, BARS, CHOICE = (
    "processes.states",
    "threads.scaling",
    "threads.gil_wait",
    "io_models.five_models",
)


def handle(page: Page, name: str | re.Pattern[str] = "") -> Locator:
    return page.locator("#pad").get_by_role("slider", name=name)


def value(page: Page, name: str | re.Pattern[str] = "") -> float:
    return float(handle(page, name).get_attribute("aria-valuenow") or "nan")


def state(page: Page) -> Locator:
    return page.locator("#guess-state")


def lock(page: Page) -> None:
    page.get_by_role("button", name="Lock in my guess").click()


def start(page: Page, name: str, preset: str = "quick") -> None:
    """The experiment's page as somebody sees it who has not guessed yet."""
    page.goto(f"/experiments/{name}" + (f"?preset={preset}" if preset else ""))
    expect(state(page)).not_to_be_empty()


def expect_covered(page: Page) -> None:
    expect(page.get_by_role("region", name="Guess first").last).to_be_visible()
    expect(page.locator("[data-part=verdict] .say")).to_be_hidden()
    for figure in page.locator("[data-figure]").all():
        assert figure.locator(".fig *").first.is_hidden()
        assert figure.locator(".summary").is_hidden()
    spoken = page.locator("main").aria_snapshot()
    assert "as a table" not in spoken
    assert "Holds:" not in spoken


def expect_open(page: Page) -> None:
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator("[data-figure] .fig > .host").first).to_be_visible()


def versus(page: Page) -> list[list[str]]:
    """The table of the verdict: what was said, measured, and how far off that was."""
    rows = page.locator(".versus tbody tr")
    expect(rows).not_to_have_count(0)  # the server tells the verdict anew after a late guess
    return [[plain(cell) for cell in row.locator("th, td").all_inner_texts()] for row in rows.all()]


# -- making a guess ---------------------------------------------------------------------------


def test_a_guess_made_by_keys_alone_is_held_against_the_measurement(page: Page, server: Served):
    start(page, NUMBER)
    page.locator("#guess-h").click()  # somewhere before it
    while not page.evaluate("document.activeElement.closest('#pad')"):
        page.keyboard.press("Tab")
    for key in ("Home", "PageUp", "PageUp", "ArrowRight", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    expect(handle(page)).to_have_attribute("aria-valuetext", "21 percent")
    expect(state(page)).to_have_text("All set. It goes with the next run.")
    page.keyboard.press("r")
    page.wait_for_url(re.compile("/runs/"))
    wait_for_verdict(page)
    run = server.ended(page.url.rpartition("/")[2])

    assert run["guess"]["points"] == {"value": 0.21}
    ((series, you, measured, off),) = versus(page)
    assert (series, you) == ("spinner 1", "21 %")
    assert measured == plain(run["guess"]["rows"][0]["measured"]["text"])
    assert off == plain(run["guess"]["rows"][0]["off"]["text"])
    expect(page.locator("[data-figure=shares] .host")).to_contain_text("your guess")


def test_lines_are_drawn_with_the_mouse_and_lie_dashed_over_the_figure(page: Page, server: Served):
    start(page, LINE)
    threads, processes = handle(page, re.compile("threads")), handle(page, re.compile("processes"))
    drag(page, threads, 0, 30)
    assert value(page, re.compile("threads")) < 1.25 < 2.5
    expect(state(page)).to_have_text(re.compile("Still to set: processes at 2 workers"))
    before = value(page, re.compile("threads"))
    box = page.locator("#pad svg").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + 40)  # above: the nearest is the other line
    expect(state(page)).to_have_text("All set. It goes with the next run.")
    assert value(page, re.compile("threads")) == before
    assert value(page, re.compile("processes")) > 1.8
    assert processes.get_attribute("class") == "handle set"

    press_run(page)
    wait_for_verdict(page)
    assert [row[0] for row in versus(page)] == ["threads", "processes"]
    expect(page.locator(".versus thead")).to_contain_text("at 2 workers")
    expect(page.locator("[data-figure=line] .host")).to_contain_text("your guess")
    # two guesses, and what the machine can give
    expect(page.locator('[data-figure=line] .js-line[style*="stroke-dasharray: 9px"]')).to_have_count(3)


def drag(page: Page, what: Locator, dx: float, dy: float) -> None:
    box = what.locator(".shape").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2)
    page.mouse.move(x + dx, y + dy)
    page.mouse.up()


def test_parts_of_a_whole_add_up_wherever_they_are_dragged(page: Page):
    start(page, BARS)
    bars = handle(page).all()
    for bar, dx in zip(bars, (150, 80, -300, 500), strict=True):
        drag(page, bar, dx, 0)
        parts = [float(b.get_attribute("aria-valuenow") or "nan") for b in bars]
        assert sum(parts) == pytest.approx(1)
        assert min(parts) >= 0
    expect(state(page)).to_have_text("All set. It goes with the next run.")


def test_an_answer_is_chosen_and_the_verdict_says_what_was_right(page: Page, server: Served):
    start(page, CHOICE)
    page.get_by_role("button", name="Lock in my guess").click()
    expect(state(page)).to_have_text("Choose an answer.")
    page.get_by_role("radio", name="signal-driven").check()
    run = press_run(page)
    wait_for_verdict(page)
    assert server.ended(run)["guess"]["points"] == {"choice": "signal-driven"}
    expect(page.locator(".guessed .chosen")).to_have_text(re.compile("^You said: signal-driven"))


def test_a_guess_survives_a_reload_and_starting_over_makes_it_neutral(page: Page):
    start(page, NUMBER)
    handle(page).press("End")
    page.reload()
    expect(handle(page)).to_have_attribute("aria-valuetext", "100 percent")
    lock(page)
    expect(page.get_by_role("button", name="Skip")).to_be_hidden()  # there is nothing left to skip
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("button", name="Skip")).to_be_visible()
    expect(handle(page)).to_have_attribute("aria-valuetext", "50 percent, not set yet")
    page.reload()
    expect(handle(page)).to_have_attribute("aria-valuetext", "50 percent, not set yet")


def test_points_that_come_with_a_parameter_are_asked_for_and_the_others_kept(page: Page):
    start(page, LINE, preset="")
    for name in ("threads at 4 workers", "processes at 4 workers"):
        handle(page, name).press("Home")
    page.get_by_role("spinbutton", name=re.compile("workers", re.IGNORECASE)).fill("8")
    expect(handle(page, "threads at 8 workers")).to_be_visible()
    expect(handle(page, "threads at 4 workers")).to_have_attribute("aria-valuetext", "0 times")
    expect(handle(page, "threads at 8 workers")).to_have_attribute(
        "aria-valuetext", re.compile("not set yet")
    )


# -- a finger ---------------------------------------------------------------------------------


@pytest.fixture
def phone(chromium: Browser, server: Served, complaints) -> Iterator[Page]:
    size = {"width": 390, "height": 844}
    context = chromium.new_context(base_url=server.url, viewport=size, has_touch=True, is_mobile=True)
    context.on("page", complaints.listen)
    yield context.new_page()
    context.close()


def scroll_by(page: Page, act: Callable[[], object]) -> None:
    """Do what scrolls the page, until it rests: a tap while it still glides only stops it."""
    page.evaluate(
        "() => { window.rests = new Promise((rest) => addEventListener('scrollend', rest, { once: true })) }"
    )
    act()
    page.evaluate("() => window.rests.then(() => null)")


def swipe(page: Page, x: float, y: float, dx: float, dy: float) -> None:
    """One finger down, along, and up, as the browser gets it from a screen."""
    finger = page.context.new_cdp_session(page)
    for step in range(11):
        points = [{"x": x + dx * step / 10, "y": y + dy * step / 10}]
        kind = "touchMove" if step else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def middle(what: Locator) -> tuple[float, float]:
    box = what.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_finger_drags_a_handle_taps_the_pad_and_scrolls_past_it(phone: Page):
    start(phone, LINE)
    for hit in phone.locator("#pad .hit").all():
        box = hit.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 43.9  # as large as a fingertip
    pad = phone.locator("#pad")
    scroll_by(phone, lambda: pad.evaluate("pad => scrollBy(0, pad.getBoundingClientRect().top - 300)"))
    x, y = middle(handle(phone, re.compile("threads")).locator(".shape"))
    swipe(phone, x, y, 0, -60)
    dragged = value(phone, re.compile("threads"))
    assert dragged > 1.6

    x, y = middle(phone.locator("#pad svg"))
    top = phone.evaluate("scrollY")
    scroll_by(phone, lambda: swipe(phone, x - 60, y + 60, 0, -150))
    assert phone.evaluate("scrollY") > top + 50
    assert value(phone, re.compile("threads")) == dragged
    expect(state(phone)).to_have_text(re.compile("Still to set: processes"))

    x, y = middle(phone.locator("#pad svg"))
    phone.touchscreen.tap(x + 40, y + 60)
    expect(state(phone)).to_have_text("All set. It goes with the next run.")


# -- a run that nobody guessed ----------------------------------------------------------------


def test_the_first_run_stays_covered_until_it_is_skipped_and_then_none_is(page: Page):
    start(page, NUMBER)
    press_run(page)
    expect_covered(page)
    expect(run_button(page)).to_have_text(re.compile("Run again"), timeout=PATIENCE_MS)
    expect_covered(page)
    assert "Covered until you have guessed." in page.locator("#announce").inner_text()
    page.get_by_role("button", name="Skip").click()
    expect_open(page)
    wait_for_verdict(page)
    expect(page.locator(".versus")).to_have_count(0)
    press_run(page)
    expect_open(page)
    wait_for_verdict(page)


def test_the_strip_leads_down_to_the_verdict_but_not_while_it_is_covered(page: Page, server: Served):
    start(page, NUMBER)
    leads = page.get_by_role("link", name="Verdict")
    expect(leads).to_be_hidden()
    server.ended(press_run(page))
    expect(run_button(page)).to_be_enabled()
    expect(leads).to_be_hidden()
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("[data-part=verdict] .say")).not_to_be_in_viewport()
    leads.click()
    expect(page.locator("[data-part=verdict] .say")).to_be_in_viewport()


def test_a_covered_run_is_covered_after_a_reload_and_others_may_see_it(
    page: Page, server: Served, chromium: Browser
):
    start(page, NUMBER)
    run = press_run(page)
    page.reload()
    expect_covered(page)
    server.ended(run)
    page.reload()
    expect_covered(page)

    other = chromium.new_context(base_url=server.url)
    seen = other.new_page()
    seen.goto(f"/runs/{run}")
    wait_for_verdict(seen)
    expect_open(seen)
    other.close()

    handle(page).press("Home")
    page.get_by_role("button", name="Lock in my guess").dblclick()
    wait_for_verdict(page)
    expect_open(page)
    expect(state(page)).to_have_text("Your guess went with this run.")
    ((_, you, _, _),) = versus(page)
    assert you == "0 %"
    expect(page.locator(".guessed")).to_contain_text("Guessed after the run had ended.")
    expect(page.locator("[data-figure=shares] .host")).to_contain_text("your guess")
    page.reload()
    expect_open(page)
    expect(state(page)).to_have_text("Your guess went with this run.")


def test_a_guess_locked_in_while_it_runs_counts_as_one_before_the_end(page: Page, server: Served):
    start(page, NUMBER, "careful")
    run = press_run(page)
    wait_until_measuring(page)
    lock(page)  # where the handle stands: nobody moved it
    expect_open(page)
    page.get_by_role("button", name="Stop").click()
    guess = server.ended(run)["guess"]
    assert guess["points"] == {"value": 0.5}


def test_a_run_that_fails_says_why_although_nobody_guessed(page: Page, server: Served):
    import psutil

    start(page, NUMBER, "careful")
    press_run(page)
    wait_until_measuring(page)
    (supervisor,) = psutil.Process(server.process.pid).children()
    (child,) = supervisor.children()
    child.kill()
    expect(page.locator("[data-part=verdict] .answer")).to_have_text("Failed.", timeout=PATIENCE_MS)
    expect(page.locator("#veil")).to_be_hidden()  # perhaps it was killed before there was a figure to see


# -- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_nothing_on_a_covered_run_nor_on_a_guessed_one(
    context: BrowserContext, width: int, theme: str
):
    page = context.new_page()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    start(page, NUMBER)
    press_run(page)
    expect(run_button(page)).to_have_text(re.compile("Run again"), timeout=PATIENCE_MS)
    check(page, width)
    handle(page).press("PageUp")
    lock(page)
    wait_for_verdict(page)
    check(page, width)


def check(page: Page, width: int) -> None:
    guessing = {"include": [[".bench"], [".verdict"]]}  # test_pages looks at the rest of the page
    found = Axe().run(page, context=guessing, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    expect_nothing_cut_off(page, 320, width)


@pytest.fixture
def plain_page(chromium: Browser, server: Served) -> Iterator[Page]:
    context = chromium.new_context(base_url=server.url, java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_without_a_script_a_guess_is_typed_and_its_run_tells_how_far_off_it_was(plain_page, server: Served):
    plain_page.goto(f"/experiments/{NUMBER}?preset=quick")
    plain_page.get_by_label("spinner 1").fill("25")
    plain_page.get_by_role("button", name=re.compile("Run")).click()
    plain_page.wait_for_url(re.compile("/runs/[0-9a-f]{10}$"))
    run = server.ended(plain_page.url.rpartition("/")[2])
    assert run["guess"]["points"] == {"value": 0.25}
    expect(plain_page.locator(".versus")).to_be_visible(timeout=PATIENCE_MS)  # it refreshes itself
    ((_, you, _, _),) = versus(plain_page)
    assert you == "25 %"


def test_without_a_script_half_a_guess_gets_a_sentence_and_none_is_no_guess(plain_page: Page, server: Served):
    plain_page.goto(f"/experiments/{LINE}?preset=quick")
    plain_page.get_by_label("threads at 2 workers").fill("1.5")
    plain_page.get_by_role("button", name=re.compile("Run")).click()
    expect(plain_page.get_by_role("alert")).to_contain_text("guess: processes@2 is missing")
    expect(plain_page.get_by_label("threads at 2 workers")).to_have_value("1.5")
    plain_page.get_by_label("threads at 2 workers").fill("")
    plain_page.get_by_role("button", name=re.compile("Run")).click()
    plain_page.wait_for_url(re.compile("/runs/[0-9a-f]{10}$"))
    run = plain_page.url.rpartition("/")[2]
    assert server.get(f"/api/runs/{run}")["guess"] is None
    expect(plain_page.locator("[data-part=verdict] .say")).to_be_visible()
    server.post(f"/api/runs/{run}/stop")
