"""The ways into the file: who may write, connections with and without SQLite's log, transactions."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.storage.failures import StorageBusy, unwritable

BUSY_S = 5.0  # how long one connection waits for another one's lock, where there is no WAL


def claim(path: Path) -> IO[bytes]:
    """Claim the file for one writing oscope; the claim ends with the process, however it ends.

    The claim lies beside the file: SQLite's own locks would be lost when any descriptor of the
    file itself is closed (fcntl(2), "record locks").
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StorageBusy(
            f"another oscope is running with the history in {path.parent}: use that one, stop it, "
            "or choose another folder with --data"
        ) from None
    except OSError:  # a network folder without locks
        pass
    return lock


def connect(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,  # transactions begin and end where the code says so
        check_same_thread=False,
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # a full disk may already have rolled back
            connection.execute("rollback")
        raise


def accepts_wal(connection: sqlite3.Connection) -> bool:
    """Whether readers and the writer can share this file without waiting for each other.

    SQLite may say yes to the pragma and refuse the first write (its shared memory cannot be made),
    so one is tried.
    """
    try:
        if connection.execute("pragma journal_mode = wal").fetchone()[0] != "wal":
            return False
        with transaction(connection):
            version = connection.execute("pragma user_version").fetchone()[0]
            connection.execute(f"pragma user_version = {version}")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise
        return False
    return True


def connect_without_wal(path: Path) -> sqlite3.Connection:
    """A file marked as WAL can be turned back only by who holds it alone."""
    connection = connect(path)
    try:
        connection.execute("pragma locking_mode = exclusive")
        connection.execute("pragma journal_mode = truncate")
        connection.execute("pragma locking_mode = normal")
        connection.execute("pragma user_version").fetchone()  # the lock goes with the next look
    except BaseException:
        connection.close()
        raise
    return connection
