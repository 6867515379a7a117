"""Builds a folder whose `experiments` is the real kit and this chapter, for `run_child(root=…)`."""

from pathlib import Path

import experiments

REAL = Path(experiments.__file__).parent


def build_root(folder: Path) -> Path:
    package = folder / "experiments"
    package.mkdir()
    for part in (REAL / "__init__.py", REAL / "kit", Path(__file__).parent):
        (package / part.name).symlink_to(part)
    return folder
