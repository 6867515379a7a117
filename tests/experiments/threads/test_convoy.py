import dataclasses
import math
import os
import re
import socket
import threading
from itertools import pairwise

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.kernel.clock import now_ns
from experiments.kit.spec import load
from experiments.threads import convoy
from experiments.threads._convoy.echo import NUMBER, STOP, ask, calls_for, one_call, schedule
from experiments.threads.convoy import Arm, Echo, Part, Sweep, cost, gap_s, plan, verdict
from tests.traced import strace

PARAMS = {"hogs": 1, "interval": 5, "call": 20}
QUICK_MS = [0.09, 0.1, 0.1, 0.11, 0.1, 0.12, 0.1, 0.1]
LATE_MS = [5.1, 5.2, 5.3, 5.1, 5.4, 5.2, 9.8, 5.3]
TOOK_MS = {
    "nobody": QUICK_MS,
    "python": LATE_MS,
    "small hash": LATE_MS,
    "long call": [20 + ms for ms in LATE_MS],
    "large hash": QUICK_MS,
    "process": QUICK_MS,
}


def record_of(took_ms=(), gil=True, busy=0.97, sweep=True, call_ms=20.0, **params) -> Record:
    rows: list[tuple] = [
        Echo(beside, None if math.isinf(ms) else ms / 1000)
        for beside, values in (TOOK_MS | dict(took_ms)).items()
        for ms in values
    ]
    rows += [Part("python", 0.005, 8, busy, 1e-5), Part("process", 0.005, 8, 1.0, 1e-5)]
    rows += [Part("long call", 0.005, 8, 1.0, call_ms / 1000)]
    rows += [Sweep(0.0001, ms / 1000) for ms in QUICK_MS] + [Sweep(0.02, 0.02)] * 6 if sweep else []
    machine = Machine(**(Machine.here().as_json() | {"gil": gil}))
    return Record(machine, PARAMS | params, rows)


# -- the verdict ------------------------------------------------------------------------------


def test_beside_a_busy_thread_an_answer_waits_for_a_switch_interval():
    said = verdict(record_of())
    assert said.answer == "about one switch interval"
    assert str(said.headline).startswith("Beside a busy thread a typical answer took 5.25\u00a0ms")
    assert said.headline.values["python"].about == "threads"
    assert [check.ok for check in said.checks] == [True] * 5
    assert said.doubts == ()


def test_the_gil_of_another_interpreter_is_not_held_against_the_switch_interval_of_cpython():
    for took_ms in ({}, {"python": [0.57] * 8}, {"python": [0.57, 4, 9, 0.2, 30, 1, 2, 0.3]}):
        record = record_of(took_ms)
        record.machine = dataclasses.replace(record.machine, implementation="PyPy")
        said = verdict(record)
        assert said.answer == "unclear"
        assert "The GIL of PyPy is not that of CPython" in str(said.headline)
        assert "run it again" not in str(said.headline)
        assert "interval" not in " ".join(str(check.claim) for check in said.checks)
        assert len(said.checks) == 1


def test_without_a_gil_a_thread_is_a_neighbour_like_a_process():
    said = verdict(record_of({"python": [0.06] * 8}, gil=False))
    assert (said.answer, [check.ok for check in said.checks]) == ("not at all", [True])


def test_beside_several_busy_threads_it_may_lose_several_turns():
    said = verdict(record_of({"python": [12, 14, 15, 11, 16, 13, 15, 30]}, hogs=3, busy=0.32))
    assert said.answer == "several switch intervals"
    assert "Beside 3 busy threads" in str(said.headline)


def test_several_turns_are_not_told_from_a_holder_of_the_gil_that_lacks_a_core():
    said = verdict(record_of({"python": [12, 14, 15, 11, 16, 13, 15, 30]}, hogs=3, busy=0.2))
    assert said.answer == "unclear"
    assert "had a core for 60\u00a0% of the time only" in str(said.headline)


def test_without_a_gil_it_does_not_wait():
    quick = dict.fromkeys(TOOK_MS, QUICK_MS)
    said = verdict(record_of(quick, gil=False))
    assert said.answer == "not at all"
    assert len(said.checks) == 1  # the others are about the GIL


def test_a_wait_without_a_gil_contradicts_what_is_known():
    said = verdict(record_of(gil=False))
    assert (said.answer, "does not fit" in str(said.headline)) == ("unclear", True)


def test_no_wait_with_a_gil_contradicts_what_is_known():
    said = verdict(record_of({"python": QUICK_MS}))
    assert (said.answer, "does not fit" in str(said.headline)) == ("unclear", True)


