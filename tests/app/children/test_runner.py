"""However a run ends, it says why, and nothing is left of it."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import aclosing, contextmanager
from pathlib import Path

import psutil
import pytest

from app.children import runner
from app.children.runner import CannotStart, Child, Spare, decode, run_child, start
from app.children.scratch import scratch_root, sweep_scratch
from app.system.interpreters import Interpreter, default, find
from tests.nasty.root import build_root
from tests.sessions import alive

SHARED = Path("/dev/shm")
MB = 1 << 20


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(autouse=True)
def shared_objects_stay_as_they_were():
    before = shared_objects()
    yield
    new, until = shared_objects() - before, time.monotonic() + 20
    while new & shared_objects() and time.monotonic() < until:
        time.sleep(0.05)  # those of other tests come and go
    assert not new & shared_objects()


def shared_objects():
    return {path.name for path in SHARED.iterdir() if path.name.startswith(("psm_", "sem.mp"))}


@pytest.fixture
def run(root):
    """Run a nasty experiment; all its messages."""

    def begin(name, params=None, **options):
        options = {"python": default(), "deadline_s": 60, "memory_b": 512 * MB, "root": root} | options
        return run_child(f"nasty.{name}", params or {}, **options)

    return begin


async def collect(messages):
    return [message async for message in messages]


def rows(messages):
    return [row for message in messages if message["t"] == "rows" for row in message["rows"]]


class Witness:
    """Watches processes by descriptors, so that a reused pid deceives nobody."""

    def __init__(self, *pids):
        self.descriptors = [os.pidfd_open(pid) for pid in pids]

    def all_gone(self, within_s=0.0):
        gone = all(select.select([fd], [], [], within_s)[0] for fd in self.descriptors)
        for descriptor in self.descriptors:
            os.close(descriptor)
        return gone


def supervisor_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def a_living_family(messages, method="fork"):
    """Follow a family until all are born: its hello, and a witness of every member."""
    members = {}
    async for message in messages:
        if message["t"] == "hello":
            hello = message
        if message["t"] == "rows":
            members |= dict(message["rows"])
        if "escaped" in members:
            break
    pids = [pid for pid in members.values() if pid]
    return hello, Witness(*pids, supervisor_of(hello["pid"]))


# Going well


async def test_a_run_says_hello_yields_its_rows_and_ends(run):
    messages = await collect(run("counting", {"n": 3}))

    kinds = [message["t"] for message in messages]
    assert kinds == ["hello", "rows", "progress", "rows", "progress", "end"]
    assert rows(messages) == [[0, 0.0], [1, 0.5], [2, 1.0]]
    assert messages[0]["machine"]["python"] == default().version
    end = messages[-1]
    assert (end["why"], end["rc"], end["signal"], end["sentence"]) == ("done", 0, None, "")
    assert end["machine"]["gil"] == messages[0]["machine"]["gil"]
    assert end["killed"] == 0
    assert end["last_words"] == ""


async def test_numbers_that_json_lacks_become_null(run):
    messages = await collect(run("odd"))

    assert rows(messages) == [["nan", None], ["infinity", None], ["half", 0.5]]


async def test_the_measuring_process_leads_a_session_in_a_room_of_its_own(run):
    facts = dict(rows(await collect(run("facts"))))

    assert facts["session"] == "True"
    assert facts["stdin"] == "/dev/null"
    assert facts["core file"] == "0"
    assert facts["cwd"] == facts["tmp"]
    assert Path(facts["cwd"]).parent == scratch_root()
    assert not list_own_rooms()


async def test_a_server_that_is_pinned_or_niced_later_does_not_pin_or_nice_what_is_measured(root):
    script = f"""
import asyncio, os
from pathlib import Path
from app.system.interpreters import default
from app.children.runner import run_child
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.nice(5)
async def main():
    facts = run_child("nasty.facts", {{}}, python=default(), deadline_s=60, memory_b=1 << 29,
                      root=Path({str(root)!r}))
    async for message in facts:
        if message["t"] == "rows":
            for name, value in message["rows"]:
                print(name, value)
