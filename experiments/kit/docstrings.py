"""The docstrings of modules and of what they define, also where Python was told to drop them (-OO).

They are part of an experiment: its title, its question, what a table holds.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
DOCUMENTED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
DROPPED = 2  # sys.flags.optimize from which on there are none


class NoSource(Exception):
    """The docstrings were dropped, and the source to read them from is not there."""


def docstring_of(thing: Any) -> str:
    """The docstring of a module, a class or a function, without its indent; "" where it has none."""
    if sys.flags.optimize < DROPPED:
        return inspect.cleandoc(thing.__doc__ or "")
    if isinstance(thing, ModuleType):
        return found_in(thing.__name__).get("", "")
    return found_in(thing.__module__).get(thing.__qualname__.replace("<locals>.", ""), "")


@lru_cache(maxsize=256)
def found_in(name: str) -> dict[str, str]:
    """All docstrings of a module by the qualified names of what has them; its own under ""."""
    module = importlib.import_module(name)
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError) as error:
        raise NoSource(
            f"this Python was told to drop docstrings (-OO, PYTHONOPTIMIZE), and the source of {name}"
            " is not there to read them from; start oscope without it"
        ) from error
    found: dict[str, str] = {}
    collect(tree, "", found)
    return found


def collect(node: Documented, name: str, found: dict[str, str]) -> None:
    found[name] = ast.get_docstring(node) or ""
    for part in node.body:
        if isinstance(part, DOCUMENTED):
            collect(part, f"{name}.{part.name}".lstrip("."), found)
