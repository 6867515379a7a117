"""Any figure as SVG: inside a page of ours, or as a file of its own with its title and its key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.svg.chart import chart
from app.svg.diagrams import cells, flow, graph, shares, space, states, timeline
from app.svg.letters import in_lines, width_of
from app.svg.shapes import Drawn, Shape, Styles, as_data, key, markup, shape, text
from app.svg.tokens import THEMES
from app.text.languages import t

WIDE, NARROW = 960, 348  # pixels: a slide or a desk, and a phone
FILE_WIDTHS = {"timeline": 1200, "flow": 1060, "shares": 720, "states": 640, "cells": 720}
FILE_WIDTH = 1000  # of anything else
FILE_HEIGHT = 460
PAD = 14
LETTERS = {"font_family": "$sans", "font_size": 12}
NAMESPACE = "http://www.w3.org/2000/svg"

DRAWN: dict[str, Callable[[Mapping[str, Any], float, str], Drawn]] = {
    "plotly": chart.draw,
    "timeline": timeline.draw,
    "shares": shares.draw,
    "states": states.draw,
    "flow": flow.draw,
    "cells": cells.draw,
    "space": space.draw,
    "graph": graph.draw,
}


def embedded(
    figure: Mapping[str, Any], width: int = WIDE, styles: Styles | None = None, alone: bool = False
) -> str:
    """An <svg> for a page that has our tokens as CSS variables: it follows the page's theme.

    A page may hold it at several widths; the wide one has the words, and the others point to them.
    One that is `alone` has them at any width.
    """
    name = slug(figure["id"])
    prefix = name if width == WIDE else f"{name}-{width}"
    drawn = centred(whole(figure, width, prefix), width)
    told = words_of(figure, name) if alone or width == WIDE else []
    return markup(svg(name, drawn, told, viewed(drawn) | {"class": f"fig-{width}"}), None, styles)


def standalone(figure: Mapping[str, Any], theme: str = "light", width: int | None = None) -> str:
    """An SVG file with the figure's title above it; its colours are light unless the theme is "dark"."""
    chosen = theme if theme in THEMES else THEMES[0]
    wide = width or FILE_WIDTHS.get(figure["kind"], FILE_WIDTH)
    name = slug(figure["id"])
    inside = wide - (PAD if figure["kind"] == "timeline" else 0)  # its frame would touch the edge
    drawn = titled(figure, centred(whole(figure, inside, name, FILE_HEIGHT), inside), wide)
    ground = shape("rect", width="100%", height="100%", fill="$screen")
    size = {"xmlns": NAMESPACE, "width": drawn.width, "height": float(drawn.height)}
    written = markup(svg(name, drawn, [*words_of(figure, name), ground], size | viewed(drawn)), chosen)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}\n'


def as_shapes(figure: Mapping[str, Any], width: int) -> dict[str, Any]:
    """The drawing as data for static/js/figures/picture.js: {"width", "height", "shapes"}."""
    drawn = whole(figure, width, f"{slug(figure['id'])}-{width}")
    lettered = shape("g", "", drawn.shapes, **LETTERS)
    return {"width": drawn.width, "height": round(drawn.height), "shapes": [as_data(lettered)]}


def whole(figure: Mapping[str, Any], width: float, prefix: str, height: float = chart.HEIGHT) -> Drawn:
    """The drawing, with the key of its states below it."""
    if not figure["data"]:
        return empty(width)
    kind = figure["kind"]
    if kind == "plotly":
        return chart.draw(figure, width, prefix, height)
    drawn = DRAWN[kind](figure, width, prefix)
    known = {state["id"]: state for state in figure["layout"].get("states") or ()}
    told = key([known[id] for id in drawn.states], prefix, PAD, drawn.height + 10, width - 2 * PAD)
    if told.shapes:
        drawn = Drawn(drawn.width, told.height, [*drawn.shapes, *told.shapes])
    guess = figure["layout"].get("guess")
    return with_guess(drawn, guess) if guess else drawn


def centred(drawn: Drawn, width: float) -> Drawn:
    """In the middle of a given width, where it needs less."""
    if drawn.width >= width:
        return drawn
    moved = shape("g", "", drawn.shapes, transform=f"translate({(width - drawn.width) / 2:.0f} 0)")
    return Drawn(width, drawn.height, [moved], drawn.states)


def with_guess(drawn: Drawn, guess: str) -> Drawn:
    """What was predicted, in words below the picture."""
    lines = in_lines(guess, drawn.width - 2 * PAD, lambda words: width_of(words, 13, bold=True))
    look = {"fill": "$pencil", "font_size": 13, "font_weight": 700}
    said = [text(PAD, drawn.height + 18 + 19 * n, words, **look) for n, words in enumerate(lines)]
    return Drawn(drawn.width, drawn.height + 8 + 19 * len(lines), [*drawn.shapes, *said])


def empty(width: float) -> Drawn:
    look = {"text_anchor": "middle", "fill": "$ink-3", "font_size": 13}
    return Drawn(width, 96, [text(width / 2, 52, t("No rows."), **look)])


def titled(figure: Mapping[str, Any], drawn: Drawn, width: float) -> Drawn:
    lines = in_lines(figure["title"], width - 2 * PAD, lambda words: width_of(words, 19, "$serif"))
    look = {"font_family": "$serif", "font_size": 19, "fill": "$ink"}
    heading = [text(PAD, 27 + 24 * n, words, **look) for n, words in enumerate(lines)]
    top = 16 + 24 * len(lines)
    moved = shape("g", "", drawn.shapes, transform=f"translate(0 {top})")
    return Drawn(width, drawn.height + top + 8, [*heading, moved])


def viewed(drawn: Drawn) -> dict[str, Any]:
    return {"viewBox": f"0 0 {drawn.width:g} {drawn.height:.0f}"}


def words_of(figure: Mapping[str, Any], name: str) -> list[Shape]:
    """The figure in words, for those who cannot see it."""
    return [
        shape("title", figure["title"], id=f"{name}-title"),
        shape("desc", figure["summary"], id=f"{name}-desc"),
    ]


def svg(name: str, drawn: Drawn, before: Sequence[Shape], attributes: Mapping[str, Any]) -> Shape:
    """The root element; `name` is where its words are."""
    told = {"role": "img", "aria_labelledby": f"{name}-title {name}-desc"}
    return shape("svg", "", [*before, *drawn.shapes], **attributes, **told, **LETTERS)


def slug(id: str) -> str:
    """An id that may stand in url(#…) and in a selector."""
    return "f-" + re.sub(r"[^a-z0-9]+", "-", id.lower()).strip("-")
