"""Interpreters inside one process, each with a GIL of its own (PEP 684), under their three names.

`concurrent.interpreters` from 3.14 on (PEP 734), a private module in 3.13 and 3.12, none before.
"""

from __future__ import annotations

import importlib
import marshal
import os
import sys
from types import ModuleType, TracebackType
from typing import Any

MODULES = {
    (3, 14): "concurrent.interpreters",
    (3, 13): "_interpreters",
    (3, 12): "_xxsubinterpreters",
}


def module() -> ModuleType | None:
    """The module of this Python, or None where interpreters cannot have a GIL of their own."""
    name = next((name for version, name in MODULES.items() if sys.version_info >= version), None)
    try:
        return importlib.import_module(name) if name else None
    except ImportError:
        return None


class Subinterpreter:
    """One more interpreter in this process. `run` runs its code in the calling thread."""

    def __init__(self) -> None:
        self._module: Any = module()
        if self._module is None:
            raise RuntimeError("interpreters with a GIL of their own need CPython 3.12 or later")
        self._id: Any = self._module.create()
        self.run(f"import sys; sys.path[:] = {sys.path!r}")

    def __enter__(self) -> Subinterpreter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, code: str) -> None:
        """Errors of the code become a RuntimeError here."""
        if hasattr(self._id, "exec"):
            self._id.exec(code)
        elif hasattr(self._module, "exec"):
            if (failed := self._module.exec(self._id, code)) is not None:
                raise RuntimeError(f"in the interpreter: {failed.formatted}")
        else:
            self._module.run_string(self._id, code)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression: plain data, and less of it than a pipe holds (64 KiB)."""
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as answer:
            try:
                self.run(f"import marshal, os; os.write({writer}, marshal.dumps({expression}))")
            finally:
                os.close(writer)
            return marshal.load(answer)

    def close(self) -> None:
        if hasattr(self._id, "close"):
            self._id.close()
        else:
            self._module.destroy(self._id)
