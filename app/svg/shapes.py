"""Shapes as data. A layout makes them; `markup` writes them, once its roles have their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from app.svg.letters import width_of
from app.svg.tokens import resolve

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML


class Shape(NamedTuple):
    tag: str
    attributes: Mapping[str, Any]
    words: str = ""
    children: Sequence[Shape] = ()


class Drawn(NamedTuple):
    """What a layout gives: a size, the shapes, and the ids of the states that need a key."""

    width: float
    height: float
    shapes: Sequence[Shape]
    states: Sequence[str] = ()


def shape(tag: str, words: str = "", children: Iterable[Shape] = (), /, **attributes: Any) -> Shape:
    """`stroke_width=2` is the attribute stroke-width; None leaves one out."""
    named = {name.replace("_", "-"): value for name, value in attributes.items() if value is not None}
    return Shape(tag, named, words, tuple(children))


def text(x: float, y: float, words: str, **attributes: Any) -> Shape:
    """Whole pixels: nobody sees less, and a page of charts has hundreds of labels."""
    return shape("text", words, **({"x": round(x), "y": round(y), "fill": "$ink-2"} | attributes))


def rect(x: float, y: float, width: float, height: float, **attributes: Any) -> Shape:
    return shape("rect", x=x, y=y, width=max(0.0, width), height=max(0.0, height), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: Any) -> Shape:
    return shape("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(d: str, **attributes: Any) -> Shape:
    return shape("path", d=d, **attributes)


def hatch(id: str, role: str, turn: float = 45) -> Shape:
    """Slanted lines in a colour on a paler ground of it: the second code beside colour."""
    ground = shape("rect", width=5, height=5, fill=f"{role}/0.26")
    stripe = shape("rect", width=1.7, height=5, fill=role)
    return shape(
        "pattern",
        "",
        [ground, stripe],
        id=id,
        width=5,
        height=5,
        patternUnits="userSpaceOnUse",
        patternTransform=f"rotate({turn:g})",
    )


def as_data(drawn: Shape) -> dict[str, Any]:
    """As the page's own drawings have it; their roles get their values there."""
    tag, attributes, words, children = drawn
    return {
        "tag": tag,
        "attributes": {name: round(v, 2) if isinstance(v, float) else v for name, v in attributes.items()},
        "text": words,
        "children": [as_data(child) for child in children],
    }


# -- states -----------------------------------------------------------------------------------


def paint(state: Mapping[str, Any], prefix: str) -> str:
    """What fills a state; `hatches` has to be in the picture too."""
    return f"url(#{prefix}-{state['id']})" if state["hatch"] else f"$st-{state['id']}"


def hatches(states: Iterable[Mapping[str, Any]], prefix: str) -> Shape:
    made = [hatch(f"{prefix}-{s['id']}", f"$st-{s['id']}") for s in states if s["hatch"]]
    return shape("defs", "", made)


def key(states: Iterable[Mapping[str, Any]], prefix: str, left: float, top: float, width: float) -> Drawn:
    """Swatches with names, in as many rows as they need; `height` is where they end."""
    drawn: list[Shape] = []
    x, y = left, top
    for state in states:
        length = 21 + width_of(state["label"], 12) + 18
        if x + length > left + width and x > left:
            x, y = left, y + 20
        height = max(2.0, 12 * state["height"])
        drawn.append(rect(x, y + 12 - height, 15, height, fill=paint(state, prefix)))
        drawn.append(text(x + 21, y + 11, state["label"]))
        x += length
    return Drawn(width, y + 22 if drawn else top, drawn)


# -- writing ----------------------------------------------------------------------------------


class Styles:
    """Looks that many shapes share, as CSS classes: a page of drawings is half as long with them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def name(self, look: str) -> str:
        return self.names.setdefault(look, f"_{len(self.names):x}")

    def css(self) -> str:
        return "".join(f".{name}{{{look}}}" for look, name in self.names.items())


STYLED = re.compile("(fill|stroke|font|text|paint|opacity)")
UNITS = {"font-size": "px"}  # of attributes that have none and of properties that need one


def markup(drawn: Shape, theme: str | None, styles: Styles | None = None) -> str:
    """The SVG of a shape, in the colours of a theme or in CSS variables."""
    attributes: dict[str, str] = {}
    for name, value in drawn.attributes.items():
        attributes |= attribute(name, value, theme)
    if styles:
        attributes = classed(attributes, styles)
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    if not drawn.words and not drawn.children:
        return f"<{drawn.tag}{written}/>"
    inside = escape(drawn.words) + "".join(markup(child, theme, styles) for child in drawn.children)
    return f"<{drawn.tag}{written}>{inside}</{drawn.tag}>"


def classed(attributes: Mapping[str, str], styles: Styles) -> dict[str, str]:
    """What says how a shape looks moves into a class; an address of a pattern stays where it is."""
    looks = {n: v for n, v in attributes.items() if STYLED.match(n) and not v.startswith("url(")}
    rest = {name: value for name, value in attributes.items() if name not in looks}
    if not looks:
        return rest
    css = ";".join(f"{name}:{value}{UNITS.get(name, '')}" for name, value in sorted(looks.items()))
    return rest | {"class": " ".join(filter(None, [rest.get("class"), styles.name(css)]))}


def attribute(name: str, value: Any, theme: str | None) -> dict[str, str]:
    if isinstance(value, float):
        return {name: short(value)}
    if not isinstance(value, str) or not value.startswith("$"):
        return {name: str(value)}
    resolved, alpha = resolve(value, theme)
    return {name: resolved} if alpha == 1 else {name: resolved, f"{name}-opacity": f"{alpha:g}"}


def short(value: float, digits: int = 1) -> str:
    """A number with no more characters than a picture needs."""
    written = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if written in ("-0", "") else written


def pair(x: int, y: int) -> str:
    """Two numbers; a minus keeps them apart as well as a space does."""
    return f"{tenths(x)}{'' if y < 0 else ' '}{tenths(y)}"


def tenths(value: int) -> str:
    """Tenths of a pixel in pixels: -3 is "-.3"."""
    written = f"{value / 10:.1f}".removesuffix(".0")
    return written.replace("0.", ".", 1) if abs(value) < 10 and value else written


def escape(text: str) -> str:
    clean = UNPRINTABLE.sub("\ufffd", text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
