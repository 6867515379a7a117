"""One supervised child for every run: start it, read its lines, always end it.

A fresh interpreter runs `experiments.kit.child.worker`, which tells there what its lines mean. This side
holds the lifeline: a line "stop" on the child's stdin, or closing it, ends the whole tree.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pydantic_core

from app.children.scratch import end_inhabitants, library, make_scratch, remove_scratch, scratch_root
from app.ground import paths
from app.ground.descriptors import restore_limit
from app.ground.payloads import End, Failed, Message
from app.system.interpreters import Interpreter
from app.system.machine import Reading, conditions
from experiments.kit.kernel.affinity import usable_cores
from experiments.kit.kernel.machine import niceness
from experiments.kit.kernel.process_tree import read

log = logging.getLogger(__name__)

Spec = dict[str, Any]  # of a run: the line on the worker's stdin
VMSTAT = Path("/proc/vmstat")
WORKER = "experiments.kit.child.worker"

READ_B = 1 << 16
AHEAD = 64  # messages read before anybody asked for them; then the pipe fills and the child waits
LAST_WORDS_B = 4000
ENDING_S = 2.0  # for a supervisor to end its tree, once the lifeline is closed
LATE_S = 5.0  # beyond the deadline; then it is the supervisor that hangs


def place_now() -> dict[str, Any]:
    """On which cores we are, and how nice, as `supervisor.Place` has it."""
    group = re.search(rb"nice (-?\d+)", read("/proc/self/autogroup"))
    return {
        "cores": usable_cores(),
        "nice": niceness(),
        "group_nice": int(group[1]) if group else 0,
    }


# What the user started oscope with (`taskset`, `nice`) holds for its runs; what pins a server later does not.
STARTED_AT = place_now()


async def run_child(
    name: str,
    params: dict[str, Any],
    *,
    python: Interpreter,
    deadline_s: float,
    memory_b: int,
    scratch: Path | None = None,
    root: Path | None = None,
    stop: asyncio.Event | None = None,
    spare: Spare | None = None,
) -> AsyncIterator[Message]:
    """Run one experiment and yield what its worker says; the last message is always `end`.

    To `end` are added "conditions", "last_words" (the tail of what the child printed) and "sentence"
    (why the run ended; "" where it is done). Setting `stop` ends the run and still yields its last
    rows and `end`; closing the generator ends it without. `root` is the folder with the `experiments`
    to run, where it is not our own; `scratch` names its scratch folder, where it matters.
    """
    spec = {"experiment": name, "params": params, "deadline_s": deadline_s, "memory_b": memory_b}
    try:
        started = (spare and spare.take(python)) or start(python, scratch, root)
    except CannotStart as error:
        yield closing_line("failed", sentence=str(error), conditions={}, last_words="")
        return
    async with Child(started, spec) as child:
        if stop:
            child.stop_at(stop)
        while (message := await child.next())["t"] != "end":
            yield message
    yield message  # when all is cleared away


class CannotStart(Exception):
    """The interpreter or the place for its scratch is not there, or the system starts no more processes."""

    def __init__(self, python: Interpreter, error: OSError) -> None:
        super().__init__(f"{python.id} could not be started: {error.strerror or error}")


@dataclass(frozen=True)
class Started:
    """An interpreter that waits for its spec, in its scratch."""

    process: subprocess.Popen[bytes]
    scratch: Path


def start(python: Interpreter, scratch: Path | None = None, root: Path | None = None) -> Started:
    """A fresh interpreter in a folder of its own; CannotStart says why there is none, and nothing is left."""
    try:
        root, scratch = root or library(), make_scratch(scratch)
    except OSError as error:
        raise CannotStart(python, error) from error
    try:
        return Started(launch(python, scratch, root), scratch)
    except OSError as error:
        remove_scratch(scratch)
        raise CannotStart(python, error) from error
    except BaseException:
        remove_scratch(scratch)
        raise


def launch(python: Interpreter, scratch: Path, root: Path) -> subprocess.Popen[bytes]:
    """Not asyncio's subprocess: its `wait` waits for every grandchild that holds the pipe, too."""
    command = [
        python.path,
        *python.args,
        *keep_compiled(root),
        "-E",
        "-s",
        "-m",
        "experiments.kit.child.worker",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with open(scratch / "output", "ab") as output:  # a file, not a pipe: nobody has to drain it
        os.fchmod(output.fileno(), 0o600)  # whatever the umask is

        def begin(**apart: Any) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=root,
                env=environment | python.env | {"TMPDIR": str(scratch)},
                bufsize=0,
                **apart,
            )

        try:
            process = begin(start_new_session=True)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOSYS):
                raise
            process = begin(process_group=0)  # the system refuses sessions
    try:
        restore_limit(process.pid)
    except BaseException:
        end_process(process)
        raise
    return process