@pytest.mark.parametrize("gil", [True, False])
def test_where_it_waits_beside_processes_too_a_core_was_lacking(gil):
    said = verdict(record_of({"process": LATE_MS}, gil=gil))
    assert (said.answer, "a core was lacking. Nothing seen here tells why." in str(said.headline)) == (
        "unclear",
        True,
    )


@pytest.mark.parametrize(
    ("busy", "python"), [(0.1, LATE_MS), (0.5, QUICK_MS), (0.5, [2, 30, 5, 1, 40, 3, 25, 5])]
)
def test_a_busy_thread_that_hardly_ran_proves_nothing(busy, python):
    said = verdict(record_of({"python": python}, busy=busy))
    assert said.answer == "unclear"
    assert f"had a core for {busy:.0%} of the time only".replace("%", "\u00a0%") in str(said.headline)


def test_a_wait_that_fits_is_believed_even_if_others_had_a_share_of_the_cores():
    assert verdict(record_of(busy=0.5)).answer == "about one switch interval"


@pytest.mark.parametrize("python", [[2, 30, 5, 1, 40, 3, 25, 5], [10, 10.2, 10.1, 10.1, 10.3, 10, 10, 10]])
def test_answers_that_spread_too_far_or_fit_no_interval_are_unclear(python):
    said = verdict(record_of({"python": python}))
    assert (said.answer, "spread too far" in str(said.headline)) == ("unclear", True)


def test_a_long_call_is_told_by_what_it_took_and_not_by_what_was_asked_for():
    """The clock speed may change after the calls were made up."""
    short = [8, 9, 10, 11, 12, 9, 10, 11]
    (told,) = [
        c
        for c in verdict(record_of({"long call": short}, call_ms=10.4)).checks
        if "long call" in str(c.claim)
    ]
    assert str(told.claim) == (
        "A long call of 10.4\u00a0ms keeps it to its end: 10.0\u00a0ms, where half a call and one interval"
        " make 10.2\u00a0ms."
    )
    assert told.ok is True
    assert verdict(record_of({"long call": short})).checks[3].ok is None


def test_where_answers_beside_processes_were_quick_no_core_is_said_to_lack():
    said = verdict(record_of({"python": [8, 30, 0.1, 0.1, 40, 0.1, 25, 9]}))
    assert said.answer == "unclear"
    assert "lacking" not in str(said.headline)
    assert "spread too far" in str(said.headline)


@pytest.mark.parametrize("small_ms", [0.19, 1.0])
def test_an_answer_that_is_a_little_later_does_not_prove_that_small_hashes_keep_the_gil(small_ms):
    said = verdict(record_of({"small hash": [small_ms] * 8}))
    (told,) = (check for check in said.checks if "Small hashes" in str(check.claim))
    assert (told.ok, str(told.claim).startswith("Perhaps not: Small hashes")) == (None, True)


@pytest.mark.parametrize(
    ("took", "ok"),
    [([12, 14, 16, 17, 15, 18, 13, 20], True), ([5.1, 5.2, 5.3, 5.1, 5.2, 5.1, 5.3, 5.2], None)],
)
def test_a_long_call_is_waited_for_half_and_one_interval(took, ok):
    (told,) = (c for c in verdict(record_of({"long call": took})).checks if "long call" in str(c.claim))
    assert told.ok is ok
    assert "half a call and one interval make 15.0\u00a0ms" in str(told.claim)


def test_an_answer_that_never_came_took_for_ever_and_is_told():
    said = verdict(record_of({"long call": [math.inf] * 2 + [22.0] * 6}))
    assert [str(doubt) for doubt in said.doubts] == ["2 questions were never answered."]


def test_a_run_that_was_stopped_is_unclear():
    assert verdict(record_of({"process": QUICK_MS[:5]})).answer == "unclear"
    assert len(verdict(record_of(sweep=False)).checks) == 4


# -- asking -----------------------------------------------------------------------------------


def test_questions_have_random_gaps_of_8_to_22_ms():
    moments = schedule(500, 0.015, seed=1)
    gaps = [b - a for a, b in pairwise([0, *moments])]
    assert 8e6 <= min(gaps) < 9e6 < 21e6 < max(gaps) <= 22e6
    assert sum(gaps) / 500 == pytest.approx(15e6, rel=0.05)
    assert schedule(500, 0.015, seed=1) == moments != schedule(500, 0.015, seed=2)


def test_gaps_are_long_enough_for_an_answer_that_takes_the_lock_twice():
    for arm in plan(10, 0.005):
        assert gap_s(arm, 1, 0.02) >= 0.015
    assert gap_s(Arm("long call", 0.005, 1), 1, 0.02) == pytest.approx(0.06)
    assert gap_s(Arm("python", 0.02, 1), 2, 0.02) == pytest.approx(0.12)
    assert gap_s(Arm("process", 0.02, 1), 8, 0.02) == pytest.approx(0.015)


