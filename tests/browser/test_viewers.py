"""Those who may only watch see what the presenter does, and are offered nothing that they may not do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints
from tests.browser.pages import (
    open_experiment,
    plain,
    press_run,
    run_button,
    wait_for_verdict,
)
from tests.served import serve

QUICK = "processes.states"
TOKENS = {"presenter": "sesame", "viewer": "peephole"}


@pytest.fixture
def pages(chromium: Browser, tmp_path: Path) -> Iterator[dict[str, Page]]:
    """A page of each, of one server."""
    told = ("--token", TOKENS["presenter"], "--viewer-token", TOKENS["viewer"])
    with serve(tmp_path / "data", *told) as served:
        complaints = Complaints(served.url)
        contexts = {role: chromium.new_context(base_url=served.url) for role in TOKENS}
        for context in contexts.values():
            context.on("page", complaints.listen)
        opened = {role: context.new_page() for role, context in contexts.items()}
        for role, page in opened.items():
            page.goto(f"/?token={TOKENS[role]}")
        yield opened
        for context in contexts.values():
            context.close()
        assert complaints.heard == []


def test_viewers_follow_a_run_and_can_change_nothing(pages: dict[str, Page]):
    presenter, viewer = pages["presenter"], pages["viewer"]
    expect(viewer.get_by_text("You are watching")).to_be_visible()
    expect(presenter.get_by_text("You are watching")).to_have_count(0)
    open_experiment(viewer, QUICK, skip=False)
    viewer.keyboard.press("r")  # keys know nothing of a button that is disabled
    open_experiment(presenter, QUICK)
    run = press_run(presenter)

    viewer.goto(f"/runs/{run}")
    said = plain(wait_for_verdict(presenter))
    viewer.get_by_role("button", name="Skip").click()
    assert plain(wait_for_verdict(viewer)) == said
    expect(run_button(viewer)).to_be_disabled()
    expect(viewer.locator("#stop")).to_be_disabled()
    presenter.goto("/runs")
    expect(presenter.locator("tr[data-run]")).to_have_count(1)
    for page, changes in (
        (f"/runs/{run}", ".keep-edit, .sure"),
        ("/runs", ".sure, .import"),
        ("/", ".stirs"),
    ):
        for opened in (presenter, viewer):
            opened.goto(page)
            expect(opened.get_by_role("heading", level=1)).to_be_visible()
        assert presenter.locator(changes).locator("visible=true").count() >= 1
        assert viewer.locator(changes).locator("visible=true").count() == 0
