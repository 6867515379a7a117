"""The report of a run opens from disk with the network blocked and shows the same figures as the page."""

import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.pages import plain, stored_headline
from tests.served import Served

NAMES = ("threads.scaling", "processes.states")
WIDTHS = (1440, 390, 320)
LOOKS = {"threads.scaling": (1440, "dark"), "processes.states": (390, "light")}  # axe takes seconds
# Labels of a drawing that leave its frame by more than a pixel.
CUT = """() => [...document.querySelectorAll("svg")].filter((svg) => svg.checkVisibility()).flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")]
    .filter((text) => {
      const box = text.getBoundingClientRect();
      return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 2;
    })
    .map((text) => text.textContent);
})"""


def fetch(server: Served, path: str, language: str = "en") -> str:
    request = urllib.request.Request(server.url + path, headers={"accept-language": language})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module", params=NAMES)
def run(request: pytest.FixtureRequest, server: Served) -> str:
    run = server.run(request.param)
    assert server.ended(run, 120)["state"] == "done"
    return run


@pytest.fixture(scope="module")
def saved(server: Served, run: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report in both languages, as files."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for language in ("en", "zh"):
        found[language] = folder / f"{language}.html"
        found[language].write_text(fetch(server, f"/api/runs/{run}/export/html", language), encoding="utf-8")
    return found


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a file where there is no network; another request or any complaint fails the test."""
    contexts: list[BrowserContext] = []
    heard: list[str] = []

    def open_file(path: Path, width: int = 1440, theme: str = "light") -> Page:
        scheme = "dark" if theme == "dark" else "light"
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.on("request", lambda request: heard.append(request.url))
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(path.as_uri())
        assert heard == [path.as_uri()]
        heard.clear()
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert heard == []


def test_it_shows_the_figures_of_the_page_and_says_the_same(
    server: Served, run: str, saved: dict[str, Path], opened: Callable[..., Page]
):
    page = opened(saved["en"])
    told = server.get(f"/api/runs/{run}/figures")["figures"]
    drawings = page.get_by_role("img")
    expect(drawings).to_have_count(len(told))
    for drawing, figure in zip(drawings.all(), told, strict=True):
        expect(drawing).to_have_accessible_name(plain(f"{figure['title']} {figure['summary']}"))
        size = drawing.bounding_box()
        assert size
        assert min(size["width"], size["height"]) > 50
    assert plain(stored_headline(server, run)) in plain(page.locator(".say").inner_text())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_fits_every_screen_and_no_label_is_cut(
    saved: dict[str, Path], opened: Callable[..., Page], language: str
):
    page = opened(saved[language])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(CUT) == []


def test_axe_finds_nothing_in_it(
    server: Served, run: str, saved: dict[str, Path], opened: Callable[..., Page]
):
    width, theme = LOOKS[server.get(f"/api/runs/{run}")["experiment"]]
    page = opened(saved["en"], width, theme)
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_it_follows_the_theme_of_its_reader_and_prints_on_white(
    saved: dict[str, Path], opened: Callable[..., Page]
):
    page = opened(saved["en"], theme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    ink = "getComputedStyle(document.body).color"
    assert page.evaluate(ground) == "rgb(12, 16, 15)"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == "rgb(243, 239, 228)"
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark", media="print")
    assert (page.evaluate(ground), page.evaluate(ink)) == ("rgba(0, 0, 0, 0)", light)


def test_a_figure_can_be_downloaded_alone(server: Served, run: str, page: Page):
    figure = server.get(f"/api/runs/{run}/figures")["figures"][0]["id"]
    dark = fetch(server, f"/api/runs/{run}/figures/{figure}.svg?theme=dark")
    assert re.search(r'<rect width="100%" height="100%" fill="#0a1512"/>', dark)
    page.goto("/")
    sizes = page.evaluate(
        """async (svg) => {
          const image = new Image();
          image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
          await image.decode();
          return [image.width, image.height];
        }""",
        dark,
    )
    assert sizes[0] >= 600
    assert sizes[1] >= 200
