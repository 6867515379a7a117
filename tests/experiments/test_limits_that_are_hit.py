"""A limit of the system that a run meets is a sentence, and never a traceback or a wait."""

import sys
import threading

import pytest

from app.system.interpreters import Interpreter, default
from experiments.kit.child.worker import failure
from experiments.kit.kernel import limits
from experiments.kit.kernel.limits import FILES, MEMORY, PROCESSES, THREADS, LimitHit
from experiments.kit.subjects import subjects
from experiments.kit.subjects.subjects import Group, in_threads
from tests.experiments.measured import measured
from tests.experiments.small import SMALL


def meet(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), MEMORY),
        (RuntimeError("can't start new thread"), THREADS),
        (OSError(12, "Cannot allocate memory"), MEMORY),
        (OSError(24, "Too many open files"), FILES),
    ],
)
def test_a_limit_that_a_subject_meets_is_its_answer(error, sentence, capfd):
    with Group() as group:
        worker = group.worker(lambda: meet(error), name="the subject")
        worker.ask()
        with pytest.raises(LimitHit) as told:
            worker.answer()
        worker.ask()  # it lives on
        with pytest.raises(LimitHit):
            worker.answer()
    assert str(told.value) == sentence
    assert capfd.readouterr().err == ""
    assert failure(told.value) == {"t": "failed", "why": sentence, "kind": "", "traceback": ""}
    assert failure(error)["why"] == sentence


def test_an_error_that_is_no_limit_keeps_its_traceback(capfd):
    with Group() as group:
        worker = group.worker(lambda: meet(RuntimeError("a mistake of ours")), name="the subject")
        worker.ask()
        with pytest.raises(subjects.SubjectDied):
            worker.answer()
    assert "a mistake of ours" in capfd.readouterr().err
    assert failure(RuntimeError("a mistake of ours"))["traceback"]


def test_processes_that_may_not_be_made_are_told_and_leave_no_pipe_open(monkeypatch):
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(limits.os, "fork", refuse)
    opened = []
    for make in (lambda group: group.worker(print), lambda group: group.fork(print)):
        with Group() as group, pytest.raises(LimitHit) as told:
            make(group)
        opened.append(len(list(subjects.os.scandir("/proc/self/fd"))))
        assert str(told.value) == PROCESSES
    assert opened[0] == opened[1]


def test_threads_that_cannot_all_be_started_do_not_wait_for_each_other(monkeypatch):
    start, started = threading.Thread.start, []

    def start_two(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        in_threads(lambda: None, [()] * 4)
    for thread in started:
        thread.join(10)
    assert [thread.is_alive() for thread in started] == [False, False]


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ("-v 300000", "memory.layout"),
        ("-v 300000", "threads.scaling"),
        ("-i 0", "io_models.five_models"),
        ("-n 64", "io_models.readiness"),
        ("-n 24", "ipc.channels"),
    ],
)
def test_a_run_within_a_limit_ends_in_a_result_or_a_sentence(limit, name, tmp_path):
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nulimit {limit}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    own = default()
    python = Interpreter("limited", str(program), own.version, own.implementation, own.gil)
    end = measured(name, python=python, **SMALL[name]).messages[-1]
    assert end["why"] in ("done", "failed"), end
    assert "Traceback" not in end["last_words"]
    assert "Error" not in end["sentence"].partition(" ")[0]


@pytest.mark.parametrize("error", [FileNotFoundError, ProcessLookupError])
def test_a_process_that_ends_while_it_is_looked_at_is_a_sentence(error):
    told = failure(error(2, "No such file or directory", "/proc/4185/exe"))
    assert (told["why"], told["kind"]) == ("process 4185 ended while it was looked at", "")
    assert failure(error(2, "No such file or directory", "/proc/uptime"))["kind"] == error.__name__
