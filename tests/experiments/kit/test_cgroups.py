"""Control groups of both versions: whose folders they are, what they allow, how often that was used up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.kit.kernel import cgroups
from experiments.kit.kernel.cgroups import Throttling

OWN = "9:memory:/\n4:cpu,cpuacct:/user.slice/oscope\n1:name=systemd:/user.slice\n0::/user.slice/oscope\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes a machine: its groups, its mounts, its files."""

    def write(own: str | None, mounts: str | None, files: dict[str, str] | None = None) -> Path:
        for name, text in ((cgroups.OWN, own), (cgroups.MOUNTS, mounts)):
            path = tmp_path / name.replace("/", "_")
            if text is not None:
                path.write_text(text.format(at=tmp_path))
            monkeypatch.setattr(cgroups, "OWN" if name.endswith("cgroup") else "MOUNTS", str(path))
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


V1 = "31 23 0:30 / {at}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "41 31 0:38 / {at}/v2 rw - cgroup2 cgroup2 rw\n"


@pytest.mark.parametrize(
    ("mounts", "name", "files"),
    [
        (V1, "cpu/user.slice/oscope", {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}),
        (V2, "v2/user.slice/oscope", {"cpu.max": "50000 100000\n"}),
        (V1, "cpu/user.slice", {"cpu.cfs_quota_us": "100000\n", "cpu.cfs_period_us": "200000\n"}),
        (V2, "v2/user.slice", {"cpu.max": "10000 20000\n"}),
    ],
)
def test_a_quota_counts_in_both_versions_and_in_every_group_above(machine, mounts, name, files):
    own = OWN if mounts is V1 else "0::/user.slice/oscope\n"
    top = name.split("/")[0]
    at = machine(own, mounts, {f"{name}/{file}": text for file, text in files.items()})
    (at / top / "user.slice" / "oscope").mkdir(parents=True, exist_ok=True)
    assert cgroups.quota() == 0.5


def test_the_least_quota_counts(machine):
    files = {
        "v2/user.slice/cpu.max": "150000 100000\n",
        "v2/user.slice/oscope/cpu.max": "max 100000\n",
        "cpu/user.slice/oscope/cpu.cfs_quota_us": "30000\n",
        "cpu/user.slice/oscope/cpu.cfs_period_us": "100000\n",
    }
    machine(OWN, V1 + V2, files)
    assert cgroups.quota() == 0.3


@pytest.mark.parametrize("limit", ["max 100000\n", "", "nonsense\n"])
def test_no_limit_is_no_quota(machine, limit):
    machine("0::/\n", V2, {"v2/cpu.max": limit})
    assert cgroups.quota() is None
    assert cgroups.folders("cpu") is not None


@pytest.mark.parametrize(
    ("own", "mounts"),
    [(None, V2), ("0::/\n", None), ("0::/\n", ""), ("4:cpu:/a\n0::/\n", V2)],
    ids=["our group is hidden", "mounts are hidden", "nothing is mounted", "the one for cpu is not mounted"],
)
def test_control_groups_that_cannot_be_read_are_unknown_and_not_without_a_quota(machine, own, mounts):
    (machine(own, mounts) / "v2").mkdir()
    assert cgroups.folders("cpu") is None
    assert Throttling.now().since() is None


def test_a_container_that_sees_its_own_group_as_the_top_finds_it(machine):
    mounts = "31 23 0:30 /docker/abc {at}/my\\040groups rw - cgroup2 cgroup2 rw\n"
    at = machine("0::/docker/abc/job\n", mounts, {"my groups/job/cpu.max": "20000 100000\n"})
    assert cgroups.folders("cpu") == [f"{at}/my groups", f"{at}/my groups/job"]
    assert cgroups.quota() == 0.2


def test_a_group_outside_of_what_is_mounted_leaves_the_top(machine):
    at = machine("0::/../elsewhere\n", "31 23 0:30 /docker/abc {at}/v2 rw - cgroup2 c rw\n", {"v2/x": ""})
    assert cgroups.folders("cpu") == [f"{at}/v2"]


STAT = "nr_periods {all}\nnr_throttled {throttled}\n{time} 5\n"


@pytest.mark.parametrize("time", ["throttled_time", "throttled_usec"])
def test_the_share_of_periods_that_were_used_up_is_that_since_the_beginning(machine, time):
    def write(all_: int, throttled: int) -> None:
        stat = STAT.format(all=all_, throttled=throttled, time=time)
        machine("0::/\n", V2, {"v2/cpu.max": "50000 100000\n", "v2/cpu.stat": stat})

    write(100, 90)
    before = Throttling.now()
    assert before.since() == 0
    write(140, 100)
    assert before.since() == 0.25


def test_without_a_quota_nothing_was_used_up(machine):
    machine("0::/\n", V2, {"v2/cpu.max": "max 100000\n"})
    assert Throttling.now().since() == 0


def test_a_quota_whose_periods_nobody_counts_is_unknown_and_never_zero(machine):
    machine("0::/\n", V2, {"v2/cpu.max": "50000 100000\n"})
    assert Throttling.now().since() is None


def test_a_quota_that_comes_meanwhile_is_unknown(machine):
    machine("0::/\n", V2, {"v2/cpu.max": "max 100000\n"})
    before = Throttling.now()
    stat = STAT.format(all=5, throttled=5, time="throttled_usec")
    machine("0::/\n", V2, {"v2/cpu.max": "50000 100000\n", "v2/cpu.stat": stat})
    assert before.since() is None


def test_the_kernel_counts_as_we_read(small_group):
    """A real group with a twentieth of a core: what runs in it is stopped in most periods."""
    look = (
        "import time\n"
        "from experiments.kit.kernel import cgroups\n"
        "before, end = cgroups.Throttling.now(), time.process_time() + 0.03\n"
        "while time.process_time() < end: pass\n"
        "print(cgroups.quota(), before.since())"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, preexec_fn=small_group
    )
    quota, throttled = done.stdout.split()
    assert float(quota) == 0.05
    assert float(throttled) > 0.3


@pytest.fixture
def small_group():
    """Puts the process that calls it into a group of its own with little time."""
    folders = cgroups.folders("cpu") or []
    parent = next((Path(f) for f in reversed(folders) if (Path(f) / "cpu.cfs_quota_us").exists()), None)
    if parent is None:
        pytest.skip("no control group of version 1 to be had here")
    group = parent / f"oscope-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("5000")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error.strerror}")
    yield lambda: (group / "cgroup.procs").write_text(str(os.getpid()))
    group.rmdir()
