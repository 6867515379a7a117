"""A whole session by keyboard alone: guess, run, take it away, delete, import, repeat, compare."""

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import Complaints
from tests.browser.pages import PATIENCE_MS, RUN_URL, plain, wait_for_verdict
from tests.served import Served, serve

PICTURES = os.environ.get("OSCOPE_PICTURES")  # a folder, for whoever wants to look on
MOST_TABS = 150


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path / "data") as served:
        yield served


@pytest.fixture
def visitor(chromium: Browser, fresh: Served) -> Iterator[BrowserContext]:
    complaints = Complaints(fresh.url)
    context = chromium.new_context(
        base_url=fresh.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    context.on("page", complaints.listen)
    yield context
    context.close()
    assert complaints.heard == []


def test_a_session_is_done_by_keyboard_alone(visitor: BrowserContext, fresh: Served, tmp_path: Path):
    page = visitor.new_page()
    page.on("filechooser", lambda chooser: None)  # from now on no dialog of the system opens
    page.goto("/")
    press(page, page.locator("main a[href='/experiments/processes.states']").last)
    press(page, page.get_by_role("group", name="Preset").get_by_role("link", name="Quick"))

    original = guess_and_run(page)
    see_guess_and_result_together(page)
    look(page, "1-result")
    copy_the_card(page)
    files = download_every_form(page, tmp_path)
    check_files(files)
    delete_this_run(page)
    assert fresh.get("/api/runs")["runs"] == []

    imported = import_file(page, next(file for file in files if file.suffix == ".json"))
    assert fresh.get(f"/api/runs/{imported}")["origin"]["id"] == original
    look(page, "2-imported")
    press(page, page.get_by_role("link", name="Repeat here"))
    repeat = run(page)
    press(page, page.get_by_role("link", name="Compare with the original"))
    page.wait_for_url(f"**/compare?runs={imported},{repeat}")
    expect(page.locator("[data-figure] .host").first).to_be_visible()
    look(page, "3-compared")


# -- what a hand does on a keyboard -----------------------------------------------------------


def go_to(page: Page, what: Locator) -> None:
    """Tab until the focus is there, as somebody does who has no mouse."""
    expect(what).to_be_visible()
    target = what.element_handle()
    for _ in range(MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"no Tab leads to {what}")


def press(page: Page, what: Locator) -> None:
    go_to(page, what)
    page.keyboard.press("Enter")


def look(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/story-{name}.png", full_page=True)


# -- the parts of the story -------------------------------------------------------------------


def guess_and_run(page: Page) -> str:
    expect(page.locator("#guess-state")).not_to_be_empty()
    go_to(page, page.locator("#pad").get_by_role("slider"))
    for key in ("Home", "PageUp", "PageUp", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#guess-state")).to_have_text("All set. It goes with the next run.")
    return run(page)


def run(page: Page) -> str:
    """Press Run and wait for the end; the id of the run."""
    press(page, page.locator("#run"))
    page.wait_for_url(RUN_URL, timeout=PATIENCE_MS)
    wait_for_verdict(page)
    found = RUN_URL.search(page.url)
    assert found
    return found[1]


def see_guess_and_result_together(page: Page) -> None:
    (row,) = page.locator(".versus tbody tr").all()
    assert [plain(cell) for cell in row.locator("th, td").all_inner_texts()][:2] == ["spinner 1", "21 %"]
    expect(page.locator("[data-figure=shares] .host")).to_contain_text("your guess")


def copy_the_card(page: Page) -> None:
    page.locator("#card").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('#card').dataset.run", polling=100)
    press(page, page.get_by_role("button", name="Copy image"))
    expect(page.locator("#card-told")).to_have_text("The card is in the clipboard.")


def download_every_form(page: Page, folder: Path) -> list[Path]:
    """One file for each button and link of the section, in the order of the page."""
    offered = [page.get_by_role("button", name=name, exact=True) for name in ("PNG", "PNG 2×")]
    offered += page.locator(".offers a").all()
    files = []
    for place, offer in enumerate(offered):
        with page.expect_download() as waiting:
            press(page, offer)
        files.append(folder / f"{place:02} {waiting.value.suggested_filename}")
        waiting.value.save_as(files[-1])
    return files


BEGINNINGS = {
    ".png": b"\x89PNG\r\n",
    ".html": b"<!doctype html>",
    ".md": b"#",
    ".json": b"{",
    ".zip": b"PK\x03\x04",
    ".csv": b"",
    ".svg": b'<?xml version="1.0" encoding="utf-8"?>\n<svg ',
}


def check_files(files: list[Path]) -> None:
    assert [*dict.fromkeys(file.suffix for file in files)] == [*BEGINNINGS]
    for file in files:
        content = file.read_bytes()
        assert content[:80].lstrip().lower().startswith(BEGINNINGS[file.suffix].lower()), file.name
        assert len(content) > 100, file.name
        if file.suffix == ".zip":
            archive = zipfile.ZipFile(io.BytesIO(content))
            assert archive.testzip() is None
            assert archive.namelist()
        if file.suffix == ".json":
            json.loads(content)


def delete_this_run(page: Page) -> None:
    press(page, page.locator("[data-part=take] summary"))
    press(page, page.get_by_role("button", name="Delete for good"))
    page.wait_for_url(re.compile("/runs$"))


def import_file(page: Page, file: Path) -> str:
    go_to(page, page.get_by_label("JSON file that an oscope exported"))
    with page.expect_file_chooser() as waiting:
        page.keyboard.press("Enter")
    waiting.value.set_files(file)
    press(page, page.get_by_role("button", name="Import", exact=True))
    page.wait_for_url(RUN_URL)
    expect(page.locator("[data-part=imported]")).to_contain_text("Imported from")
    wait_for_verdict(page)
    found = RUN_URL.search(page.url)
    assert found
    return found[1]
