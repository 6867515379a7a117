"""Where oscope's own files are, and where it keeps what it measured.

In a checkout `static` and `templates` lie beside the package; a wheel carries them inside it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

PACKAGE = Path(__file__).parents[1]


def resource(name: str) -> Path:
    """The folder `static` or `templates`, in a wheel and in a checkout alike."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@cache
def plotly() -> Path:
    """The script that draws charts in the page; its wheel brings it."""
    from importlib import metadata  # costs a short command more than all the rest of this module

    return Path(str(metadata.distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))


def home() -> Path | None:
    """This user's own folder; None where the system knows none (no HOME, and no entry in passwd)."""
    with suppress(RuntimeError):
        found = Path.home()
        return found if found.is_absolute() else None
    return None


def data_dir() -> Path | None:
    """The folder of this user's runs, unless `--data` names another; None where there is no home for it."""
    return absolute(user_data_path)


def cache_dir() -> Path | None:
    """What can be made again: compressed copies of large static files, what interpreters said."""
    return absolute(user_cache_path)


def absolute(ask: Callable[..., Path]) -> Path | None:
    """A folder of the platform's choice. Without a home there is none, or one relative to wherever we are."""
    try:
        found = ask("oscope", appauthor=False)
    except (OSError, RuntimeError):
        return None
    return found if found.is_absolute() else None


def database(folder: Path) -> Path:
    """The one file that holds all runs of a data directory."""
    return folder / "oscope.sqlite3"
