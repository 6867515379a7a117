"""Where an open history is: whether its path still leads to the file that this oscope has open.

SQLite finds its file by name once and holds it by descriptor. A folder that is removed, a file that is
replaced or written over, a disk that is taken away go unnoticed by it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from enum import StrEnum
from pathlib import Path

ID_AT = slice(68, 72)  # the header's "application id" (https://sqlite.org/fileformat.html)
HEADER_B = 72
MAGIC = b"SQLite format 3\0"


class Whereabouts(StrEnum):
    """What became of the file."""

    HERE = "it is where it was"
    REMOVED = "nothing is in its place, and no other name leads to it"
    MOVED = "its place is empty or taken, and another name leads to it"
    REPLACED = "another file is in its place, and no name leads to it"
    LOG_LOST = "the file is there, its log is not"
    OVERWRITTEN = "another content was written into it"


class Place:
    """The file that a connection has opened; `connection` is the one that writes to it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, log: bool) -> None:
        self.path = path
        stamp(connection)
        # Held till the end: closing any descriptor of the file would drop SQLite's locks (fcntl(2)).
        self._file = os.open(path, os.O_RDONLY)
        self._header = self._read_header()
        self._log = log_of(path)
        self._log_inode = inode(self._log) if log else None
        self._log_files = {file: inode(file) for file in (self._log, path.with_name(f"{path.name}-shm"))}

    def look(self) -> Whereabouts:
        """Some microseconds: quick enough to ask before every write."""
        open_file, there = os.fstat(self._file), inode(self.path)
        if there != (open_file.st_dev, open_file.st_ino):
            if open_file.st_nlink:
                return Whereabouts.MOVED
            return Whereabouts.REPLACED if there else Whereabouts.REMOVED
        if self._read_header() != self._header:
            return Whereabouts.OVERWRITTEN
        if self._log_inode and inode(self._log) != self._log_inode:
            return Whereabouts.LOG_LOST
        return Whereabouts.HERE

    def remove_log(self) -> None:
        """A file that has come to this place must not be read with the log of another."""
        for file, ours in self._log_files.items():
            if ours and inode(file) == ours:
                file.unlink(missing_ok=True)

    def _read_header(self) -> tuple[bytes, bytes]:
        header = os.pread(self._file, HEADER_B, 0)
        return header[: len(MAGIC)], header[ID_AT]

    def close(self) -> None:
        """After all connections."""
        os.close(self._file)


def stamp(connection: sqlite3.Connection) -> None:
    """Mark the file as the one that is open now, in its header: a copy of yesterday has another mark."""
    connection.execute(f"pragma application_id = {secrets.randbits(31)}")
    connection.execute("pragma wal_checkpoint(passive)").fetchall()


def inode(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