def test_a_client_asks_on_although_no_answer_comes():
    """An open loop: three questions are there at once, and are then answered in turn."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arrived: list[bytes] = []

    def answer_late() -> None:
        arrived.extend(there.recv(8) for _ in range(3))
        for asked in arrived:
            there.send(asked)
        arrived.append(there.recv(8))

    with here, there:
        thread = threading.Thread(target=answer_late)
        thread.start()
        took = ask(here, now_ns(), [0, 20_000_000, 40_000_000])
        thread.join()
    assert arrived == [*map(NUMBER.pack, range(3)), STOP]
    assert took[0] > took[1] > took[2] > 0
    assert took[0] >= 40_000_000


def test_a_question_that_is_never_answered_is_told(monkeypatch):
    monkeypatch.setattr("experiments.threads._convoy.echo.PATIENCE_S", 0.05)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        assert ask(here, now_ns(), [0, 1000]) == [-1, -1]


def test_the_long_call_does_what_it_says():
    assert one_call(calls_for(0.001)) > 1000


def test_the_most_that_can_be_asked_for_is_refused():
    assert cost(500, 8, 50, 100) > 600


# -- for real ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return list(convoy.measure(echoes=8, hogs=1, interval=5, call=15))


def test_every_question_has_a_row(rows):
    asked = [row.beside for row in rows if isinstance(row, Echo)]
    assert {beside: asked.count(beside) for beside in asked} == dict.fromkeys(TOOK_MS, 8)
    swept = [row.interval_s for row in rows if isinstance(row, Sweep)]
    assert {at: swept.count(at) for at in sorted(set(swept))} == {0.0001: 4, 0.001: 4, 0.005: 8, 0.02: 4}
    assert all(row.answer_s > 0 for row in rows if isinstance(row, Echo))
    assert any(isinstance(row, Progress) for row in rows)


def test_what_is_busy_was_busy_and_nobody_was_not(rows):
    busy = {row.beside: row.busy_share for row in rows if isinstance(row, Part)}
    assert busy["nobody"] == 0
    assert all(0 < busy[beside] <= 1.01 for beside in busy if beside != "nobody")


@pytest.mark.measured
def test_a_call_took_about_as_long_as_was_asked_for(rows):
    took = {row.beside: row.call_s for row in rows if isinstance(row, Part)}
    assert took["nobody"] is None
    assert 0.3 < took["long call"] / 0.015 < 3  # the clock speed of a machine may change meanwhile
    assert took["small hash"] < took["large hash"] < took["long call"]


def test_the_verdict_of_a_real_run_is_not_wrong(rows):
    said = verdict(Record(Machine.here(), PARAMS, [row for row in rows if not isinstance(row, Progress)]))
    assert said.answer in ("about one switch interval" if Machine.here().gil else "not at all", "unclear")


CLIENT = """
from experiments.kit.subjects.subjects import Group
from experiments.threads.convoy import Arm, Bakery
with Group() as group, Bakery(group, 1, 0.02) as bakery:
    took, *_ = bakery.part(Arm("python", 0.005, 8), 8, 1)
    print(bakery.client.pid, *took)
"""


@pytest.mark.measured
def test_an_answer_took_as_long_as_strace_says(tmp_path):
    """Between the calls that sent a question and fetched its answer, by the stamps of strace."""
    traced = strace(CLIENT, tmp_path / "trace", "-ttt", "-xx", "-e", "trace=sendto,recvfrom")
    client, *took_ns = traced.printed.split()
    sent, came = {}, {}
    for line in traced.lines:
        pid, at_s, call = line.split(maxsplit=2)
        numbers = re.search(r'"((?:\\x[0-9a-f]{2}){8})", 8', call)
        if pid == client and numbers:
            (sent if call.startswith("sendto") else came)[numbers[1]] = float(at_s)
    waited_s = [came[number] - sent[number] for number in sent]
    off_s = [abs(int(ns) / 1e9 - s) for ns, s in zip(took_ns, waited_s, strict=True)]
    assert sorted(off_s)[4] < 0.001
    if Machine.here().gil:
        assert sorted(waited_s)[4] > 0.004


def test_a_run_that_is_stopped_leaves_no_process_and_no_descriptor():
    experiment = load("threads.convoy")
    before = children(), len(os.listdir("/proc/self/fd"))
    rows = experiment.measure(**experiment.parse({"echoes": 6, "hogs": 2}))
    next(row for row in rows if isinstance(row, Echo))
    assert len(children()) == len(before[0]) + 4
    rows.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()
