"""Optional packages: an experiment runs the arms that it can, and a sentence says what brings the others.

Whether a package is there is a matter of the interpreter that measures, which need not be the one that runs
oscope. So the measuring process asks, and an arm imports its package itself, in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence

import experiments
from experiments.kit.kernel.machine import IMPLEMENTATIONS


def here(name: str) -> bool:
    """Whether this interpreter would find the package. Looks only, and imports nothing."""
    return importlib.util.find_spec(name) is not None


def missing(names: Sequence[str], extra: str) -> str:
    """What this interpreter lacks, and what brings it: a sentence, or "" where nothing is named."""
    if not names:
        return ""
    name = sys.implementation.name
    python = f"{IMPLEMENTATIONS.get(name, name)} {sys.version.split()[0]}"
    what, how = ", ".join(names), command(names, extra)
    return f"{python} cannot import {what}; `{how}` brings what is missing."


def command(names: Sequence[str], extra: str) -> str:
    """oscope lives in an environment of its own, and its extra goes there; others that measure are bare."""
    if sys.prefix == sys.base_prefix:
        return f"{os.path.basename(sys.executable)} -m pip install {' '.join(names)}"
    if os.path.exists(os.path.join(*experiments.__path__, os.pardir, "Makefile")):
        return f"make {extra}"
    return f'pip install "oscope[{extra}]"'
