import io
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

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
    monkeypatch.setattr(machine, "CGROUP", str(tmp_path))
    monkeypatch.setattr(machine, "open", partial(read, {"/proc/self/cgroup": "0::/\n"}), raising=False)
    assert machine.quota() == cores


def test_the_least_quota_from_our_control_group_upwards_counts(tmp_path, monkeypatch):
    own = tmp_path / "user.slice" / "oscope.service"
    (tmp_path / "other.slice").mkdir()
    own.mkdir(parents=True)
    for folder, limit in [(tmp_path / "other.slice", "10000"), (own.parent, "max"), (own, "50000")]:
        (folder / "cpu.max").write_text(f"{limit} 100000\n")
    group = {"/proc/self/cgroup": "1:cpu:/elsewhere\n0::/user.slice/oscope.service\n"}
    monkeypatch.setattr(machine, "CGROUP", str(tmp_path))
    monkeypatch.setattr(machine, "open", partial(read, group), raising=False)
    assert machine.quota() == 0.5
    (own.parent / "cpu.max").write_text("25000 100000\n")
    assert machine.quota() == 0.25


def test_what_is_available_is_what_free_says():
    said = subprocess.run(["free", "-b"], capture_output=True, text=True, check=True).stdout.splitlines()[1]
    assert machine.available() <= int(said.split()[-1]) + (256 << 20)  # others take and give meanwhile
    assert 0 < machine.available() < machine.memory()


@pytest.mark.parametrize(("limit", "left_mib"), [("max", 4096), (str(1 << 30), 768), (str(1 << 20), 0)])
def test_a_control_group_leaves_less(tmp_path, monkeypatch, limit, left_mib):
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(str(256 << 20))
    monkeypatch.setattr(machine, "CGROUP", str(tmp_path))
    meminfo = "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n"
    monkeypatch.setattr(machine, "open", partial(read, {"/proc/meminfo": meminfo}), raising=False)
    assert machine.available() == left_mib << 20


def read(instead: dict[str, str], path: str) -> io.StringIO:
    return io.StringIO(instead[path] if path in instead else Path(path).read_text())
