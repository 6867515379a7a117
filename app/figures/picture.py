"""Figures that show a structure: laid out once, here; pages and files draw the same shapes."""

from __future__ import annotations

from typing import Any

from app.figures.figure import YOURS, Figure, Guessed
from app.figures.patch import Patch, apply
from app.svg import pictures
from app.text.languages import speaking
from app.text.values import name_of

WIDTHS = (300, 640, 780, 960)  # pixels: the page takes the one that is largest in the room that it has


class PictureFigure(Figure):
    """A subclass gathers rows into `data`; the shapes at every width follow from it."""

    def first_layout(self) -> dict[str, Any]:
        return {"pictures": {}, "states": [], "guess": ""}

    def show_guess(self) -> Patch:
        """In words below the picture, which has no place for it."""
        patch = self.put("layout.guess", self.item(YOURS, *map(self.said, self.predicted)))
        apply(self.spec, patch)
        return patch + (self.show(self.spec["data"]) if self.spec["data"] else [])

    def said(self, guessed: Guessed) -> str:
        return self.t(guessed.point.label) or name_of(guessed.value)

    def show(self, data: list[dict[str, Any]]) -> Patch:
        """Set what is drawn, and its shapes."""
        spec = self.spec | {"data": data}
        with speaking(self.t):  # whoever reads this figure, whoever fed it
            drawn = {str(width): pictures.as_shapes(spec, width) for width in WIDTHS}
        return self.put("data", data) + self.put("layout.pictures", drawn)
