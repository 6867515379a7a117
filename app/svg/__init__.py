"""Draws a figure as SVG without a browser: the same layouts as the page's own drawings.

A figure is a plain dict as `Board.figures()` makes it, coloured by roles like `$st-ready`. In a page of
ours the roles stay CSS variables, so that one drawing serves both themes; in a file of its own they take
the values of one theme. Both come from the page's stylesheet. Nothing here reads anything else.
"""

from app.svg.pictures import NARROW, WIDE, embedded, standalone
from app.svg.shapes import Styles

__all__ = ["NARROW", "WIDE", "Styles", "embedded", "standalone"]
