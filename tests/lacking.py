"""Makes Pythons that lack functions of `os` and `signal`, as those lack some that were built elsewhere."""

import os
import site
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make_python(folder: Path, *names: str) -> str:
    """The path of an interpreter like ours without these: "os.pidfd_open", "signal.sigwaitinfo".

    It is a virtual environment whose first line of site-packages deletes them, for -E and -s do not keep
    that from being read.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    modules = sorted({name.partition(".")[0] for name in names})
    deleted = [name.rpartition(".")[::2] for name in names]
    deletions = [f"{module}.__dict__.pop('{name}', None)" for module, name in deleted]  # it may be read twice
    line = "; ".join([f"import {', '.join(modules)}", *deletions])
    (packages,) = (folder / "lib").glob("*/site-packages")
    (packages / "lacking.pth").write_text(f"{line}\n")
    return str(folder / "bin" / "python")


def environment() -> dict[str, str]:
    """With what is installed here, which the interpreter above has not."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *site.getsitepackages()])}
