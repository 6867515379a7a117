"""From the click to the verdict, for every experiment, as the person in front of the page sees it."""

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from experiments.kit.spec import load, names
from tests.browser.cards import expect_a_full_picture
from tests.browser.pages import (
    figures_of,
    open_experiment,
    plain,
    press_run,
    run_button,
    stored_headline,
    wait_for_verdict,
    wait_until_measuring,
)
from tests.served import Served, serve

QUICK = "processes.states"


@pytest.mark.parametrize("name", names())
def test_a_click_becomes_pictures_a_verdict_and_a_card(page: Page, server: Served, complaints, name: str):
    complaints.expect("willReadFrequently")  # looking at pixels is the test's doing
    open_experiment(page, name)
    run = press_run(page)
    said = wait_for_verdict(page)

    assert plain(stored_headline(server, run)).replace("`", "") in plain(said)
    for figure in server.get(f"/api/runs/{run}/figures")["figures"]:
        assert figure["data"], figure["id"]
    page.reload()
    assert plain(wait_for_verdict(page)) == plain(said)
    assert all(shown["summary"] for shown in figures_of(page).values())
    expect_a_full_picture(page, name, run)


@pytest.mark.parametrize(
    "name", ["io_models.five_models", "memory.layout", "sync.deadlock", "threads.scaling"]
)
def test_what_is_measured_is_drawn_while_it_runs(page: Page, complaints, name: str):
    complaints.expect("willReadFrequently")
    open_experiment(page, name, "Careful")
    press_run(page)
    page.wait_for_function(DRAWN_WHILE_RUNNING, polling=100)
    page.get_by_role("button", name="Stop").click()
    wait_for_verdict(page)


# The run can still be stopped, and something of a figure is there: a trace, a cell, ink on a canvas.
DRAWN_WHILE_RUNNING = """() => {
  const inked = (canvas) => {
    const { width, height } = canvas;
    if (!width || !height) return false;
    const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
    return pixels.some((pixel) => pixel !== pixels[0]);
  };
  const drawn = document.querySelector(".host .trace, .host .cells td, .host .edge, .host .sharebar")
    || [...document.querySelectorAll(".host canvas")].some(inked);
  return drawn && !document.querySelector("#stop").disabled;
}"""


def test_the_same_run_is_there_after_the_server_was_restarted(page: Page, tmp_path, complaints):
    complaints.expect("WebSocket", "ERR_CONNECTION_REFUSED")
    with serve(tmp_path / "data") as first:
        complaints.origin = first.url
        run = first.run(QUICK)
        headline = first.ended(run)["verdict"]["headline"]
        figures = first.get(f"/api/runs/{run}/figures")["figures"]
        first.kill()
    with serve(tmp_path / "data") as second:
        complaints.origin = second.url
        page.goto(f"{second.url}/runs/{run}")
        assert plain(headline) in plain(wait_for_verdict(page))
        assert second.get(f"/api/runs/{run}/figures")["figures"] == figures


def test_stop_ends_the_run_and_keeps_what_was_measured(page: Page, server: Served):
    open_experiment(page, "processes.states", preset="Careful")
    run = press_run(page)
    wait_until_measuring(page)
    while not server.get(f"/api/runs/{run}")["rows"].get("span"):
        time.sleep(0.05)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-part=verdict] .answer")).to_have_text("Stopped.")
    assert server.get(f"/api/runs/{run}")["state"] == "stopped"
    assert server.get(f"/api/runs/{run}/rows/span")["rows"]
    expect(run_button(page)).to_be_enabled()


def test_a_parameter_out_of_range_is_refused_in_place_and_nothing_is_lost(page: Page, server, complaints):
    complaints.expect("422")
    open_experiment(page, "threads.scaling", preset=None)
    page.get_by_role("spinbutton", name=re.compile("workers", re.IGNORECASE)).fill("99")
    run_button(page).click()
    expect(page.get_by_role("alert")).to_have_text("workers: 99 is outside 2 to 32")
    expect(page.get_by_role("spinbutton", name=re.compile("workers", re.IGNORECASE))).to_have_value("99")
    assert "/experiments/" in page.url


def test_a_double_click_starts_one_run(page: Page, server: Served):
    open_experiment(page, QUICK)
    before = len(server.get("/api/runs?limit=100")["runs"])
    run_button(page).dblclick()
    wait_for_verdict(page)
    assert len(server.get("/api/runs?limit=100")["runs"]) == before + 1


