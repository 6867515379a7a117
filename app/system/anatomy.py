"""One process from inside: its control block in four groups, its threads, its descriptors, its family.

The groups are those of the textbooks: who it is, how it is controlled, what it holds, where the processor
was. All of it is read from /proc (proc(5)); what the kernel does not let us see is None, and `hidden` says
why. Nothing is written anywhere.
"""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from app.system.census import TICKS
from experiments.kit.kernel import maps
from experiments.kit.kernel.proc import Task

T = TypeVar("T")

MOST_DESCRIPTORS = 300  # on the page; a server can have a million
MOST_THREADS = 200
POLICIES = {0: "OTHER", 1: "FIFO", 2: "RR", 3: "BATCH", 5: "IDLE", 6: "DEADLINE", 7: "EXT"}  # sched(7)
FLAGS = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "read, write"}  # O_ACCMODE, open(2)


class NoProcess(LookupError):
    """There is no process of this number, or none any more."""


class Fact(NamedTuple):
    """One line of the control block; the unit is as in tables ("s", "B", ""), None is "not ours to see"."""

    name: str
    value: Any
    unit: str = ""
    help: str = ""


@dataclass(frozen=True)
class Group:
    title: str
    help: str
    facts: Sequence[Fact]


class Thread(NamedTuple):
    tid: int
    name: str
    state: str
    core: int | None
    run_s: float | None
    delay_s: float | None
    voluntary: int | None
    involuntary: int | None
    waits_in: str


class Descriptor(NamedTuple):
    number: int
    kind: str
    target: str
    access: str


class Relative(NamedTuple):
    pid: int
    name: str
    state: str


@dataclass(frozen=True)
class Anatomy:
    """Everything at about one moment. `hidden` has what could not be read, with the system's word for why."""

    pid: int
    name: str
    state: str
    groups: Sequence[Group]
    threads: Sequence[Thread]
    more_threads: int
    descriptors: Sequence[Descriptor] | None
    more_descriptors: int
    spaces: Sequence[maps.Group] | None
    parents: Sequence[Relative]
    children: Sequence[Relative]
    hidden: Mapping[str, str]


class Folder:
    """/proc/<pid>, with what could not be read of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.path = Path("/proc") / str(pid)
        self.hidden: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self.attempt(name, lambda: (self.path / name).read_text(errors="replace"), "")

    def link(self, name: str) -> str:
        return self.attempt(name, lambda: os.readlink(self.path / name), "")

    def names(self, name: str) -> list[str]:
        return self.attempt(name, lambda: os.listdir(self.path / name), [])

    def attempt(self, name: str, read: Callable[[], T], otherwise: T) -> T:
        """What `read` gives; where the kernel refuses, `otherwise`, and its word for why in `hidden`."""
        try:
            return read()
        except OSError as error:
            if not self.path.exists():
                raise NoProcess(f"there is no process {self.pid}; it may have ended") from None
            self.hidden[name] = os.strerror(error.errno or 0)
            return otherwise


def examine(pid: int) -> Anatomy:
    """NoProcess where there is none."""
    folder = Folder(pid)
    status, stat = fields_of(folder.text("status")), Numbers(folder.text("stat"))
    if not folder.path.exists():
        raise NoProcess(f"there is no process {pid}; it may have ended")
    threads = sorted(map(int, folder.names("task")))
    return Anatomy(
        pid=pid,
        name=status.get("Name") or stat.name or str(pid),
        state=status.get("State", "")[:1] or stat.state,
        groups=[
            identity(folder, status, stat),
            control(folder, status, stat),
            resources(folder, status, stat),
            context(folder, stat),
        ],
        threads=list(all_threads(pid, threads[:MOST_THREADS])),
        more_threads=max(0, len(threads) - MOST_THREADS),
        descriptors=descriptors(folder),
        more_descriptors=max(0, len(folder.names("fd")) - MOST_DESCRIPTORS),
        spaces=spaces(folder),
        parents=parents(stat.whole(1)),
        children=children(folder, threads),
        hidden=folder.hidden,
    )


def fields_of(text: str) -> dict[str, str]:
    """ "Name:\tvalue" a line."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


class Numbers:
    """What stands in stat: of the fields behind the name, field 3 of proc(5) is number 0 here."""

    def __init__(self, stat: str) -> None:
        known = ")" in stat
        self.name = stat[stat.index("(") + 1 : stat.rindex(")")] if known else ""
        self.fields = stat[stat.rindex(")") + 2 :].split() if known else []
        self.state = self.fields[0] if self.fields else ""

    def whole(self, number: int) -> int | None:
        return int(self.fields[number]) if number < len(self.fields) else None

    def seconds(self, number: int) -> float | None:
        ticks = self.whole(number)
        return None if ticks is None else ticks / TICKS


# -- the four groups --------------------------------------------------------------------------