asyncio.run(main())
"""
    answer = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    facts = dict(line.split(" ", 1) for line in answer.stdout.splitlines())

    assert int(facts["cores"]) == len(os.sched_getaffinity(0))  # as the server was started
    if os.getuid() == 0:  # others may only become nicer
        assert int(facts["nice"]) == os.getpriority(os.PRIO_PROCESS, 0)


async def test_a_room_can_be_given_and_is_removed_too(run, tmp_path):
    scratch = tmp_path / "scratch"

    facts = dict(rows(await collect(run("facts", scratch=scratch))))

    assert facts["cwd"] == str(scratch)
    assert not scratch.exists()


async def test_what_is_printed_reaches_the_last_words_and_never_the_rows(run):
    messages = await collect(run("loud", {"size_b": MB}))

    assert rows(messages) == [[MB]]
    assert messages[-1]["why"] == "done"
    assert messages[-1]["last_words"].endswith("e\nfrom a child\n")
    assert len(messages[-1]["last_words"]) == 4000


async def test_messages_wait_in_the_pipe_until_somebody_asks_for_them(root):
    async with Child(start(default(), root=root), MANY_ROWS) as child:
        await until_nobody_asks(child)
        waiting = len(child.messages)
        told = [await child.next()]
        while told[-1]["t"] != "end":
            told.append(await child.next())

    assert waiting < 100  # 500 rows each
    assert len(rows(told)) == 200_000
    assert told[-1]["why"] == "done"


async def test_a_full_pipe_does_not_keep_a_run_from_its_end(root):
    async with Child(start(default(), root=root), MANY_ROWS) as child:
        await until_nobody_asks(child)

    assert child.process.returncode == 0  # the supervisor had its say, and was not killed


MANY_ROWS = {"experiment": "nasty.counting", "params": {"n": 200_000}, "deadline_s": 20}


async def until_nobody_asks(child):
    while not child.paused:
        child.news.clear()
        await child.news.wait()


@pytest.mark.measured
async def test_the_event_loop_goes_on_while_a_child_measures(run):
    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beats = 0
    heart = asyncio.create_task(beat())
    await collect(run("counting", {"n": 2, "pause_s": 0.2}))
    heart.cancel()

    assert beats > 10


@pytest.mark.measured
async def test_conditions_tell_the_cpu_of_the_run_from_that_of_others(run):
    with hog():
        *_, end = await collect(run("facts", {"burn_s": 1.0}))

    assert set(end["conditions"]) == {
        "foreign_cpu",
        "run_delay",
        "steal",
        "own_cpu",
        "throttled",
    }
    assert 1.0 <= end["cpu_s"] < 1.5
    assert end["conditions"]["foreign_cpu"] > 0.3 / (os.cpu_count() or 1)
    assert 0 <= end["conditions"]["own_cpu"] < 0.3
    assert end["conditions"]["run_delay"] is None  # it has no subjects that could tell


async def test_foreign_cpu_is_looked_for_on_the_cores_of_the_run_and_on_no_others(run, monkeypatch):
    asked, Reading = [], runner.Reading

    class Spy(Reading):
        @classmethod
        def now(cls, cores=()):
            asked.append(list(cores))
            return Reading(time.monotonic(), None, None, 0.0)

    monkeypatch.setattr(runner, "Reading", Spy)
    *_, end = await collect(run("facts", {}))

    assert asked[-2:] == [end["machine"]["core_ids"]] * 2
    assert (end["conditions"]["foreign_cpu"], end["conditions"]["steal"]) == (None, None)


@contextmanager
def hog():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield
        process.kill()


# Going wrong


@pytest.mark.parametrize(
    ("how", "sentence", "last_words"),
    [
        ("raise", "ZeroDivisionError: division by zero", ""),
        ("yield nonsense", "TypeError: measure yielded 'yield nonsense', which is neither", ""),
        ("sys.exit", "SystemExit: 3", ""),
        ("os._exit", "the experiment left with exit code 3 before it was done", ""),
        ("os._exit(0)", "the experiment left with exit code 0 before it was done", ""),
        ("segfault", "the experiment was ended by SIGSEGV", "Segmentation fault"),
        ("kill -9", "the experiment was ended by SIGKILL", ""),
    ],
)
async def test_an_experiment_that_breaks_keeps_its_rows_and_says_why(run, how, sentence, last_words):
    messages = await collect(run("ending", {"how": how}))

    end = messages[-1]
    assert len(rows(messages)) == 1
    assert end["why"] == "failed"
    assert end["sentence"].startswith(sentence)
    assert "these are my last words" in end["last_words"]
    assert last_words in end["last_words"]


async def test_an_exception_comes_with_its_traceback(run):
    messages = await collect(run("ending", {"how": "raise"}))

    (failed,) = (message for message in messages if message["t"] == "failed")
    assert (failed["kind"], failed["why"]) == ("ZeroDivisionError", "division by zero")
    assert "in divide" in failed["traceback"]


async def test_an_unknown_experiment_is_a_failed_run(run):
    end = (await collect(run("missing")))[-1]

    assert end["why"] == "failed"
    assert end["sentence"] == "ModuleNotFoundError: No module named 'experiments.nasty.missing'"


async def test_a_thread_left_behind_does_not_hold_a_run_that_is_done(run):
    messages = await collect(run("ending", {"how": "a thread left behind", "stuck": True}))

    assert messages[-1]["why"] == "done"
    assert len(rows(messages)) == 2


async def test_a_run_that_takes_too_long_is_ended(run):
    end = (await collect(run("counting", {"n": 3, "pause_s": 60}, deadline_s=0.3)))[-1]

    assert end["why"] == "deadline"
    assert end["sentence"] == "it took longer than 0.3 s"


async def test_a_run_that_takes_too_much_memory_is_ended(run):
    end = (await collect(run("hungry", {"size_b": 200 * MB}, memory_b=100 * MB)))[-1]

    assert end["why"] == "memory"
    assert end["sentence"] == "it used more than 100 MB"


async def test_memory_is_counted_over_the_whole_family_but_shared_pages_only_once(run):
    params = {"size_b": 60 * MB, "children": 4, "seconds": 1.5}
    end = (await collect(run("hungry", params, memory_b=150 * MB)))[-1]

    assert end["why"] == "done"


async def test_an_interpreter_that_is_not_there_is_a_failed_run(run):
    nowhere = Interpreter("cpython-9.9", "/nowhere/python", "9.9", "CPython", True)

    messages = await collect(run("counting", python=nowhere))

    assert [message["why"] for message in messages] == ["failed"]
    assert messages[0]["sentence"] == "cpython-9.9 could not be started: No such file or directory"
    with pytest.raises(CannotStart):
        start(nowhere)
    assert not list_own_rooms()


async def test_an_interpreter_that_breaks_before_it_measures_is_a_failed_run(run):
    broken = Interpreter("broken", "/bin/false", "9.9", "CPython", True)

    (end,) = await collect(run("counting", python=broken))

    assert end["why"] == "failed"
    assert end["sentence"] == "the interpreter ended with exit code 1 before it measured"


# Ending


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_closing_the_generator_ends_the_whole_family(run, method):
    messages = run("family", {"method": method})
    async with aclosing(messages):
        _, witness = await a_living_family(messages)

    assert witness.all_gone()
    assert not list_own_rooms()


async def test_a_leader_that_ignores_sigterm_is_killed(run):
    messages = run("family", {"stubborn": True})
    async with aclosing(messages):
        _, witness = await a_living_family(messages)

    assert witness.all_gone()


async def test_an_experiment_that_leaves_does_not_leave_its_family(run):
    messages = await collect(run("family", {"lasting": False}))

    pids = {pid for _, pid in rows(messages) if pid}
    assert len(pids) == 5
    assert messages[-1]["killed"] >= 1  # the one that ignores SIGTERM
    assert not pids & set(psutil.pids())


@pytest.mark.parametrize("hoppers", [1, 3, 10, 30])
async def test_who_forks_faster_than_we_look_is_ended_too(run, hoppers):
    messages = run("hopping", {"hoppers": hoppers})
    async with aclosing(messages):
        hello = await anext(messages)
        await anext(messages)

    assert_that_nobody_is_left(hello["pid"])


async def test_they_are_ended_where_their_supervisor_cannot(run):
    messages = run("hopping", {"hoppers": 30})
    async with aclosing(messages):
        hello = await anext(messages)
        await anext(messages)
        os.kill(supervisor_of(hello["pid"]), signal.SIGSTOP)

    assert_that_nobody_is_left(hello["pid"])


async def test_whom_to_end_is_known_before_anybody_asks_for_the_first_message(root):
    async with Child(start(default(), root=root), MANY_ROWS) as child:
        await until_nobody_asks(child)
        assert child.groups == {child.messages[0]["pid"]}


def assert_that_nobody_is_left(session):
    assert not any(alive(session) for _ in range(20))  # one look misses who hops meanwhile


def wait_for(mark):
    while not mark.exists():
        time.sleep(0.01)


async def test_stopping_still_yields_the_last_rows_and_lets_the_experiment_clean_up(run, tmp_path):
    mark, stop = tmp_path / "mark", asyncio.Event()
    told = asyncio.create_task(collect(run("tidy", {"mark": str(mark)}, stop=stop)))
    await asyncio.to_thread(wait_for, mark)
    stop.set()
    messages = await told

    assert rows(messages) == [[1], [2], [3]]
    assert (messages[-1]["why"], messages[-1]["sentence"]) == ("stopped", "it was stopped")
    assert messages[-1]["machine"]
    assert not mark.exists()


async def test_a_stop_before_the_first_word_ends_the_run(run):
    stop = asyncio.Event()
    stop.set()

    messages = await collect(run("counting", {"n": 3, "pause_s": 60}, stop=stop))

    assert messages[-1]["why"] == "stopped"


async def test_cancelling_who_follows_a_run_ends_the_run(run):
    witness = asyncio.get_running_loop().create_future()

    async def follow():
        messages = run("family")
        async with aclosing(messages):
            witness.set_result((await a_living_family(messages))[1])
            await collect(messages)

    task = asyncio.create_task(follow())
    await witness
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert witness.result().all_gone()
    assert not list_own_rooms()


async def test_a_killed_supervisor_leaves_nobody_behind(run):
    messages = run("family")
    hello, witness = await a_living_family(messages)
    os.kill(supervisor_of(hello["pid"]), signal.SIGKILL)
    end = (await collect(messages))[-1]

    assert (end["why"], end["signal"]) == ("killed", "SIGKILL")
    assert end["sentence"] == "its supervisor was ended by SIGKILL"
    assert witness.all_gone()
    assert not list_own_rooms()


async def test_a_supervisor_that_hangs_is_not_waited_for(run):
    messages = run("family")
    async with aclosing(messages):
        hello, witness = await a_living_family(messages)
        os.kill(supervisor_of(hello["pid"]), signal.SIGSTOP)

    assert witness.all_gone()


def list_own_rooms():
    return rooms_of(os.getpid())


def rooms_of(pid):
    return [scratch for scratch in scratch_root().iterdir() if scratch.name.startswith(f"{pid}-")]


SERVER = """
import asyncio, json, sys
from pathlib import Path
from app.system.interpreters import default
from app.children.runner import run_child
async def main():
    family = run_child("nasty.family", {}, python=default(), deadline_s=60, memory_b=1 << 29,
                       root=Path(sys.argv[1]))
    async for message in family:
        print(json.dumps(message), flush=True)