def test_a_page_that_is_reloaded_in_the_middle_follows_on(page: Page, server: Served):
    open_experiment(page, QUICK)
    run = press_run(page)
    wait_until_measuring(page)
    page.reload()
    assert plain(stored_headline(server, run)) in plain(wait_for_verdict(page))


def test_two_viewers_see_the_same(context, server: Served):
    first, second = context.new_page(), context.new_page()
    open_experiment(first, QUICK)
    run = press_run(first)
    second.goto(f"/runs/{run}")
    assert plain(wait_for_verdict(first)) == plain(wait_for_verdict(second))
    assert figures_of(first) == figures_of(second)


def test_back_shows_the_experiment_again_and_forward_the_run(page: Page, server: Served):
    open_experiment(page, QUICK)
    run = press_run(page)
    said = wait_for_verdict(page)
    page.go_back()
    expect(page).to_have_url(re.compile(f"/experiments/{QUICK}"))
    expect(page.locator("[data-part=verdict].pending")).to_be_visible()
    expect(page.locator("[data-figure][data-blank]")).to_have_count(page.locator("[data-figure]").count())
    page.go_forward()
    expect(page).to_have_url(re.compile(f"/runs/{run}"))
    assert plain(wait_for_verdict(page)) == plain(said)
    expect(page.locator("[data-figure][data-blank]")).to_have_count(0)


# Forward is pressed as soon as Back has changed the address, before anything could come for it.
BACK_AND_FORWARD_AT_ONCE = """() => {
  addEventListener("popstate", () => history.forward(), { once: true });
  history.back();
}"""


def test_forward_overtakes_back_and_the_page_is_that_of_its_address(page: Page, server: Served):
    open_experiment(page, QUICK)
    run = press_run(page)
    said = wait_for_verdict(page)
    held: list[Route] = []
    back = re.compile(f"/experiments/{QUICK}$")
    page.route(back, lambda route: held.append(route))
    with page.expect_request(back):
        page.evaluate(BACK_AND_FORWARD_AT_ONCE)
    expect(page).to_have_url(re.compile(f"/runs/{run}"))
    late = held.pop()
    with page.expect_event("requestfinished", lambda request: request == late.request):
        late.continue_()
    assert page.evaluate("() => location.pathname") == f"/runs/{run}"
    assert plain(wait_for_verdict(page)) == plain(said)


def test_a_run_that_begins_after_back_was_pressed_leaves_the_page_alone(page: Page, server: Served):
    open_experiment(page, QUICK)
    press_run(page)
    wait_for_verdict(page)
    held: list[Route] = []
    page.route("**/api/runs", lambda route: held.append(route))
    with page.expect_request("**/api/runs"):
        run_button(page).click()
    page.go_back()
    expect(page.locator("[data-part=verdict].pending")).to_be_visible()
    with page.expect_response("**/api/runs") as answer:
        held.pop().continue_()
    begun = answer.value.json()["id"]
    expect(run_button(page)).to_be_enabled()
    assert "/experiments/" in page.url
    assert server.ended(begun)["state"] == "done"
    expect(page.locator("[data-part=verdict].pending")).to_be_visible()


def test_a_run_whose_process_is_killed_says_so(page: Page, server: Served):
    import psutil

    open_experiment(page, "processes.states", preset="Careful")
    run = press_run(page)
    wait_until_measuring(page)
    (supervisor,) = psutil.Process(server.process.pid).children()
    (child,) = supervisor.children()
    child.kill()
    expect(page.locator("[data-part=verdict] .answer")).to_have_text("Failed.")
    assert "SIGKILL" in server.ended(run)["why"]
    expect(page.locator("[data-part=verdict]")).to_contain_text("SIGKILL")


def test_the_whole_path_works_by_keyboard(page: Page, server: Served):
    page.goto("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the content
    page.get_by_role("link", name=re.compile(re.escape(load(QUICK).question))).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/experiments/{QUICK}"))
    page.get_by_role("button", name="Skip").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Quick").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    wait_for_verdict(page)


def test_a_page_without_a_connection_says_so_and_comes_back(page: Page, tmp_path, complaints):
    complaints.expect("WebSocket", "ERR_CONNECTION_REFUSED")
    with serve(tmp_path / "data") as first:
        complaints.origin = first.url
        page.goto(first.url)
        expect(page.locator(".lamp")).to_contain_text("live")
        port = int(first.url.rpartition(":")[2])
        first.kill()
        expect(page.locator(".lamp")).not_to_contain_text("live")
    with serve(tmp_path / "data", port=port):
        expect(page.locator(".lamp")).to_contain_text("live")
