"""Jinja2 as the pages and the offline report share it: strict, escaping, in the reader's language."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import __version__
from app.ground import addresses, paths
from app.text import languages, prose
from experiments.kit.sentences import duration, percent


def environment(**more: Any) -> Environment:
    """A new one, whose templates know `more` beside what every text needs."""
    made = Environment(
        loader=FileSystemLoader(paths.resource("templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals |= {
        "version": __version__,
        "to": addresses.to,
        "prose": prose,
        "duration": lambda seconds: duration(seconds).text,
        "percent": lambda share: percent(share).text,
        "t": languages.t,
        "count": languages.count,
        "html": prose.html,
        **more,
    }
    return made
