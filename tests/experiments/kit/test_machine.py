import os
import sys

import pytest

from experiments.kit import machine
from experiments.kit.machine import Machine


def test_facts_survive_json_and_back():
    here = Machine.here()
    assert Machine(**here.as_json()) == here


def test_facts_are_those_of_this_interpreter():
    here = Machine.here()
    assert here.python == ".".join(map(str, sys.version_info[:3]))
    assert here.switch_interval_s == sys.getswitchinterval()
    assert here.gil is getattr(sys, "_is_gil_enabled", lambda: True)()
    assert here.memory_b > 1 << 26
    assert here.cpu
    assert here.host


def test_cores_are_those_that_may_be_used():
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert Machine.here().cores == 1
    finally:
        os.sched_setaffinity(0, cores)
    assert Machine.here().cores == len(cores)


@pytest.mark.parametrize(
    ("content", "cores"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), (None, None)]
)
def test_a_quota_is_told_in_cores(tmp_path, monkeypatch, content, cores):
    limit = tmp_path / "cpu.max"
    if content is not None:
        limit.write_text(content)
    monkeypatch.setattr(machine, "open", lambda _: limit.open(), raising=False)
    assert machine.quota() == cores
