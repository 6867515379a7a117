"""What can go wrong with the file, in sentences for people."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class StorageFailed(Exception):
    """Something could not be stored or read; the message is a sentence for people."""


class StorageFull(StorageFailed):
    """The disk is full, or the history is at its cap and nothing older may go."""


class StorageBusy(StorageFailed):
    """Another oscope writes to this file."""


class StorageTooNew(StorageFailed):
    """A newer oscope wrote this file."""


class StorageUnwritable(StorageFailed):
    """The file or its folder may not be written."""


class StorageForeign(StorageFailed):
    """Another program wrote this file."""


class StorageDamaged(StorageFailed):
    """What lies in the file is no history, or not any more."""


def anew(failure: StorageFailed) -> StorageFailed:
    """To be raised once more; one exception raised again and again would keep all its tracebacks."""
    return type(failure)(*failure.args)


def unwritable(path: Path, error: Exception) -> StorageFailed:
    return StorageUnwritable(f"{path} cannot be written ({error}): choose another folder with --data")


def explained(error: Exception, path: Path) -> StorageFailed:
    """The sentence for what SQLite reports by number (https://sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"the disk that holds {path.parent} is full: free some space and run again")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StorageDamaged(
            f"{path} is not a readable history ({error}): move it away, or choose another folder with --data"
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return unwritable(path, error)
    return StorageFailed(f"storing in {path} failed: {error}")
