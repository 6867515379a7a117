"""The card of a run: a picture of the right size with something on it, copied, downloaded, honest."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.cards import DRAWN, LOOK, download, facts, open_run
from tests.browser.pages import open_experiment, press_run
from tests.served import ROOT, Served


@pytest.fixture(scope="module")
def runs(server: Served) -> dict[str, str]:
    started = {name: server.run(name) for name in ("processes.states", "threads.scaling")}
    for run in started.values():
        assert server.ended(run, 120)["state"] == "done"
    return started


def test_the_card_is_copied_comes_in_twice_the_size_and_follows_the_theme(
    context: BrowserContext, page: Page, runs, complaints
):
    complaints.expect("willReadFrequently")  # looking at pixels is the test's doing
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.emulate_media(color_scheme="light")
    open_run(page, runs["processes.states"])
    page.get_by_role("button", name="Copy image").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#card-told")).to_have_text("The card is in the clipboard.")
    look = f"""async () => {{
      const [item] = await navigator.clipboard.read();
      return ({LOOK})(await item.getType("image/png"));
    }}"""
    width, height, inked, _ = page.evaluate(look)
    assert (width, height) == (1200, 675)
    assert inked > 300
    saved, (width, height, inked, _) = download(page, "PNG 2×")
    assert saved.endswith("-card@2x.png")
    assert (width, height) == (2400, 1350)
    assert inked > 300
    corner = "() => document.querySelector('#card').getContext('2d').getImageData(2, 400, 1, 1).data[0]"
    assert page.evaluate(corner) > 200
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => ({corner})() < 60", polling=100)


REFUSALS = {
    "() => (Clipboard.prototype.write = () => Promise.reject(new DOMException('no', 'NotAllowedError')))": (
        "The browser did not allow copying. The card was downloaded instead."
    ),
    "() => Object.defineProperty(window, 'isSecureContext', { value: false })": (
        "Copying pictures needs https or localhost. The card was downloaded instead."
    ),
}


def test_where_the_clipboard_is_refused_the_card_is_downloaded_and_a_link_is_shown_selected(page: Page, runs):
    open_run(page, runs["processes.states"])
    for refuse, sentence in REFUSALS.items():
        page.evaluate(refuse)
        _, (width, height, inked, _) = download(page, "Copy image")
        assert (width, height) == (1200, 675)
        assert inked > 300
        expect(page.locator("#card-told")).to_have_text(sentence)
    page.evaluate("() => (Clipboard.prototype.writeText = () => Promise.reject(new Error('no')))")
    page.get_by_role("button", name="Copy link").click()
    field = page.get_by_role("textbox", name="Selected; copy it with your keyboard.")
    expect(field).to_have_value(re.compile(f"^http://127.0.0.1:[0-9]+/runs/{runs['processes.states']}$"))
    expect(field).to_be_focused()


def test_the_command_on_the_card_repeats_the_run(page: Page, server: Served, tmp_path: Path):
    """As printed, with a run behind it; `tests/app/export` reads the commands of all experiments."""
    run = server.run("processes.states", preset=None, seconds=1.1, spinners=3)
    params = server.ended(run)["params"]
    open_run(page, run)
    command = str(facts(page)["command"])
    assert page.locator("#card-command").text_content() == command
    program, *arguments = shlex.split(command)
    assert program == "oscope"
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments, "--json", "-"],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1", "OSCOPE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["params"] == params


def test_a_stopped_run_has_a_card_that_says_so(page: Page, server: Served):
    run = server.run("processes.states", preset="careful")
    server.post(f"/api/runs/{run}/stop")
    assert server.ended(run)["state"] == "stopped"
    open_run(page, run)
    label = page.locator("#card").get_attribute("aria-label") or ""
    assert "Stopped." in label
    _, (width, _, inked, _) = download(page, "PNG")
    assert width == 1200
    assert inked > 20


def test_a_run_that_ends_while_one_looks_gets_its_card_at_once(page: Page):
    open_experiment(page, "processes.states")
    expect(page.locator("[data-part=take]")).to_be_hidden()
    run = press_run(page)
    expect(page.locator("#card")).to_have_count(0)  # it measures for more than a second
    expect(page.locator("[data-part=take]")).to_be_visible(timeout=60_000)
    page.locator("#card").scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, polling=100)
    assert facts(page)["id"] == run


def test_every_link_of_the_section_answers(page: Page, server: Served, runs):
    open_run(page, runs["threads.scaling"])
    links = [link.get_attribute("href") or "" for link in page.locator(".offers a").all()]
    assert len(links) > 8
    for link in links:
        answer = page.request.get(link)
        assert answer.status == 200, f"{link}: {answer.text()[:200]}"
        assert len(answer.body()) > 50, link
