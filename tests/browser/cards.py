"""The card of a run, as a page draws it and as a file."""

import base64
import json

from playwright.sync_api import Page

DRAWN = "() => document.querySelector('#card')?.dataset.run"

# [width, height, how many of 1000 sampled pixels differ from the one in the corner, has it colours]
LOOK = """async (blob) => {
  const image = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const step = Math.floor(pixels.length / 1000);
  const sampled = pixels.filter((_, place) => place % step === 0);
  const inked = sampled.filter((pixel) => pixel !== pixels.at(-1)).length;
  return [image.width, image.height, inked, new Set(pixels).size];
}"""


def open_run(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}")
    wait_for_card(page)


def wait_for_card(page: Page) -> None:
    page.locator("#card").scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, polling=100)


def facts(page: Page) -> dict[str, object]:
    return dict(json.loads(page.locator("#card-facts").text_content() or ""))


def download(page: Page, name: str) -> tuple[str, list[int]]:
    """The file's name, and how the picture in it looks."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    encoded = base64.b64encode(waiting.value.path().read_bytes()).decode()
    to_blob = "(text) => new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))])"
    looked = page.evaluate(f"async (text) => ({LOOK})(({to_blob})(text))", encoded)
    return waiting.value.suggested_filename, looked


def expect_a_full_picture(page: Page, name: str, run: str) -> None:
    """The card can be downloaded, has the right size and something on it."""
    wait_for_card(page)
    saved, (width, height, inked, colours) = download(page, "PNG")
    assert saved == f"{name}-{run}-card.png"
    assert (width, height) == (1200, 675)
    assert inked > 300  # figures have a ground of their own: an empty card would have next to none
    assert colours > 200
    assert page.locator("#card-command").text_content() == facts(page)["command"]