def keep_compiled(root: Path) -> list[str]:
    """Where we may not write beside the modules (a system's package), compiled ones go elsewhere;
    else every run would compile them anew, which takes longer than all the rest."""
    if os.access(root / "experiments" / "kit", os.W_OK):
        return []
    cache = paths.cache_dir() or scratch_root()  # where nobody knows our home, beside the scratch folders
    return ["-X", f"pycache_prefix={cache / 'compiled'}"]


class Spare:
    """One interpreter started in advance, so that the next run need not wait for its start.

    It has imported the kit and sleeps on its stdin; it serves one run, as every interpreter does.
    `prepare` it while nothing is measured: starting burns a core for some tens of milliseconds.
    """

    def __init__(self) -> None:
        self.started: Started | None = None
        self.python: Interpreter | None = None

    def prepare(self, python: Interpreter) -> None:
        """Have one of this kind ready. One that cannot start is told when a run asks for it."""
        if self.started and self.python == python and self.started.process.poll() is None:
            return
        self.close()
        try:
            self.started, self.python = start(python), python
        except CannotStart:
            pass
        except Exception:  # a mistake of ours is that of the next run, and not of the bench
            log.exception("no spare %s could be started", python.id)

    def take(self, python: Interpreter) -> Started | None:
        if self.python != python or not self.started or self.started.process.poll() is not None:
            return None
        taken, self.started = self.started, None
        return taken

    def close(self) -> None:
        if self.started:
            dismiss(self.started)
            self.started = None


def dismiss(started: Started) -> None:
    """End an interpreter that was never told what to run."""
    end_process(started.process)
    remove_scratch(started.scratch)


def end_process(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes our ends of its pipes, and waits
        process.kill()


def watch_exit(process: subprocess.Popen[bytes], tell: Callable[[], None]) -> Callable[[], None]:
    """Have the event loop call `tell` when the process has ended; what is returned forgets about it.

    A thread waits where there is no pidfd: Pythons built against an old C library lack the function, and
    old kernels and some sandboxes refuse the call.
    """
    loop = asyncio.get_running_loop()
    try:
        pidfd = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        threading.Thread(target=wait_for_exit, args=(process, loop, tell), daemon=True).start()
        return lambda: None
    loop.add_reader(pidfd, tell)

    def forget() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)

    return forget


def wait_for_exit(
    process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, tell: Callable[[], None]
) -> None:
    """In a thread. It leaves the zombie, so that a signal from elsewhere never meets a reused pid."""
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    except (AttributeError, OSError):  # refused, too; or it was reaped before we looked
        process.wait()
    with suppress(RuntimeError):  # the loop has ended before it
        loop.call_soon_threadsafe(tell)


