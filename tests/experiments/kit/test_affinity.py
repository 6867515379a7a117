"""What a system refuses is found by trying: a run goes on without it, or one sentence says what is missing.

Each experiment runs in a process to which the kernel refuses a system call, as some sandboxes do.
"""

import errno
import json
import os

import pytest

from experiments.kit.spec import load
from tests.experiments.kit.denied import run_denied

CALLS = {
    "x86_64": {
        "sched_setaffinity": 203,
        "sched_getaffinity": 204,
        "waitid": 247,
        "prctl": 157,
        "eventfd2": 290,
        "madvise": 28,
    },
    "aarch64": {
        "sched_setaffinity": 122,
        "sched_getaffinity": 123,
        "waitid": 95,
        "prctl": 167,
        "eventfd2": 19,
        "madvise": 233,
    },
}.get(os.uname().machine, {})
CORES = os.sched_getaffinity(0)
needs_two_cores = pytest.mark.skipif(len(CORES) < 2, reason="on one core nothing is to be chosen")

SMALL = {
    "processes.states": {"seconds": 0.5},
    "scheduling.concurrency": {"tasks": 2, "work": 10, "repeats": 3},
    "ipc.channels": {"trips": 40, "repeats": 3, "largest": 1024},
    "io_models.five_models": {"reads": 20, "delay": 1, "per_point": 5},
    "io_models.readiness": {"descriptors": 200, "idle": 10, "wakes": 10, "repeats": 3},
    "processes.lifecycle": {"pace": 10, "repeats": 3},
    "sync.deadlock": {},
    "memory.layout": {},
    "memory.paging": {"mib": 16, "repeats": 1},
}

RUN = """
import json, os, sys
os.sched_setaffinity(0, {cores})
deny({calls}, {code})
from experiments.kit.spec import load
from experiments.kit.child.worker import failure
experiment = load({name!r})
known = dict(experiment.parse({{}}, "quick"), **{params})
try:
    rows = list(experiment.measure(**known))
    said = ""
except Exception as error:
    rows, said = [], failure(error)["why"] if not failure(error)["kind"] else repr(error)
print(json.dumps([said, len(rows) > 3, list(experiment.missing())]))
"""


def run(name, call, refusal=errno.EPERM, cores=CORES):
    """The sentence that ended it, whether it has rows, and what it says to lack."""
    if call not in CALLS:
        pytest.skip(f"the number of {call} on {os.uname().machine} is not known here")
    params = {k: v for k, v in SMALL[name].items() if k in {p.name for p in load(name).params}}
    script = RUN.format(cores=cores, calls=(CALLS[call],), code=refusal, name=name, params=params)
    return json.loads(run_denied(script, calls=()).splitlines()[-1])


PINS = ["processes.states", "scheduling.concurrency", "ipc.channels"]


@needs_two_cores
@pytest.mark.parametrize("name", PINS)
def test_where_cores_cannot_be_chosen_one_sentence_says_so_before_anything_is_measured(name):
    said, measured, missing = run(name, "sched_setaffinity")

    why = (
        "This system refuses to let a program choose its cores (sched_setaffinity: Operation not permitted)."
    )
    assert (said, measured, missing) == (why, False, [why])


@pytest.mark.parametrize("name", PINS)
def test_on_one_core_nothing_has_to_be_chosen(name):
    assert run(name, "sched_setaffinity", cores={min(CORES)}) == ["", True, []]


def test_what_is_only_steadier_on_a_core_of_its_own_runs_without():
    assert run("io_models.five_models", "sched_setaffinity") == ["", True, []]


@pytest.mark.parametrize("name", ["processes.states", "scheduling.concurrency"])
def test_cores_are_known_where_asking_for_them_is_refused(name):
    assert run(name, "sched_getaffinity") == ["", True, []]


@pytest.mark.parametrize("name", ["scheduling.concurrency", "processes.lifecycle", "sync.deadlock"])
def test_how_a_subject_ended_is_known_where_asking_without_reaping_is_refused(name):
    assert run(name, "waitid", errno.ENOSYS) == ["", True, []]


def test_a_way_that_is_refused_does_not_end_the_others():
    assert run("ipc.channels", "eventfd2", errno.ENOSYS) == ["", True, []]


@pytest.mark.parametrize(
    ("name", "call", "named"),
    [
        ("io_models.readiness", "eventfd2", "eventfd"),
        ("processes.lifecycle", "prctl", "prctl"),
        ("memory.paging", "madvise", "madvise"),
    ],
)
def test_what_cannot_be_done_without_is_named_in_one_sentence(name, call, named):
    said, measured, missing = run(name, call, errno.ENOSYS)

    assert missing in ([said], [])  # what is refused to a part may be known only there
    assert said.startswith("This system ")
    assert named in said
    assert not measured
