"""The child's half of the wire: what is written when, and what ends a run."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.kit.child import supervisor, worker
from experiments.kit.kernel import process_tree
from experiments.kit.spec import Progress
from tests.nasty.root import build_root

ROOT = Path(__file__).parents[3]


class Round(NamedTuple):
    workers: int
    wall_s: float


class Other(NamedTuple):
    x: int


class Pipe:
    """A channel that can be read back."""

    def __init__(self):
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.channel = worker.Channel(writer)

    def read(self):
        try:
            return [json.loads(line) for line in os.read(self.reader, 1 << 16).splitlines()]
        except BlockingIOError:
            return []


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    os.close(pipe.reader)
    os.close(pipe.channel.descriptor)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def batch(pipe, clock):
    return worker.Batch(pipe.channel, 1.0, clock)


def test_the_first_row_is_due_at_once_and_the_next_after_a_second(batch, clock):
    batch.add(Progress(0.0, "warming up"))
    batch.write()
    assert not batch.is_due()
    batch.add(Round(1, 0.1))
    assert batch.is_due()
    batch.write()

    batch.add(Round(2, 0.1))
    clock.now += 0.9
    assert not batch.is_due()
    clock.now += 0.2
    assert batch.is_due()


def test_the_first_progress_is_due_at_once_though_a_row_came_before_it(batch):
    batch.add(Round(1, 0.1))
    batch.write()
    batch.add(Progress(0.0, "round 1 of 3"))
    assert batch.is_due()
    batch.write()
    batch.add(Progress(0.5, "round 2 of 3"))
    assert not batch.is_due()


def test_a_writing_has_the_rows_of_every_table_and_the_newest_progress(batch, pipe):
    for item in (Round(1, 0.5), Progress(0.1), Other(7), Round(2, 0.25), Progress(0.2, "two workers")):
        batch.add(item)
    batch.write()

    assert pipe.read() == [
        {"t": "rows", "table": "round", "rows": [[1, 0.5], [2, 0.25]]},
        {"t": "rows", "table": "other", "rows": [[7]]},
        {"t": "progress", "done": 0.2, "text": "two workers"},
    ]
    batch.write()
    assert pipe.read() == []


def test_many_rows_are_cut_into_lines_that_are_read_quickly(batch, pipe):
    for i in range(1200):
        batch.add(Other(i))
    batch.write()

    assert [len(message["rows"]) for message in pipe.read()] == [500, 500, 200]


def test_what_is_no_row_is_refused(batch):
    with pytest.raises(TypeError, match="measure yielded 5, which is neither a NamedTuple nor Progress"):
        batch.add(5)
    with pytest.raises(TypeError, match="neither"):
        batch.add((1, 2))


def write_while_being_ended(channel):
    with channel.held():
        signal.raise_signal(signal.SIGTERM)
        channel.send({"t": "progress"})


def test_sigterm_within_a_writing_waits_until_every_row_is_written(pipe):
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, pipe.channel.end)
        with pytest.raises(worker.Ending):
            write_while_being_ended(pipe.channel)
        assert pipe.read() == [{"t": "progress"}]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


TERM_WITHIN_THE_FIRST_LINE = """
import signal
from experiments.kit.child import worker

send = worker.Channel.send

def send_and_be_ended(channel, message):
    signal.raise_signal(signal.SIGTERM)
    send(channel, message)