class Child:
    """A worker with its spec. Leaving the `async with` ends it and everything that it has started,
    and removes its scratch; so does a failure on the way in."""

    def __init__(self, started: Started, spec: Spec) -> None:
        """Takes over what was started; nothing here may fail, for nobody would end it."""
        self.process, self.scratch = started.process, started.scratch
        self.spec = spec
        self.before: Reading | None = None
        self.late: asyncio.TimerHandle | None = None
        self.forget_exit: Callable[[], None] | None = None
        self.cores: list[int] = []  # that the run may use; all, until it says which
        self.failed: Failed | None = None
        self.memory_kills: int | None = None  # before it began
        self.messages: deque[Message] = deque()
        self.torn = b""  # the beginning of a line whose rest is still to come
        self.news = asyncio.Event()
        self.gone = asyncio.Event()
        self.paused = False  # nobody asked for what we have
        self.leaving = False  # nobody will ask again
        self.groups: set[int] = set()  # of processes: the one that the measuring half leads
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Child:
        try:
            self.begin()
        except BaseException:
            await uninterrupted(self.close())
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await uninterrupted(self.close())

    def begin(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.before = Reading.now()
        self.memory_kills = memory_kills()
        os.set_blocking(self.stdout.fileno(), False)
        self.loop.add_reader(self.stdout, self.read)
        self.forget_exit = watch_exit(self.process, self.see_exit)
        self.late = self.loop.call_later(self.spec["deadline_s"] + LATE_S, self.process.kill)
        self.tell(json.dumps(self.spec | {"scratch": str(self.scratch), "place": STARTED_AT}))

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout
        return self.process.stdout

    def tell(self, line: str) -> None:
        with suppress(OSError):  # it has ended, and its closing line says why
            self.stdin.write(f"{line}\n".encode())

    def stop_at(self, stop: asyncio.Event) -> None:
        async def wait() -> None:
            await stop.wait()
            self.tell("stop")

        self.tasks.append(asyncio.create_task(wait()))

    # Reading

    async def next(self) -> Message:
        """The next message; `end` is the last."""
        while not self.messages and not self.gone.is_set():
            self.news.clear()
            await self.news.wait()
        if not self.messages:
            self.messages.append(await self.stand_in())
        message = self.messages.popleft()
        if self.paused and len(self.messages) < AHEAD:
            self.resume()
        return self.note(message)

    def read(self) -> None:
        """Called by the loop when there is something in the pipe, or its end."""
        if not self.take():
            self.loop.remove_reader(self.stdout)
        elif len(self.messages) >= AHEAD and not self.leaving:
            self.paused = True
            self.loop.remove_reader(self.stdout)

    def resume(self) -> None:
        self.paused = False
        self.loop.add_reader(self.stdout, self.read)

    def take(self) -> bool:
        """Make messages of the whole lines in the pipe; whether anything was there."""
        try:
            data = os.read(self.stdout.fileno(), READ_B)
        except BlockingIOError:
            return False
        *lines, self.torn = (self.torn + data).split(b"\n")
        said = [message for line in lines if (message := decode(line))]
        self.groups.update(message["pid"] for message in said if message["t"] == "hello")
        if not self.leaving:
            self.messages.extend(said)
        self.news.set()
        return bool(data)

    def see_exit(self) -> None:
        """The supervisor has ended. What it wrote is still in the pipe; its end of file may not be,
        where a process that got away holds the pipe open."""
        self.loop.remove_reader(self.stdout)
        self.paused = False
        try:
            while self.take():
                pass
        finally:
            self.end_watch()
            self.process.wait()
            self.gone.set()
            self.news.set()

    def note(self, message: Message) -> Message:
        """Keep what is needed to tell how it ended."""
        if message["t"] == "hello":
            self.cores = message["machine"].get("core_ids") or []
            self.before = Reading.now(self.cores)  # not earlier: starting up is not foreign to the run
        elif message["t"] == "failed":
            self.failed = message
        elif message["t"] == "end":
            return self.complete(message)
        return message

    # Ending

    async def stand_in(self) -> End:
        """The closing line of a supervisor that could not write it."""
        await asyncio.to_thread(end_inhabitants, self.scratch, groups=self.groups)
        code = self.process.returncode
        if code < 0:
            by = signal.Signals(-code).name
            said = f"its supervisor was ended by {by}"
            return closing_line("killed", signal=by, sentence=self.starved(by) or said)
        said = f"the interpreter ended with exit code {code} before it measured"
        return closing_line("failed", rc=code, sentence=said)

    def starved(self, by: str | None) -> str:
        """The sentence for a run that the kernel ended for want of memory; empty where it did not."""
        kills = memory_kills()
        if by != "SIGKILL" or kills is None or self.memory_kills is None or kills <= self.memory_kills:
            return ""
        return "the kernel ended it, because the machine or its control group had no memory left"

    def complete(self, end: End) -> End:
        cores = len(self.cores) or os.cpu_count() or 1
        starved = self.starved(end.get("signal")) if end["why"] == "failed" else ""
        return {
            **end,
            "sentence": end.get("sentence") or starved or sentence(end, self.failed, self.spec),
            "conditions": conditions(
                self.before or Reading.now(self.cores), Reading.now(self.cores), end, cores
            ),
            "last_words": last_words(self.scratch),
        }

    async def close(self) -> None:
        """End the run if it has not ended. What it still says meanwhile is not heard."""
        if self.late:
            self.late.cancel()
        for task in self.tasks:
            task.cancel()
        self.leaving = True
        if self.paused:
            self.resume()  # a full pipe would keep the supervisor from its end
        self.stdin.close()
        await self.see_it_end()
        if self.process.returncode:  # it could not end the others; they have had their grace
            await asyncio.to_thread(end_inhabitants, self.scratch, grace_s=0, groups=self.groups)
        self.stdout.close()
        await asyncio.to_thread(remove_scratch, self.scratch)

    async def see_it_end(self) -> None:
        if not self.forget_exit and not self.gone.is_set():  # it failed before anybody watched for its exit
            self.process.kill()
            self.see_exit()
        elif not await happens(self.gone, ENDING_S):
            self.process.kill()
            await self.gone.wait()

    def end_watch(self) -> None:
        if self.forget_exit:
            self.forget_exit()
        self.forget_exit = None


async def happens(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await event.wait()
    return False


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Carry it through even where we are cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


def decode(line: bytes) -> Message | None:
    """A message; None for what the worker never finished, because it was killed within a line, and for
    what somebody else wrote into its pipe."""
    try:
        message: object = pydantic_core.from_json(line)
    except ValueError:
        return None
    return cast(Message, message) if isinstance(message, dict) and "t" in message else None


def memory_kills() -> int | None:
    """How many processes the kernel has killed for want of memory since it booted, in whatever control
    group (proc_vmstat(5), "oom_kill"); None where it does not say."""
    try:
        told = dict(line.split() for line in VMSTAT.read_text().splitlines())
        return int(told["oom_kill"])
    except (OSError, KeyError, ValueError):
        return None


def sentence(end: End, failed: Failed | None, spec: Spec) -> str:
    """Why the run ended, for its page; empty where it is done."""
    match end["why"]:
        case "done":
            return ""
        case "stopped":
            return "it was stopped"
        case "lifeline":
            return "the server let go of it"
        case "deadline":
            return f"it took longer than {spec['deadline_s']:g} s"
        case "memory":
            return f"it used more than {spec['memory_b'] / (1 << 20):.0f} MB"
    if failed:
        said = failed["kind"] in ("", failed["why"])
        return failed["why"] if said else f"{failed['kind']}: {failed['why']}"
    if end["signal"]:
        return f"the experiment was ended by {end['signal']}"
    return f"the experiment left with exit code {end['rc']} before it was done"


def closing_line(why: str, **known: Any) -> End:
    """An `end` as the supervisor would have written it, had it known no more."""
    nothing = dict.fromkeys(("rc", "signal", "machine", "cpu_s", "run_s", "delay_s"))
    return cast(End, {"t": "end", "why": why, **nothing, "killed": 0, **known})


def last_words(scratch: Path) -> str:
    """The tail of what the child printed."""
    try:
        with open(scratch / "output", "rb") as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - LAST_WORDS_B))
            return output.read().decode(errors="replace")
    except OSError:
        return ""