asyncio.run(main())
"""


def serve(root):
    return subprocess.Popen([sys.executable, "-c", SERVER, str(root)], stdout=subprocess.PIPE)


async def a_server_with_a_family(root):
    server = serve(root)

    async def messages():
        while line := await asyncio.to_thread(server.stdout.readline):
            yield json.loads(line)

    hello, witness = await a_living_family(messages())
    return server, hello, witness


async def test_a_killed_server_takes_its_run_with_it_and_the_next_one_sweeps_the_room(root):
    server, _, witness = await a_server_with_a_family(root)
    with server:
        server.kill()

    assert witness.all_gone(within_s=10)
    assert rooms_of(server.pid)
    sweep_scratch()
    assert not rooms_of(server.pid)


async def test_who_outlives_server_and_supervisor_is_swept_with_the_room(root):
    server, hello, witness = await a_server_with_a_family(root)
    supervisor = supervisor_of(hello["pid"])
    os.kill(supervisor, signal.SIGSTOP)
    with server:
        server.kill()
    os.kill(supervisor, signal.SIGKILL)
    sweep_scratch()

    assert witness.all_gone(within_s=10)
    assert not rooms_of(server.pid)


# A spare


@pytest.fixture
def spare(root, monkeypatch):
    monkeypatch.setattr("app.children.runner.library", lambda: root)
    spare = Spare()
    yield spare
    spare.close()


async def test_a_spare_serves_one_run(run, spare):
    spare.prepare(default())
    prepared = spare.started

    first = await collect(run("facts", spare=spare))
    second = await collect(run("facts", spare=spare))

    assert dict(rows(first))["cwd"] == str(prepared.scratch)
    assert dict(rows(second))["cwd"] != str(prepared.scratch)
    assert [first[-1]["why"], second[-1]["why"]] == ["done", "done"]
    assert not list_own_rooms()


async def test_a_spare_of_another_kind_or_a_dead_one_is_not_taken(spare):
    spare.prepare(default())
    other = Interpreter("other", sys.executable, "9.9", "CPython", True)
    assert spare.take(other) is None

    spare.started.process.kill()
    spare.started.process.wait()
    assert spare.take(default()) is None


async def test_a_closed_spare_leaves_nothing(spare):
    spare.prepare(default())
    witness = Witness(spare.started.process.pid)
    spare.close()

    assert witness.all_gone()
    assert not list_own_rooms()


# Any interpreter


@pytest.mark.parametrize("python", find().values(), ids=find())
async def test_every_interpreter_here_runs_an_experiment(run, python):
    messages = await collect(run("counting", python=python))

    assert messages[0]["machine"]["gil"] == messages[-1]["machine"]["gil"] == python.gil
    assert messages[0]["machine"]["implementation"] == python.implementation
    assert rows(messages) == [[0, 0.0], [1, 0.5], [2, 1.0]]
    assert messages[-1]["why"] == "done"


async def test_where_the_modules_cannot_be_written_beside_compiled_ones_are_kept_elsewhere(
    run, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "kit" and access(path, mode))
    messages = await collect(run("counting"))

    assert messages[-1]["why"] == "done"
    assert {path.name.partition(".")[0] for path in tmp_path.rglob("*.pyc")} >= {"spec", "counting"}


def test_a_line_that_was_torn_by_a_kill_is_no_message():
    assert decode(b'{"t":"rows","table":"ro') is None
    assert decode(b"") is None
    assert decode(b'{"t":"hello"}') == {"t": "hello"}
