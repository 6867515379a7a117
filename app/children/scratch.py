"""Scratch: the temporary folder of every run, removed whatever happens.

All of them lie in one folder `oscope-<uid>`, or elsewhere where somebody else has that name, and carry in
their name who owns them: pid and start time of a server. A server that was killed leaves its own behind;
the next one's `sweep_scratch` ends who still lives there, which are the processes started with TMPDIR set
to such a folder, and removes them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import experiments
from experiments.kit.kernel.process_tree import GRACE_S, end_all, read

LIBRARY = "library-"  # beside them: a folder in which nothing but `experiments` can be imported


def scratch_root() -> Path:
    """Where they all lie: the first place that is ours alone, for others may write to the one above.

    OSError names the first place and says why it is not, where there is none.
    """
    refused: OSError | None = None
    for folder in places_of_scratch():
        try:
            return make_private(folder)
        except OSError as error:
            refused = refused or error
    raise refused or PermissionError("there is no temporary folder and no home to put the runs' files into")


def places_of_scratch() -> Iterator[Path]:
    """The same ones at every start, so that what a dead server left is found again."""
    with suppress(OSError):  # no folder for temporary files can be written
        yield Path(tempfile.gettempdir()) / f"oscope-{os.getuid()}"
    for variable in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):
        if place := os.environ.get(variable):
            yield Path(place) / "oscope" / "scratch"
    if not (home := os.path.expanduser("~")).startswith("~"):
        yield Path(home) / ".cache" / "oscope" / "scratch"


def make_private(folder: Path) -> Path:
    """The folder, made where it is not there; PermissionError where it is not ours alone."""
    if not os.path.lexists(folder):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_folder(folder, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(
            f"{folder} is not a folder that only you can write to; remove it, or name another place by TMPDIR"
        )
    if status.st_mode & 0o700 != 0o700:  # made under an umask that kept ourselves out
        folder.chmod(0o700)
    return folder


def make_folder(folder: Path, exist_ok: bool = False) -> None:
    """Ours alone, whatever the umask is."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not exist_ok:
            raise
    else:
        folder.chmod(0o700)


def make_scratch(wish: Path | None = None) -> Path:
    """A new empty folder for one run; `wish` where its place matters."""
    pid = os.getpid()
    scratch = wish or scratch_root() / f"{pid}-{started(pid)}-{uuid.uuid4().hex[:8]}"
    make_folder(scratch)
    return scratch


@contextmanager
def lend_scratch() -> Iterator[Path]:
    """A folder for something of ours, removed afterwards; OSError where there is none to be had."""
    scratch = make_scratch()
    try:
        yield scratch
    finally:
        remove_scratch(scratch)


def remove_scratch(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)


def library() -> Path:
    """A folder that holds our `experiments` and nothing else. It is the same for every run, so that
    compiled modules are found again even where they have to be kept elsewhere."""
    package = Path(experiments.__file__ or "").resolve().parent
    name = hashlib.blake2b(os.fsencode(package), digest_size=6).hexdigest()
    folder = scratch_root() / f"{LIBRARY}{name}"
    make_folder(folder, exist_ok=True)
    with suppress(FileExistsError):
        (folder / "experiments").symlink_to(package)
    return folder


def sweep_scratch() -> int:
    """Remove those of servers that are no more, with everybody in them; how many there were."""
    found = [scratch for folder in places_of_scratch() for scratch in scratch_in(folder)]
    left = [scratch for scratch in found if not is_owned(scratch)]
    if left:
        end_inhabitants(*left)
    for scratch in left:
        remove_scratch(scratch)
    return len(left)


def scratch_in(folder: Path) -> list[Path]:
    """What is in a folder of ours; nothing where it is not ours, or not there."""
    try:
        return list(make_private(folder).iterdir()) if folder.is_dir() else []
    except OSError:
        return []


def is_owned(scratch: Path) -> bool:
    """Whether the server is still there; of a library, whether its experiments are."""
    if scratch.name.startswith(LIBRARY):
        return (scratch / "experiments").exists()
    pid, _, rest = scratch.name.partition("-")
    return pid.isascii() and pid.isdigit() and started(int(pid)) == rest.partition("-")[0] != ""


def started(pid: int) -> str:
    """When a process began, in ticks since boot: with the pid a name that no other process has."""
    status = read(f"/proc/{pid}/stat")
    return status[status.rindex(b")") + 2 :].split()[19].decode() if status else ""


def end_inhabitants(*of: Path, grace_s: float = GRACE_S, groups: Collection[int] = ()) -> int:
    """End all processes of runs whose supervisors are no more, by their folder, and by their process groups
    where these are known; how many had to be killed."""
    wanted = {b"TMPDIR=" + os.fsencode(scratch) for scratch in of}

    def living() -> list[int]:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in pids if wanted & set(read(f"/proc/{pid}/environ").split(b"\0"))]

    return end_all(living, grace_s, groups)
