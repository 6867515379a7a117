"""How wide words are, where there is no browser to ask: by a small table of character widths."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

MONO = 0.602  # of an em; DejaVu Sans Mono's, and no wider in the other fonts of the stack
BOLD = 1.08
WIDTHS = {  # of an em, for groups of characters; DejaVu Sans's, one of the widest that systems have
    0.32: " .,:;'!|ijl\u00a0\u2009",
    0.41: '()[]{}/\\-fItr"`·–',
    0.59: "cksvxyzJ",
    0.64: "abdeghnopquLFT0123456789$?_µ",
    0.75: "ABCDEGHKNPRSUVXYZ&<>=+~^×≈−",
    0.96: "mwMWOQ%@—…",
}
WIDTH = {char: width for width, chars in WIDTHS.items() for char in chars}
OTHER = 0.6


@lru_cache(maxsize=4096)
def width_of(words: str, size: float = 12, family: str = "$sans", bold: bool = False) -> float:
    """Pixels that the words take in a font of the page."""
    ems = sum(em(char, family) for char in words)
    return ems * size * (BOLD if bold and family != "$mono" else 1)


def em(char: str, family: str) -> float:
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0.0
    return MONO if family == "$mono" else WIDTH.get(char, OTHER)


def in_lines(words: str, room: float, measure: Callable[[str], float]) -> list[str]:
    """The words in lines no wider than `room`, where they can be broken."""
    lines: list[str] = []
    for word in pieces(words):
        longer = f"{lines[-1]}{word}" if lines else ""
        if lines and measure(longer.strip()) <= room:
            lines[-1] = longer
        else:
            lines.append(word.lstrip())
    return [line.strip() for line in lines]


def pieces(words: str) -> list[str]:
    """What may stand on a line of its own: words, and every Chinese character, with its punctuation."""
    found: list[str] = []
    for char in words:
        wide = unicodedata.east_asian_width(char) in "WF"
        closes = unicodedata.category(char) in ("Po", "Pe", "Pf")
        if not found or char == " " or (wide and not closes):
            found.append(char)
        else:
            found[-1] += char
    return found


def shortened(words: str, room: float, size: float = 12, family: str = "$sans") -> str:
    """The words, or as many of their characters as there is room for."""
    if width_of(words, size, family) <= room:
        return words
    kept = words
    while kept and width_of(f"{kept}…", size, family) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places apart until neighbours keep `gap`, as little as possible, between low and high."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    tight = min(gap, (high - low) / (len(order) - 1)) if len(order) > 1 else gap
    blocks: list[tuple[list[int], float]] = []
    for n in order:
        blocks.append(([n], min(max(places[n], low), high)))
        while len(blocks) > 1 and blocks[-2][1] + len(blocks[-2][0]) * tight > blocks[-1][1]:
            members = blocks[-2][0] + blocks[-1][0]
            wish = sum(places[m] - rank * tight for rank, m in enumerate(members)) / len(members)
            blocks[-2:] = [(members, min(max(wish, low), high - (len(members) - 1) * tight))]
    placed = {n: at + rank * tight for members, at in blocks for rank, n in enumerate(members)}
    return [placed[n] for n in range(len(places))]
