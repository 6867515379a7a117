"""What a person does on oscope's pages, in their words."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.served import Served

PATIENCE_MS = 60_000
RUN_URL = re.compile(r"/runs/([0-9a-f]{10})$")


def open_experiment(page: Page, name: str, preset: str | None = "Quick", skip: bool = True) -> None:
    """Its page; `skip` what there is to guess, so that results show at once."""
    page.goto(f"/experiments/{name}")
    if skip:
        skip_guess(page)
    if preset:
        page.get_by_role("group", name="Preset").get_by_role("link", name=preset).click()


def skip_guess(page: Page) -> None:
    if page.locator("#guess").count():
        expect(page.locator("#guess-state")).not_to_be_empty()  # its script is there
        page.get_by_role("button", name="Skip").click()


def run_button(page: Page) -> Locator:
    return page.locator("#run")


def press_run(page: Page) -> str:
    """Press Run and give the id of the run that it started."""
    before = page.url
    run_button(page).click()
    page.wait_for_url(lambda url: url != before and RUN_URL.search(url) is not None)
    found = RUN_URL.search(page.url)
    assert found
    return found[1]


def wait_for_verdict(page: Page) -> str:
    """The sentence of the verdict, once it is there."""
    expect(page.locator("[data-part=verdict]:not(.pending)")).to_be_visible(timeout=PATIENCE_MS)
    return page.locator("[data-part=verdict] .say").inner_text().strip()


def wait_until_measuring(page: Page) -> None:
    expect(run_button(page)).to_have_text(re.compile("Running"), timeout=PATIENCE_MS)


def figures_of(page: Page) -> dict[str, dict[str, object]]:
    """What each figure shows, as its table of numbers says (the drawing's own text alternative)."""
    return {
        panel.get_attribute("data-figure") or "": {"summary": panel.locator(".summary").inner_text()}
        for panel in page.locator("[data-figure]").all()
    }


def stored_headline(server: Served, run: str) -> str:
    return str(server.ended(run)["verdict"]["headline"])


def plain(text: str) -> str:
    """Text with every kind of space as a plain one."""
    return re.sub(r"\s+", " ", text)
