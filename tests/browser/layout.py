"""What a page shows that nobody can read to its end: text and controls that are cut off or stick out."""

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as TooLong

WIDTHS = (1440, 1024, 768, 660, 390, 320)
SETTLING_MS = 30_000  # a drawing follows its new width when the browser has told it; the machine may be busy

# Text may leave a box that scrolls, or one that says with an ellipsis that there is more; the window and a
# box that clips it cut it off. Half a pixel is rounding, and a font may reach over its line a little.
CUT_OFF = """(width) => {
  const SILENT = "script, style, noscript, title, .skip, .vh, #js-plotly-tester";
  const CONTROLS = "a, button, input, select, textarea, summary, canvas, svg";
  const found = new Set();
  const style = new Map();
  const styleOf = (one) => style.get(one) ?? style.set(one, getComputedStyle(one)).get(one);
  const name = (one) => [one.tagName.toLowerCase(), ...one.classList].join(".");
  const say = (one, text, why) => found.add(`${name(one)} "${text.trim().slice(0, 40)}" ${why}`);

  function checkText(node) {
    const parent = node.parentElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width && box.height) check(parent, node.textContent, box);
    }
  }

  function check(start, text, box) {
    for (let one = start; one && one !== document.body; one = one.parentElement) {
      const { overflowX, overflowY, textOverflow, webkitLineClamp, position } = styleOf(one);
      if (styleOf(one).visibility === "hidden" || styleOf(one).clipPath !== "none") return;
      const frame = one.getBoundingClientRect();
      const scrolls = /auto|scroll/.test(overflowX);
      const shortens = textOverflow === "ellipsis" || webkitLineClamp !== "none";
      if (scrolls || shortens) return check(one.parentElement, name(one), frame);
      if (overflowX !== "visible" && (box.right > frame.right + 1 || box.left < frame.left - 1)) {
        const by = Math.max(box.right - frame.right, frame.left - box.left);
        say(start, text, `is cut off by ${name(one)} at the side, by ${by.toFixed(1)}`);
      }
      const over = box.height / 4;
      if (/hidden|clip/.test(overflowY) && (box.bottom > frame.bottom + over || box.top < frame.top - over)) {
        say(start, text, `is cut off by ${name(one)} above or below`);
      }
      if (position === "fixed") break;
    }
    if (box.right > width + 0.5) say(start, text, `ends at ${Math.round(box.right)} of ${width}`);
    if (box.left < -0.5) say(start, text, `begins at ${Math.round(box.left)}`);
  }

  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (node.textContent.trim() && !node.parentElement.closest(SILENT)) checkText(node);
  }
  for (const one of document.body.querySelectorAll(CONTROLS)) {
    const box = one.getBoundingClientRect();
    const isSeen = box.width && box.height && styleOf(one).opacity !== "0";
    if (isSeen && !one.closest(SILENT) && !one.parentElement.closest("svg")) {
      check(one, one.textContent || one.id, box);
    }
  }
  return [...found];
}"""


def expect_nothing_cut_off(page: Page, *widths: int, height: int = 800) -> None:
    """At each of these widths, once the page has followed it."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": height})
        try:
            page.wait_for_function(
                f"(width) => ({CUT_OFF})(width).length === 0", arg=width, timeout=SETTLING_MS
            )
        except TooLong:
            assert page.evaluate(CUT_OFF, width) == [], f"{page.url} at a width of {width}"