worker.Channel.send = send_and_be_ended
print(worker.run({"experiment": "threads.race", "params": {}}, worker.Channel(1))["done"])
"""


def test_sigterm_within_the_first_word_waits_until_it_is_said():
    script = [sys.executable, "-c", TERM_WITHIN_THE_FIRST_LINE]
    ended = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    hello, done = ended.stdout.splitlines()
    assert (json.loads(hello)["t"], done) == ("hello", "False")


def test_sigterm_outside_of_a_writing_ends_at_once(pipe):
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, pipe.channel.end)
        with pytest.raises(worker.Ending):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


# The whole worker


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
def begin(root):
    """Start a worker with a spec and leave its stdin open."""
    processes = []

    def start(experiment, **spec):
        process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-m", "experiments.kit.child.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=root,
            bufsize=0,
        )
        processes.append(process)
        if experiment:
            line = {"experiment": f"nasty.{experiment}", "params": {}} | spec
            process.stdin.write(f"{json.dumps(line)}\n".encode())
        return process

    yield start
    for process in processes:
        with process:
            process.stdin.close()


def messages(process):
    return [json.loads(line) for line in process.stdout if line.strip()]


def next_message(process):
    line = b"\n"
    while line == b"\n":
        line = process.stdout.readline()
    return json.loads(line)


def test_a_worker_that_is_told_nothing_leaves_quietly(begin):
    process = begin(None)
    process.stdin.close()

    assert messages(process) == []
    assert process.wait() == 0


END = {
    *("t", "why", "rc", "signal", "cpu_s", "killed", "machine", "run_s", "delay_s"),
    *("rested_s", "rested_busy_s", "rested_steal_s", "throttled"),
}


def test_the_closing_line_comes_last_and_says_what_the_run_used(begin):
    *_, end = messages(begin("facts", params={"burn_s": 0.1}))

    assert set(end) == END
    assert end["why"] == "done"
    assert end["cpu_s"] >= 0.1


@pytest.mark.parametrize("why", ["lifeline", "stopped", "deadline"])
def test_an_ending_says_what_it_came_from(begin, why):
    process = begin("counting", params={"n": 2, "pause_s": 60}, deadline_s=0.1 if why == "deadline" else 50)
    assert next_message(process)["t"] == "hello"
    if why == "lifeline":
        process.stdin.close()
    elif why == "stopped":
        process.stdin.write(b"stop\n")

    end = messages(process)[-1]
    assert end["why"] == why
    assert set(end) == END


def test_sigterm_to_the_supervisor_stops_the_run(begin):
    process = begin("counting", params={"n": 2, "pause_s": 60})
    next_message(process)
    process.terminate()

    assert messages(process)[-1]["why"] == "stopped"


def test_a_stop_right_behind_the_spec_is_not_lost(begin):
    spec = json.dumps({"experiment": "nasty.counting", "params": {"n": 2, "pause_s": 60}})
    process = begin(None)
    process.stdin.write(f"{spec}\nstop\n".encode())

    end = messages(process)[-1]
    assert (end["why"], end["killed"]) == ("stopped", 0)


def test_the_measuring_process_dies_with_its_supervisor(begin):
    process = begin("counting", params={"n": 2, "pause_s": 60})
    descriptor = os.pidfd_open(next_message(process)["pid"])
    process.kill()

    assert select.select([descriptor], [], [], 10)[0]
    os.close(descriptor)


@pytest.mark.measured
def test_the_experiment_rests_after_a_writing_unless_it_is_continuous(begin):
    resting = begin("counting", params={"n": 2})
    times = [time.monotonic() for line in resting.stdout if b'"rows"' in line]

    assert times[1] - times[0] >= worker.REST_S * 0.9


@pytest.mark.measured
def test_what_the_subjects_ran_and_waited_is_told(begin):
    *_, end = messages(begin("subjects"))

    assert end["run_s"] >= 0.05
    assert end["delay_s"] > 0


def test_output_that_runs_wild_is_cut(monkeypatch, tmp_path):
    saved = os.dup(2)
    output = tmp_path / "output"
    try:
        with open(output, "ab") as file:
            os.dup2(file.fileno(), 2)
        monkeypatch.setattr(supervisor, "OUTPUT_B", 10)
        os.write(2, b"0123456789")
        supervisor.cut_output()
        assert output.read_bytes() == b"0123456789"
        os.write(2, b"a")
        supervisor.cut_output()
        os.write(2, b"new")
        assert output.read_bytes() == b"new"
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def test_memory_is_read_of_the_whole_family():
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout.readline() == b"here\n"
        assert child.pid in list(process_tree.family(os.getpid()))
        assert child.pid in process_tree.members(os.getpid(), session=-1)
        assert 1 << 20 < process_tree.proportional_b(child.pid) <= process_tree.resident_b(child.pid)
    assert process_tree.resident_b(child.pid) == 0
    assert child.pid not in process_tree.members(os.getpid(), session=-1)


def test_a_look_at_a_vanished_process_finds_nothing():
    assert process_tree.read("/proc/0/stat") == b""
    assert not process_tree.is_tracker(0)
    assert list(process_tree.family(0)) == [0]


def test_a_closing_line_that_nobody_reads_is_no_failure():
    reader, writer = os.pipe()
    os.close(reader)
    supervisor.write_line(writer, {"t": "end"})
    os.close(writer)


@pytest.mark.measured
def test_nobody_to_end_is_ended_at_once():
    begun = time.monotonic()

    assert process_tree.end_all(list) == 0
    assert time.monotonic() - begun < process_tree.TRACKERS_S


def test_the_nasty_chapter_is_found_beside_the_real_kit(root):
    assert Path(root / "experiments/kit/child/worker.py").samefile(worker.__file__)
