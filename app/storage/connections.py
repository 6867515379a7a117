"""The ways into the file: who may write, connections with and without SQLite's log, transactions."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from app.storage.errors import StorageBusy, StorageFailed, unwritable

BUSY_S = 5.0  # how long one connection waits for another one's lock, where there is no WAL


class Claim:
    """The right to write to a history, for one oscope at a time; it ends with the process, however it ends.

    It is held twice. A locked file beside the history keeps out every process that sees the file. It lies
    beside it, because SQLite's own locks would be lost when any descriptor of the file itself is closed
    (fcntl(2), "record locks"). And as the folder may be removed and made anew, with another file to lock,
    a socket named after the path is bound, too: it lies in no folder (unix(7), "abstract").
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = bind_name(path)
        try:
            self._lock = lock_beside(path)
        except StorageFailed:
            self._name.close()
            raise

    def renew(self) -> None:
        """Lock the file that is there now, where that is another one."""
        with suppress(OSError, StorageFailed):
            there, held = os.stat(lock_name(self.path)), os.fstat(self._lock.fileno())
            if (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino):
                return
        with suppress(StorageFailed):
            lock, self._lock = self._lock, lock_beside(self.path)
            lock.close()

    def close(self) -> None:
        self._lock.close()
        self._name.close()


def bind_name(path: Path) -> socket.socket:
    """Bound for as long as it is open. A mount namespace has paths, and so names, of its own."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with suppress(OSError):
        place = f"{os.path.realpath(path)}\0{os.stat('/proc/self/ns/mnt').st_ino}\0{os.getuid()}"
        try:
            bound.bind(f"\0oscope-{hashlib.blake2b(os.fsencode(place), digest_size=16).hexdigest()}")
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                bound.close()
                raise in_use(path) from None
    return bound


def lock_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def lock_beside(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_name(path).open("ab")
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise in_use(path) from None
    except OSError:  # a network folder without locks
        pass
    return lock


def in_use(path: Path) -> StorageBusy:
    return StorageBusy(
        f"another oscope is running with the history in {path.parent}: use that one, stop it, "
        "or choose another folder with --data"
    )


def connect(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,  # transactions begin and end where the code says so
        check_same_thread=False,
    )


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Read-only, also where no log may be made beside the file (a read-only folder, a full disk).

    The log is a part of the history: only where there is none is the file read as it lies there.
    """
    connection = connect(path, mode="ro")
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        log = path.with_name(f"{path.name}-wal")
        if os.path.exists(log) and os.path.getsize(log):
            raise
        return connect(path, mode="ro&immutable=1")
    return connection


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
