import io
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from experiments.kit.kernel import cgroups, machine
from experiments.kit.kernel.machine import Machine


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


def test_what_is_available_is_what_free_says():
    said = subprocess.run(["free", "-b"], capture_output=True, text=True, check=True).stdout.splitlines()[1]
    assert machine.available() <= int(said.split()[-1]) + (256 << 20)  # others take and give meanwhile
    assert 0 < machine.available() < machine.memory()


@pytest.mark.parametrize(("limit", "left_mib"), [("max", 4096), (str(1 << 30), 768), (str(1 << 20), 0)])
@pytest.mark.parametrize(
    ("most", "held"), [("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")]
)
def test_a_control_group_leaves_less(tmp_path, monkeypatch, most, held, limit, left_mib):
    (tmp_path / most).write_text(limit)
    (tmp_path / held).write_text(str(256 << 20))
    monkeypatch.setattr(cgroups, "folders", lambda controller: [str(tmp_path)])
    meminfo = "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n"
    monkeypatch.setattr(machine, "open", partial(read, {"/proc/meminfo": meminfo}), raising=False)
    assert machine.available() == left_mib << 20


def test_memory_that_nobody_tells_of_is_unknown_and_never_zero(monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(cgroups, "folders", lambda controller: None)
    monkeypatch.setattr(os, "sysconf", refuse)
    monkeypatch.setattr(machine, "open", refuse, raising=False)
    assert (machine.memory(), machine.available()) == (None, None)
    assert machine.mib_of(machine.memory(), 8) is None


def read(instead: dict[str, str], path: str) -> io.StringIO:
    return io.StringIO(instead[path] if path in instead else Path(path).read_text())