def identity(folder: Folder, status: Mapping[str, str], stat: Numbers) -> Group:
    uid, gid = (first_number(status.get(name, "")) for name in ("Uid", "Gid"))
    command = folder.text("cmdline").replace("\0", " ").strip()
    return Group(
        "Identity",
        "who it is, and whom it belongs to",
        [
            Fact("name", status.get("Name") or stat.name or None),
            Fact("pid", folder.pid),
            Fact("parent", stat.whole(1)),
            Fact("process group", stat.whole(2)),
            Fact("session", stat.whole(3)),
            Fact("user", None if uid is None else user_name(uid)),
            Fact("group", gid),
            Fact("started", started_at(stat.seconds(19)), "moment"),
            Fact("program", folder.link("exe") or None),
            Fact("command line", command or None, "", "as it was started; a program can change it"),
            Fact("working folder", folder.link("cwd") or None),
            Fact("control group", folder.text("cgroup").strip().rpartition(":")[2] or None),
        ],
    )


def control(folder: Folder, status: Mapping[str, str], stat: Numbers) -> Group:
    policy = stat.whole(38)
    return Group(
        "Control",
        "how it is scheduled and interrupted",
        [
            Fact("state", status.get("State", "")[:1] or stat.state or None, "state"),
            Fact("policy", policy_name(policy), "", "of the scheduler, sched(7)"),
            Fact("priority", stat.whole(15), "", "20 + nice for ordinary processes"),
            Fact("nice", stat.whole(16)),
            Fact("allowed cores", status.get("Cpus_allowed_list")),
            Fact("signals caught", signals(status.get("SigCgt"))),
            Fact("signals ignored", signals(status.get("SigIgn"))),
            Fact("signals blocked", signals(status.get("SigBlk"))),
            Fact("signals pending", signals(status.get("ShdPnd"))),
            Fact(
                "killed first",
                text_number(folder.text("oom_score")),
                "",
                "score, 0 to 2000, when memory runs out",
            ),
        ],
    )


def resources(folder: Folder, status: Mapping[str, str], stat: Numbers) -> Group:
    limits, io = limits_of(folder.text("limits")), fields_of(folder.text("io"))
    return Group(
        "Resources",
        "what it holds",
        [
            Fact("virtual memory", kilobytes(status, "VmSize"), "B", "addresses it may use"),
            Fact("in memory", kilobytes(status, "VmRSS"), "B", "of that, what lies in memory now"),
            Fact("of its own", kilobytes(status, "RssAnon"), "B", "not from a file"),
            Fact("most in memory", kilobytes(status, "VmHWM"), "B"),
            Fact("swapped out", kilobytes(status, "VmSwap"), "B"),
            Fact("page tables", kilobytes(status, "VmPTE"), "B"),
            Fact("minor page faults", stat.whole(7), "", "a page was there, but not in its table"),
            Fact("major page faults", stat.whole(9), "", "a page had to be read"),
            Fact("descriptors", len(folder.names("fd")) if "fd" not in folder.hidden else None),
            Fact("descriptor limit", limits.get("Max open files")),
            Fact("stack limit", limits.get("Max stack size"), "B"),
            Fact("read from disk", text_number(io.get("read_bytes", "")), "B"),
            Fact("written to disk", text_number(io.get("write_bytes", "")), "B"),
        ],
    )


def context(folder: Folder, stat: Numbers) -> Group:
    """Of the main thread where the kernel keeps it a thread."""
    run_s, delay_s, slices = counted(folder.text("schedstat"))
    return Group(
        "Processor context",
        "where the processor was, of the main thread",
        [
            Fact("core", stat.whole(36), "", "the last one it ran on"),
            Fact("user time", stat.seconds(11), "s", "of all threads"),
            Fact("system time", stat.seconds(12), "s", "of all threads"),
            Fact("on a core", run_s, "s"),
            Fact("in the run queue", delay_s, "s", "ready, but no core was free"),
            Fact("times on a core", slices),
            Fact(
                "stack pointer",
                address(stat.whole(26)),
                "",
                "told of ending processes only, since Linux 4.14",
            ),
            Fact(
                "instruction pointer",
                address(stat.whole(27)),
                "",
                "told of ending processes only, since Linux 4.14",
            ),
        ],
    )


def user_name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} ({uid})"
    except KeyError:
        return str(uid)


def policy_name(policy: int | None) -> str | None:
    return None if policy is None else POLICIES.get(policy, str(policy))


