"""Files that are whole or not there at all, whoever is killed while they are written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """The whole file or none: written beside its place, then moved there. Devices and pipes just take it."""
    path = Path(os.path.realpath(path))
    if os.path.exists(path) and not os.path.isfile(path):
        path.write_bytes(content)
    elif os.path.exists(path) and not os.access(path.parent, os.W_OK):
        write_over(path, content)
    else:
        write_beside(path, content)


def write_beside(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            file.write(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_over(path: Path, content: bytes) -> None:
    """In a folder where no other file can be made; the room is taken before anything is changed."""
    with path.open("r+b") as file:
        before = file.seek(0, os.SEEK_END)
        try:
            os.posix_fallocate(file.fileno(), 0, max(len(content), 1))
        except OSError:
            file.truncate(before)
            raise
        file.seek(0)
        file.write(content)
        file.truncate()
