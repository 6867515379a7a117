"""The cores and the niceness that somebody chose for oscope are those of its runs, which say so."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.doctor import cores, niceness
from app.importing.imports import ImportRefused, check_fact
from app.text.cores import describe_cores, name_ranges
from experiments.kit import Machine
from experiments.kit.child.supervisor import Place, take_place
from experiments.kit.kernel import affinity
from tests.experiments.kit.denied import run_denied
from tests.served import ROOT, serve

CORES = sorted(os.sched_getaffinity(0))
NICE = os.getpriority(os.PRIO_PROCESS, 0)
needs_two_cores = pytest.mark.skipif(len(CORES) < 2, reason="one core only: there is nothing to choose")
BEFORE = """
import os, sys
os.sched_setaffinity(0, {{{core}}})
os.nice({nice})
os.execv(sys.argv[1], sys.argv[1:])
"""
SETAFFINITY = {"x86_64": (203,), "aarch64": (122,)}.get(os.uname().machine, ())
GETAFFINITY = {"x86_64": (204,), "aarch64": (123,)}.get(os.uname().machine, ())


def through(core: int, nice: int) -> list[str]:
    """What `taskset -c core nice -n nice` would do, where these need not be installed."""
    return [sys.executable, "-c", BEFORE.format(core=core, nice=nice)]


@needs_two_cores
@pytest.mark.parametrize("core", {CORES[0], CORES[-1]})
def test_cores_and_niceness_that_the_user_chose_are_those_of_the_run(core, tmp_path):
    command = [
        *through(core, 5),
        sys.executable,
        "-m",
        "app.cli",
        "run",
        "memory.layout",
        "--preset",
        "quick",
    ]
    record = tmp_path / "run.json"
    command += ["--json", str(record), "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    machine = json.loads(record.read_text())["machine"]
    assert (machine["cores"], machine["core_ids"], machine["nice"]) == (1, [core], NICE + 5)
    assert f"1 core (cpu {core}), nice {NICE + 5}" in " ".join(done.stdout.split())


@needs_two_cores
def test_cores_and_niceness_that_the_user_chose_for_the_server_are_those_of_its_runs(tmp_path):
    core = CORES[-1]
    with serve(tmp_path / "data", through=through(core, 5)) as served:
        os.sched_setaffinity(served.process.pid, CORES[:1])  # what pins a server later does not pin its runs
        run = served.ended(served.run("memory.layout"))
        page = served.text(f"/runs/{run['id']}")
        report = served.text(f"/api/runs/{run['id']}/export/html")
        chinese = served.text(f"/runs/{run['id']}", language="zh")

    machine = run["machine"]
    assert (machine["cores"], machine["core_ids"], machine["nice"]) == (1, [core], NICE + 5)
    assert f"1 core (cpu {core}), nice {NICE + 5}" in page
    assert f"1 core (cpu {core}), nice {NICE + 5}" in report
    assert f"1 核（cpu {core}），nice {NICE + 5}" in chinese


@needs_two_cores
@pytest.mark.parametrize("chosen", [CORES, CORES[:1], CORES[-1:]])
def test_a_run_takes_the_cores_it_is_told_whatever_their_numbers(chosen):
    assert in_a_child(lambda: take_place(Place(cores=chosen))) == chosen


@needs_two_cores
@pytest.mark.parametrize("none", [(), (4095,), None])
def test_cores_that_are_not_there_leave_those_that_are(none):
    assert in_a_child(lambda: take_place(Place(cores=none))) == CORES


def test_a_session_of_its_own_is_as_nice_as_the_user_asked():
    """With autogroup every session competes as one, and starts with nice 0 whatever its processes have."""
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel has no autogroup")

    def begin():
        os.setsid()
        take_place(Place(nice=NICE + 3))
        return Path("/proc/self/autogroup").read_text()

    assert re.search(r"nice (-?\d+)", str(in_a_child(begin, told=True)))[1] == str(NICE + 3)


def in_a_child(act, told=False):
    """The cores of a child after it has acted, or what it told."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            said = act()
            os.write(writer, json.dumps(said if told else sorted(os.sched_getaffinity(0))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        found = json.loads(answer.read())
    os.waitpid(pid, 0)
    return found


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([0], "0"),
        ([0, 1], "0–1"),
        ([0, 2, 4], "0, 2, 4"),
        ([0, 1, 2, 3, 8], "0–3, 8"),
        ([9, 8], "8–9"),
    ],
)
def test_numbers_of_cores_are_a_set_and_not_a_count(numbers, text):
    assert name_ranges(numbers) == text


def test_a_record_without_the_numbers_says_what_it_knows():
    assert describe_cores({"cores": 2}) == "2 cores"
    assert describe_cores({"cores": 1, "core_ids": None, "nice": None}) == "1 core"
    assert describe_cores({"cores": 2, "core_ids": [0, 4], "nice": -3}) == "2 cores (cpu 0, 4), nice -3"
    assert describe_cores({}) == ""


@pytest.mark.parametrize("odd", ["0", 5, [1.5], [True], [-1], ["1"], [1 << 30], {"0": 1}, [0] * 9000])
def test_odd_numbers_of_cores_are_refused_in_a_file_from_elsewhere(odd):
    from collections.abc import Sequence

    with pytest.raises(ImportRefused, match=r"machine\.core_ids"):
        check_fact("machine.core_ids", Sequence[int] | None, odd)


def test_the_status_file_tells_the_cores_where_the_call_is_refused(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nCpus_allowed:\t115\nCpus_allowed_list:\t0,2,4,8-10\n")

    assert affinity.allowed_by(str(status)) == (0, 2, 4, 8, 9, 10)
    assert affinity.allowed_by(str(tmp_path / "nowhere")) == ()
    assert list(affinity.usable_cores()) == CORES
    if not GETAFFINITY:
        pytest.skip("the number of sched_getaffinity is not known here")
    script = "from experiments.kit.kernel.affinity import usable_cores; print(list(usable_cores()))"
    assert run_denied(script, calls=GETAFFINITY) == f"{CORES}\n"


def test_whether_a_program_may_choose_its_cores_is_found_by_trying(monkeypatch):
    assert affinity.pinning_refused() == ""
    script = "from experiments.kit.kernel.affinity import *; print(pin({0}), pinning_refused())"
    if SETAFFINITY:
        said = "This system refuses to let a program choose its cores"
        why = "sched_setaffinity: Operation not permitted"
        assert run_denied(script, calls=SETAFFINITY) == f"False {said} ({why}).\n"
    monkeypatch.delattr(os, "sched_setaffinity")
    assert affinity.pin(CORES)  # there we are already
    assert not affinity.pin({4095})
    assert "Linux does" in affinity.pinning_refused()


def test_the_doctor_names_the_cores_and_what_took_the_others():
    here = Machine.here()
    one = cores(replace(here, cores=1, core_ids=[3], quota_cores=None))

    assert one.says.startswith("1 usable (cpu 3): nothing here")
    if os.cpu_count() > 1:
        assert (
            one.brings
            == f"The machine has {os.cpu_count()}: start oscope without `taskset`, or widen its cpuset."
        )
    assert [f.says for f in niceness(replace(here, nice=5))] == [
        "oscope was started with nice 5, and so are its runs: others come first"
    ]
    assert list(niceness(replace(here, nice=0))) == list(niceness(replace(here, nice=None))) == []