def started_at(after_s: float | None) -> float | None:
    """Unix seconds, of seconds since the machine was booted; None where nobody tells when that was."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return None
    booted = (int(line.split()[1]) for line in lines if line.startswith("btime "))
    booted_at = next(booted, None)
    return None if booted_at is None or after_s is None else booted_at + after_s


def signals(mask: str | None) -> str | None:
    """The names of a mask in hexadecimal; real-time signals by their number."""
    if mask is None:
        return None
    bits = int(mask, 16)
    return ", ".join(signal_name(n) for n in range(1, 65) if bits >> (n - 1) & 1) or "–"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return f"RT {number}"


def limits_of(text: str) -> dict[str, int | str]:
    """Soft limits by name; "unlimited" stays a word."""
    found: dict[str, int | str] = {}
    for line in text.splitlines()[1:]:
        soft = line[26:47].strip()
        found[line[:26].strip()] = int(soft) if soft.isdigit() else soft
    return found


def kilobytes(status: Mapping[str, str], name: str) -> int | None:
    """Kernel threads have no memory of their own."""
    return int(status[name].split()[0]) * 1024 if name in status else None


def text_number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None


def first_number(text: str) -> int | None:
    return text_number(text.split()[0]) if text else None


def counted(schedstat: str) -> tuple[float | None, float | None, int | None]:
    """Seconds on a core and in the run queue, and how often it had a core. "0 0 0" is a kernel that does
    not count: what is there has had one."""
    words = schedstat.split()
    if len(words) != 3 or words[2] == "0":
        return None, None, None
    return int(words[0]) / 1e9, int(words[1]) / 1e9, int(words[2])


def address(number: int | None) -> str | None:
    return hex(number) if number else None


# -- threads, descriptors, memory, family -----------------------------------------------------


def all_threads(pid: int, tids: Sequence[int]) -> Iterator[Thread]:
    """Those that are still there."""
    for tid in tids:
        found = thread(pid, tid)
        if os.path.exists(f"/proc/{pid}/task/{tid}"):
            yield found


def thread(pid: int, tid: int) -> Thread:
    """None is what the kernel does not let us see."""

    def text(name: str) -> str:
        try:
            return Path(f"/proc/{pid}/task/{tid}/{name}").read_text(errors="replace")
        except OSError:
            return ""

    stat, status = Numbers(text("stat")), fields_of(text("status"))
    run_s, delay_s, _ = counted(text("schedstat"))
    return Thread(
        tid,
        text("comm").rstrip("\n") or stat.name or str(tid),
        stat.state,
        stat.whole(36),
        run_s,
        delay_s,
        text_number(status.get("voluntary_ctxt_switches", "")),
        text_number(status.get("nonvoluntary_ctxt_switches", "")),
        waits_in(pid, tid),
    )


def waits_in(pid: int, tid: int) -> str:
    """Empty where it runs, and where the kernel does not tell."""
    try:
        with closing(Task(pid, tid)) as task:
            return str(task.blocked_on())
    except OSError:
        return ""


def descriptors(folder: Folder) -> list[Descriptor] | None:
    """None where they are not ours to see; one that closes while we read is left out."""
    numbers = sorted(int(name) for name in folder.names("fd"))
    if "fd" in folder.hidden:
        return None
    found = []
    for number in numbers[:MOST_DESCRIPTORS]:
        try:
            target = os.readlink(folder.path / "fd" / str(number))
            info = fields_of((folder.path / "fdinfo" / str(number)).read_text())
        except OSError:
            continue
        mode = int(info.get("flags", "0"), 8) & os.O_ACCMODE
        found.append(Descriptor(number, descriptor_kind(target), target, FLAGS.get(mode, "")))
    return found


def descriptor_kind(target: str) -> str:
    """ "socket:[31]" is a socket, "anon_inode:[eventpoll]" an epoll instance, a path a file or a device."""
    if target.startswith("anon_inode:"):
        return target.removeprefix("anon_inode:").strip("[]")
    if target.startswith("/"):
        return "device" if target.startswith("/dev/") else "file"
    return target.partition(":")[0]


def spaces(folder: Folder) -> list[maps.Group] | None:
    """None where the address space is not ours to see; empty where there is none, as of kernel threads."""
    regions = folder.attempt("maps", lambda: maps.read(folder.pid), None)
    return None if regions is None else maps.groups(regions, folder.link("exe"))


def parents(pid: int | None) -> list[Relative]:
    """From the first process down to the parent."""
    line: list[Relative] = []
    while pid and (found := relative(pid)):
        who, pid = found
        line.insert(0, who)
    return line


def children(folder: Folder, threads: Sequence[int]) -> list[Relative]:
    pids = [int(pid) for tid in threads for pid in folder.text(f"task/{tid}/children").split()]
    return [found[0] for pid in sorted(pids) if (found := relative(pid))]


def relative(pid: int) -> tuple[Relative, int] | None:
    """A process in a few words, and its parent; None where it has ended."""
    try:
        status = fields_of(Path(f"/proc/{pid}/status").read_text(errors="replace"))
    except OSError:
        return None
    return Relative(pid, status["Name"], status["State"][:1]), int(status["PPid"])
