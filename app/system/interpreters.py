"""Which Pythons are on this machine. A run names one by its id, never by a path.

An id says what it is: "cpython-3.13.0", "pypy-3.10.14". A free-threaded build can run with its GIL
on or off and appears as two choices, "cpython-3.13.5t-gil0" and "cpython-3.13.5t-gil1".
OSCOPE_PYTHONS names further interpreters: files, or folders that hold a `bin`, separated by ":".
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.ground import paths
from app.ground.files import write_whole

OLDEST = (3, 10)  # what the kit and the experiments are written for
PROBE_S = 5.0  # an interpreter that needs longer to say its version is none for us
NAME = re.compile(r"(python3(\.\d+)?t?|pypy3(\.\d+)?)$")
VERSION = re.compile(r"\d+\.\d+\b")
OLD_NAME = re.compile(r"/python(2|3\.\d)(\D[^/]*)?$")  # need not be asked: asking takes 20 ms each
SHIMS = "shims"  # pyenv's scripts of this folder only choose one of the versions that we find anyway

PROBE = """
import json, platform, sys, sysconfig
print(json.dumps({"version": platform.python_version(), "implementation": platform.python_implementation(),
 "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED"))}))
"""

Facts = dict[str, Any]  # what PROBE prints


@dataclass(frozen=True)
class Interpreter:
    """`args` and `env` are what a run starts it with; `gil` is what it then promises."""

    id: str
    path: str
    version: str
    implementation: str
    gil: bool
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict, hash=False)

    def as_json(self) -> dict[str, Any]:
        """For clients: without the path, which is nobody's business."""
        return {name: getattr(self, name) for name in ("id", "version", "implementation", "gil")}


def find(cache: Path | None = None) -> dict[str, Interpreter]:
    """All interpreters by id, the one that runs oscope first. It starts those it has not seen
    before, all at once (call it in a thread), and remembers what they said."""
    cache = cache or cache_file()
    known = load(cache) if cache else {}
    programs = {path: mark for path in dict.fromkeys(candidates()) if (mark := stamp(path))}
    unseen = [path for path, mark in programs.items() if mark not in known]
    if unseen:
        with ThreadPoolExecutor(max_workers=8) as pool:
            known |= zip((programs[path] for path in unseen), pool.map(probe, unseen), strict=True)
        save(cache, {mark: known[mark] for mark in programs.values() if known[mark]})
    found = {own.id: own for own in choices(sys.executable, own_facts())}
    for path, mark in programs.items():
        for choice in choices(path, known[mark]):
            found.setdefault(choice.id, choice)
    return found


def default() -> Interpreter:
    """The one that runs oscope; known without looking around."""
    return choices(sys.executable, own_facts())[0]


def choices(path: str, facts: Facts) -> list[Interpreter]:
    """The ways to run it: none where it is too old, two where its GIL can be switched off."""
    if not facts or tuple(map(int, facts["version"].split(".")[:2])) < OLDEST:
        return []
    implementation, version = facts["implementation"], facts["version"]
    name = f"{implementation.lower()}-{version}"
    if not facts["free_threaded"]:
        return [Interpreter(name, path, version, implementation, gil=True)]
    return [
        Interpreter(f"{name}t-gil{on:d}", path, f"{version}t", implementation, on, ("-X", f"gil={on:d}"))
        for on in (False, True)
    ]


def own_facts() -> Facts:
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    }


def candidates() -> Iterator[str]:
    """Every file that may be an interpreter, with links resolved so that each comes once.

    A place that may not be entered, or whose disk does not answer, holds none: `os.path` asks
    without raising, as `pathlib` does not before Python 3.14.
    """
    for place in places():
        if os.path.isfile(place):
            yield os.path.realpath(place)
        elif place.name != SHIMS:
            names = sorted(name for name in names_in(place) if NAME.match(name))
            found = (os.path.realpath(place / name) for name in names)
            yield from (path for path in found if not OLD_NAME.search(path))


def names_in(folder: Path) -> list[str]:
    """What lies in a folder; nothing where that cannot be told."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def places() -> Iterator[Path]:
    """Folders of programs, most wanted first, and single files that OSCOPE_PYTHONS names."""
    home = paths.home()
    for named in filter(None, os.environ.get("OSCOPE_PYTHONS", "").split(os.pathsep)):
        yield Path(named)
        yield Path(named) / "bin"
    yield from map(Path, filter(None, os.environ.get("PATH", "").split(os.pathsep)))
    yield Path("/usr/bin")
    for folder in collections(home):
        yield from (folder / name / "bin" for name in sorted(names_in(folder), reverse=True))


def collections(home: Path | None) -> Iterator[Path]:
    """Folders with a folder for each interpreter."""
    if pyenv := os.environ.get("PYENV_ROOT") or (home and home / ".pyenv"):
        yield Path(pyenv) / "versions"
    if uv := os.environ.get("UV_PYTHON_INSTALL_DIR") or (home and home / ".local/share/uv/python"):
        yield Path(uv)
    yield Path("/opt")
    yield Path("/opt/python")


def probe(path: str) -> Facts:
    """Ask an interpreter what it is; nothing where it does not answer."""
    command = [path, "-E", "-s", "-S", "-c", PROBE]
    try:
        answer = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PROBE_S, check=True
        )
        return read_facts(json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}


def read_facts(said: object) -> Facts:
    """What an interpreter said, today or as the cache remembers it; nothing where it is not that."""
    if not isinstance(said, dict):
        return {}
    version, implementation = said.get("version"), said.get("implementation")
    if not (isinstance(version, str) and VERSION.match(version) and isinstance(implementation, str)):
        return {}
    return {
        "version": version,
        "implementation": implementation,
        "free_threaded": said.get("free_threaded") is True,
    }


def stamp(path: str) -> str:
    """Changes when the file does; empty where there is no such program."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{path}:{status.st_size}:{status.st_mtime_ns}" if os.access(path, os.X_OK) else ""


def cache_file() -> Path | None:
    folder = paths.cache_dir()
    return folder and folder / "interpreters.json"


def load(cache: Path) -> dict[str, Facts]:
    """What they said before; what in the file is no such thing is asked again."""
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    read = {str(name): read_facts(said) for name, said in known.items()} if isinstance(known, dict) else {}
    return {name: facts for name, facts in read.items() if facts}


def save(cache: Path | None, known: dict[str, Facts]) -> None:
    """What cannot be kept is asked again next time."""
    if cache is None:
        return
    with suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_whole(cache, json.dumps(known).encode())
