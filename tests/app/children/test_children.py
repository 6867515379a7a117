"""What a child needs of the system is tried, and what was acquired for it is released whatever happens."""

import errno
import json
import os
import subprocess
import sys
from contextlib import aclosing

import pytest

from app.children.runner import Spare, decode, run_child
from app.children.scratch import scratch_root
from app.cli.server import serve
from app.ground.settings import Settings
from app.main import build, live
from app.storage.store import Store
from app.system.interpreters import default
from experiments.kit.spec import names
from experiments.memory.layout import stack_limit_mib, told_stack_limit_mib
from tests.experiments.kit.denied import ROOT, run_denied, under_refusal
from tests.lacking import environment, make_python
from tests.nasty.root import build_root

PIDFD_OPEN = 434  # the same number on every architecture
CALLS = {
    "x86_64": {"waitid": 247, "setsid": 112, "prlimit64": 302, "getrusage": 98, "getpriority": 140},
    "aarch64": {"waitid": 95, "setsid": 157, "prlimit64": 261, "getrusage": 165, "getpriority": 141},
}.get(os.uname().machine, {})

MANNERS = ["setsid", "prlimit64", "getrusage", "getpriority"]

RUN = """
import asyncio, json, os, sys
from contextlib import aclosing
from pathlib import Path
from app.system.interpreters import default
from app.children.runner import run_child

async def main():
    options = dict(python=default(), deadline_s=60, memory_b=1 << 29, root=Path(sys.argv[1]))
    ends = [message async for message in run_child("nasty.counting", {"n": 2}, **options)][-1:]
    async with aclosing(run_child("nasty.counting", {"n": 2, "pause_s": 60}, **options)) as broken_off:
        ends.append(await anext(broken_off))
    with open(f"/proc/self/task/{os.getpid()}/children") as left:
        print(json.dumps([ends[0]["why"], ends[0]["sentence"], ends[1]["t"], left.read().split()]))
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


def answer_of(command, **options):
    options = {"cwd": ROOT, "capture_output": True, "text": True, "check": False, "timeout": 60} | options
    done = subprocess.run(command, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


# An optional function of `os`, or of the kernel


@pytest.mark.parametrize(
    "names",
    [["os.pidfd_open"], ["os.pidfd_open", "os.waitid"], ["os.sched_setaffinity", "os.sched_getaffinity"]],
    ids=" ".join,
)
def test_an_optional_function_of_os_is_not_needed_to_run_and_to_end(root, tmp_path, names):
    python = make_python(tmp_path / "venv", *names)

    assert answer_of([python, "-c", RUN, str(root)], env=environment()) == ["done", "", "hello", []]


@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.EPERM], ids=errno.errorcode.get)
@pytest.mark.parametrize(
    "others", [[], ["waitid"], ["setsid", "prlimit64", "getrusage", "getpriority"]], ids=str
)
def test_a_refused_optional_call_is_not_needed_to_run_and_to_end(root, refusal, others):
    if not set(others) <= CALLS.keys():
        pytest.skip(f"the numbers of calls on {os.uname().machine} are not known here")
    calls = [PIDFD_OPEN, *(CALLS[name] for name in others)]
    command = under_refusal([sys.executable, "-c", RUN, str(root)], refusal, calls)

    assert answer_of(command) == ["done", "", "hello", []]


def test_the_doctor_names_what_is_missing_and_what_stands_in(root, tmp_path):
    python = make_python(tmp_path / "venv", "os.pidfd_open")
    script = (
        "import json; from app.cli import doctor; print(json.dumps([f.says for f in doctor.substitutes()]))"
    )
    assert answer_of([python, "-c", script], env=environment()) == [
        "this Python has no os.pidfd_open: a thread waits for the end of each run instead"
    ]
    refused = under_refusal([sys.executable, "-c", script], errno.ENOSYS, [PIDFD_OPEN])
    assert answer_of(refused)[0].startswith(
        "this system refuses pidfd_open (Function not implemented): a thread"
    )
    assert answer_of([sys.executable, "-c", script]) == []


@pytest.mark.parametrize("memory", ["None", "256 << 20", "64 << 30"])
def test_a_small_machine_is_no_mistake_in_a_file(memory):
    script = (
        f"from experiments.kit.kernel import machine; machine.memory = machine.available = lambda: {memory}\n"
        "from experiments.kit.spec import load_all; print(len(load_all()))"
    )
    assert answer_of([sys.executable, "-c", script]) == len(names())


def test_the_limit_of_a_stack_is_known_where_asking_for_it_is_refused():
    script = "from experiments.memory.layout import stack_limit_mib; print(stack_limit_mib())"
    assert str(stack_limit_mib()) == str(told_stack_limit_mib())
    if "prlimit64" not in CALLS:
        pytest.skip("the number of prlimit64 is not known here")
    assert run_denied(script, calls=[CALLS["prlimit64"]]) == f"{stack_limit_mib()}\n"


# What is acquired before the `async with`


class Broken(Exception):
    """Injected."""


def breaks(*_, **__):
    raise Broken


def held():
    """Descriptors, children and scratch folders of this process."""
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        own = [path.name for path in scratch_root().iterdir() if path.name.startswith(f"{os.getpid()}-")]
        return set(os.listdir("/proc/self/fd")), children.read().split(), own


@pytest.mark.parametrize(
    "place",
    [
        "app.children.runner.Reading.now",
        "app.children.runner.os.set_blocking",
        "asyncio.SelectorEventLoop.add_reader",
        "app.children.runner.watch_exit",
        "asyncio.SelectorEventLoop.call_later",
        "app.children.runner.json.dumps",
        "app.children.runner.Child.tell",
        "app.children.runner.launch",
        "app.children.runner.keep_compiled",
        "app.children.runner.restore_limit",
        "subprocess.Popen",
    ],
)
async def test_what_was_started_is_ended_where_the_way_into_the_with_fails(root, monkeypatch, place):
    before = held()
    with monkeypatch.context() as patch:
        patch.setattr(place, breaks)
        with pytest.raises(Broken):
            await follow(root)

    assert held() == before


async def follow(root):
    messages = run_child("nasty.counting", {}, python=default(), deadline_s=20, memory_b=1 << 29, root=root)
    async with aclosing(messages):
        return [message async for message in messages]


@pytest.mark.parametrize(
    "place",
    ["app.children.runner.launch", "app.children.runner.keep_compiled", "app.children.runner.library"],
)
def test_a_spare_that_cannot_be_started_leaves_nothing_and_ends_nobody(root, monkeypatch, caplog, place):
    before, spare = held(), Spare()
    with monkeypatch.context() as patch:
        patch.setattr(place, breaks)
        spare.prepare(default())

    assert spare.take(default()) is None
    assert held() == before
    assert "no spare" in caplog.text


@pytest.mark.parametrize("place", ["last_write_at", "Disk", "threading.Thread.start"])
def test_a_history_that_cannot_be_opened_whole_is_let_go(tmp_path, monkeypatch, place):
    before, path = held(), tmp_path / "runs.sqlite3"
    with monkeypatch.context() as patch:
        patch.setattr(f"app.storage.store.{place}", breaks)
        with pytest.raises(Broken):
            Store(path)

    assert held() == before
    Store(path).close()  # nobody claims it


@pytest.mark.parametrize("place", ["accepts_wal", "migrate"])
def test_a_file_that_cannot_be_prepared_is_closed(tmp_path, monkeypatch, place):
    before = held()
    with monkeypatch.context() as patch:
        patch.setattr(f"app.storage.writer.{place}", breaks)
        with pytest.raises(Broken):
            Store(tmp_path / "runs.sqlite3")

    assert held() == before


@pytest.mark.parametrize("place", ["app.main.assemble", "app.cli.server.create_app"])
def test_an_app_that_cannot_be_built_holds_no_address_and_no_history(tmp_path, monkeypatch, place):
    before = held()
    with monkeypatch.context() as patch:
        patch.setattr(place, breaks)
        with pytest.raises(Broken):
            serve(Settings(data=tmp_path, cache=tmp_path, port=0), browse=False)

    assert held() == before


@pytest.mark.parametrize("place", ["Store.recover", "sweep_scratch", "Bench.start"])
async def test_an_app_that_cannot_start_lets_go_of_its_history(tmp_path, monkeypatch, place):
    before = held()
    monkeypatch.setattr(f"app.main.{place}", breaks)
    app = build(Settings(data=tmp_path, cache=tmp_path))
    with pytest.raises(Broken):
        async with live(app):
            pass

    assert held() == before


# The surroundings of a child


@pytest.mark.parametrize("mask", ["0o777", "0o700", "0o077"])
def test_a_run_is_measured_and_kept_whatever_the_umask_is(tmp_path, mask):
    options = ["--preset", "quick", "--data", tmp_path / "data"]
    command = [sys.executable, "-m", "app.cli", "run", "memory.layout", *options]
    done = subprocess.run(
        [sys.executable, "-c", UMASK.format(mask=mask), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "kept as run" in done.stderr
    assert (tmp_path / "data" / "oscope.sqlite3").stat().st_mode & 0o700 == 0o600


UMASK = "import os, sys; os.umask({mask}); os.execv(sys.argv[1], sys.argv[1:])"


def test_where_no_room_can_be_had_one_sentence_says_so(tmp_path):
    nowhere = dict.fromkeys(("XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "HOME"), "/proc/nowhere")
    (tmp_path / f"oscope-{os.getuid()}").touch()
    command = [sys.executable, "-m", "app.cli", "run", "memory.layout", "--data", tmp_path]
    env = os.environ | nowhere | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 3
    assert done.stderr.startswith("nothing was measured: there is no place for temporary files: ")
    assert "Traceback" not in done.stderr


def test_what_somebody_else_writes_into_the_pipe_is_no_message():
    for line in (b"5", b"null", b'"t"', b"[1]", b"{}", b'{"r": 1}', b"{"):
        assert decode(line) is None
