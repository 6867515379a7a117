"""Three tiny experiments as a chapter of their own, for tests of what runs experiments."""

import importlib
from pathlib import Path

import experiments
from experiments.kit.spec import Experiment, read

REAL = Path(experiments.__file__).parent
NAMES = ("counting", "clinging", "breaking")


def build_root(folder: Path) -> Path:
    """A folder whose `experiments` is the real kit and this chapter, for `run_child(root=…)`."""
    package = folder / "experiments"
    (package / "tiny").mkdir(parents=True)
    for part in (REAL / "__init__.py", REAL / "kit"):
        (package / part.name).symlink_to(part)
    for name in ("__init__", *NAMES):
        (package / "tiny" / f"{name}.py").symlink_to(Path(__file__).with_name(f"{name}.py"))
    return folder


def load() -> dict[str, Experiment]:
    return {f"tiny.{n}": read(f"tiny.{n}", importlib.import_module(f"tests.tiny.{n}")) for n in NAMES}
