"""The report with live figures: still one HTML file that opens from disk and asks nobody for anything.

It is the static report (`export.report`) with the page's own drawing modules and Plotly inside. All that a
reader's browser has to run lies in one compressed text; the page unfolds it, gives every module an address
of its own by an import map, and puts a live figure in the place of each drawing. Where that fails, the
drawings stay.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Mapping
from functools import cache

from pydantic_core import to_json

from app.export import report
from app.export.exports import Whole
from app.ground import paths
from app.text import languages

ENTRY = "offline.js"
STYLES = ("css/figures.css", "css/offline.css")
SPECIFIER = re.compile(r'((?:^|\n)(?:import|export)\b[^;]*?from\s*|(?:^|\n)import\s*)"(\.{1,2}/[^"]+)"')
POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*(">)')
# Modules are data: addresses, Plotly and saved pictures blob: ones; nothing can be asked of a network.
ALLOWED = (
    "default-src 'none'; script-src 'unsafe-inline' data: blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)


def as_html(whole: Whole) -> str:
    """The page, in the words and the theme of `whole`."""
    page = report.as_html(whole)
    if len(POLICY.findall(page)) != 1 or page.count("</head>") != 1 or page.count("</body>") != 1:
        raise ValueError("the report is not the page that its live figures were made for")
    page = POLICY.sub(rf"\g<1>{ALLOWED}\g<2>", page)
    page = page.replace("</head>", f"<style>{styles()}</style>\n</head>")
    return page.replace("</body>", f"{scripts(whole)}\n</body>")


def scripts(whole: Whole) -> str:
    """What the page runs: texts, then the compressed parts, then what unfolds them."""
    drawn = [spec for spec in whole.figures if spec["data"]]
    plotly = any(spec["kind"] == "plotly" for spec in drawn)
    parts = {
        "words": languages.script(whole.words.language) if whole.words.language != "en" else {},
        "modules": modules(),
        "figures": drawn,
        "name": f"oscope-{whole.run.experiment}-{whole.run.id}",
    }
    lines = [packed(to_json(parts, inf_nan_mode="null"), "parts")]
    if plotly:
        lines.append(packed_plotly())
    unfold = (paths.resource("static") / "js" / "unfold.js").read_text(encoding="utf-8")
    return "\n".join([*lines, f"<script>{unfold}</script>"])


# -- what lies inside -------------------------------------------------------------------------


def packed(content: bytes, id: str) -> str:
    """Compressed, as an element of letters that no tag is made of: five of them are four bytes (RFC 1924)."""
    squeezed = gzip.compress(content, 9, mtime=0)
    letters = base64.b85encode(squeezed, pad=True).decode().replace("<", ",")
    return f'<script type="text/plain" id="{id}" data-bytes="{len(squeezed)}">{letters}</script>'


@cache
def packed_plotly() -> str:
    return packed(paths.plotly().read_bytes(), "plotly")


def styles() -> str:
    texts = [(paths.resource("static") / path).read_text(encoding="utf-8") for path in STYLES]
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", "\n".join(texts), flags=re.DOTALL)).strip()


def modules() -> Mapping[str, str]:
    """Name → text of every module that the live figures need; each imports the others by these names."""
    folder = paths.resource("static") / "js"
    found: dict[str, str] = {}
    waiting = [ENTRY]
    for name in waiting:
        text, needs = rewritten(name, (folder / name).read_text(encoding="utf-8"))
        found[name] = text
        waiting += [need for need in needs if need not in found and need not in waiting]
    return found


def rewritten(name: str, text: str) -> tuple[str, list[str]]:
    """The module with bare names for relative ones, and those names: "./units.js" is "figures/units.js"."""
    needs: list[str] = []

    def bare(match: re.Match[str]) -> str:
        target = resolved(name, match[2])
        needs.append(target)
        return f'{match[1]}"{target}"'

    return SPECIFIER.sub(bare, text), needs


def resolved(name: str, specifier: str) -> str:
    parts = name.split("/")[:-1]
    for step in specifier.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)
