"""Makes a stored run of a file from elsewhere. For the server it is a process of its own, with limits.

That takes the file on its stdin and answers with one line on its stdout: `{"run": id}`,
`{"refused": sentence}` or `{"failed": sentence}`; the last one where it could not be stored.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from pydantic_core import to_json

from app.importing import imports
from app.importing.checks import TOO_HEAVY, ImportRefused
from app.runs import search
from app.runs.run import Run
from app.storage.errors import StorageFailed
from app.storage.writer import keep_whole
from app.text import languages
from experiments.kit.spec import Experiment, load_all

NICENESS = 5  # something may be measured meanwhile; with more, a busy machine would let it starve


def adopt(content: bytes, experiments: Mapping[str, Experiment], database: Path) -> Run:
    """Make a run of a file and store it, whole or not at all; ImportRefused, StorageFailed."""
    found = imports.read(content, experiments)
    every = [languages.load(name, experiments) for name in languages.LANGUAGES]
    text = search.text_of(experiments[found.run.experiment], found.run.verdict, every)
    run = replace(found.run, search=text)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"{database.parent} cannot be made: {error.strerror}") from error
    keep_whole(database, run, found.columns, found.rows)
    return run


def answer(file: IO[bytes], database: Path) -> dict[str, str]:
    """What is to be said of a file."""
    try:
        return {"run": adopt(file.read(), load_all(), database).id}
    except ImportRefused as error:
        return {"refused": str(error)}
    except StorageFailed as error:
        return {"failed": str(error)}
    except BaseException as error:  # the parser panics where it gets no memory, and that is no Exception
        if isinstance(error, MemoryError) or type(error).__name__ == "PanicException":
            return {"refused": TOO_HEAVY}
        raise


def limit_memory(most_b: int) -> None:
    """No more than this, and no more than whoever started oscope allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit_b = most_b if hard == resource.RLIM_INFINITY else min(most_b, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit_b, limit_b))


def main() -> None:
    _, database, memory_b = sys.argv
    limit_memory(int(memory_b))
    with suppress(OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        os.nice(NICENESS)
    sys.stdout.buffer.write(to_json(answer(sys.stdin.buffer, Path(database))))


if __name__ == "__main__":
    main()
