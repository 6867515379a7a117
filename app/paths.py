"""Where oscope's own files are, and where it keeps what it measured.

In a checkout `static` and `templates` lie beside the package; a wheel carries them inside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """The folder `static` or `templates`, in a wheel and in a checkout alike."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@cache
def plotly() -> Path:
    """The script that draws charts in the page; its wheel brings it."""
    from importlib import metadata  # costs a short command more than all the rest of this module

    return Path(str(metadata.distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))


def data_dir() -> Path:
    """The folder of this user's runs, unless `--data` names another."""
    return user_data_path("oscope", appauthor=False)


def cache_dir() -> Path:
    """What can be made again: compressed copies of large static files."""
    return user_cache_path("oscope", appauthor=False)


def database(folder: Path) -> Path:
    """The one file that holds all runs of a data directory."""
    return folder / "oscope.sqlite3"
