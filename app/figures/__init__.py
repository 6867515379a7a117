"""Turns rows into figures: once whole, then patch by patch.

A figure is a plain dict: id, kind, title, caption, traces in `data`, everything else in `layout`,
a sentence that tells it to who cannot see it, and the same as a table. A patch is a list of small
operations that a page applies to what it has, so that a run of a million rows never sends a figure
twice. Nothing here reads a file, a clock or a socket.
"""

from app.figures.board import Board
from app.figures.patch import Patch, apply
from app.figures.telling import telling

__all__ = ["Board", "Patch", "apply", "telling"]
