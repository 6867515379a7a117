"""What the page learns of this machine, and what disturbed a run."""

import os
import subprocess
import sys

import pytest

from app.system import machine
from app.system.machine import Look, Reading, Sampler, conditions, core_shares, facts, share

BEFORE = Reading(wall_s=10.0, busy_s=100.0, steal_s=5.0, own_s=1.0)
RESTED = {"rested_s": 0.0, "rested_busy_s": 0.0, "rested_steal_s": 0.0}


def test_conditions_are_shares_of_all_cores():
    after = Reading(wall_s=20.0, busy_s=113.0, steal_s=6.0, own_s=1.2)
    end = RESTED | {"cpu_s": 9.0, "run_s": 6.0, "delay_s": 2.0, "throttled": 0.5}

    assert conditions(BEFORE, after, end, cores=2) == {
        "foreign_cpu": 0.2,  # 13 s were busy, 9 s of them ours, of 20 s
        "run_delay": 0.25,
        "steal": 0.05,
        "own_cpu": 0.01,
        "throttled": 0.5,
    }


def test_a_run_that_used_more_than_was_seen_busy_had_no_foreign_cpu():
    after = Reading(wall_s=11.0, busy_s=100.9, steal_s=5.0, own_s=1.0)

    assert conditions(BEFORE, after, RESTED | {"cpu_s": 1.0}, cores=2)["foreign_cpu"] == 0


UNKNOWN = {"foreign_cpu": None, "run_delay": None, "steal": None, "own_cpu": 0.0, "throttled": None}


def test_what_could_not_be_read_is_unknown_and_never_zero():
    assert conditions(BEFORE, BEFORE, {"cpu_s": None}, cores=2) == UNKNOWN


@pytest.mark.parametrize("name", ["busy_s", "steal_s"])
def test_an_account_that_could_not_be_read_leaves_its_share_unknown(name):
    after = Reading(wall_s=20.0, busy_s=113.0, steal_s=6.0, own_s=1.2)
    share_of = {"busy_s": "foreign_cpu", "steal_s": "steal"}
    for pair in [(BEFORE._replace(**{name: None}), after), (BEFORE, after._replace(**{name: None}))]:
        told = conditions(*pair, RESTED | {"cpu_s": 9.0, "run_s": 1.0, "delay_s": 1.0}, cores=2)
        assert told.pop(share_of[name]) is None
        assert told.pop("throttled") is None
        assert None not in told.values()


@pytest.mark.parametrize(
    ("gap", "unknown"),
    [
        ("cpu_s", {"foreign_cpu"}),
        ("rested_s", {"foreign_cpu", "steal"}),
        ("rested_busy_s", {"foreign_cpu"}),
        ("rested_steal_s", {"steal"}),
        ("run_s", {"run_delay"}),
        ("delay_s", {"run_delay"}),
        ("throttled", {"throttled"}),
    ],
)
def test_what_a_run_could_not_tell_is_unknown_and_nothing_else(gap, unknown):
    after = Reading(wall_s=20.0, busy_s=113.0, steal_s=6.0, own_s=1.2)
    end = RESTED | {"cpu_s": 9.0, "run_s": 1.0, "delay_s": 1.0, "throttled": 0.0}
    told = conditions(BEFORE, after, end | {gap: None}, cores=2)
    assert {name for name, value in told.items() if value is None} == unknown


def test_what_ran_while_the_experiment_rested_disturbed_nothing():
    after = Reading(wall_s=20.0, busy_s=113.0, steal_s=6.0, own_s=1.2)
    end = {"cpu_s": 9.0, "rested_s": 2.0, "rested_busy_s": 3.2, "rested_steal_s": 0.2, "throttled": 0.0}

    assert conditions(BEFORE, after, end, cores=2) == {
        "foreign_cpu": 0.05,  # 13 s were busy, 9 s of them ours, 3.2 s while we rested, of 16 s
        "run_delay": None,
        "steal": 0.05,
        "own_cpu": 0.01,  # of all 20 s
        "throttled": 0.0,
    }


@pytest.mark.parametrize("content", [None, "", "cpu 1 2 3\n", "procs_running many\n"])
def test_a_system_that_does_not_tell_has_no_number_of_runnable_tasks(tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "stat").write_text(content)
    monkeypatch.setattr(machine, "PROC_STAT", tmp_path / "stat")

    assert machine.runnable() is None


@pytest.mark.parametrize("error", [PermissionError(13, "no"), RuntimeError("odd"), KeyError("MemTotal")])
def test_facts_and_samples_that_psutil_cannot_read_are_unknown(monkeypatch, error):
    def refuse(*_, **__):
        raise error

    for name in ("cpu_count", "boot_time", "cpu_stats", "cpu_times", "virtual_memory"):
        monkeypatch.setattr(machine.psutil, name, refuse)
    told = facts.__wrapped__()
    assert (told["booted_at"], told["physical_cores"]) == (None, None)
    assert told["logical_cores"] == os.cpu_count()
    sampler = Sampler()
    sample = sampler.sample()
    assert (sample["cores"], sample["switches_s"], sample["memory"]) == (None, None, None)
    assert 0 <= sample["own"] <= 1


def test_a_sample_after_an_unreadable_one_is_unknown_and_the_next_is_known_again(monkeypatch):
    looks = iter(
        [
            Look(0.0, [Times(10, 5, 0, 85)], 1000, 2.0),
            Look(1.0, None, None, 2.0),
            Look(2.0, [Times(11, 5.5, 0.1, 85.4)], 1500, 2.5),
            Look(3.0, [Times(12, 5.5, 0.1, 85.4)], 1700, 2.5),
        ]
    )
    monkeypatch.setattr(Sampler, "look", lambda self: next(looks))
    sampler = Sampler()
    seen = [(sample["cores"], sample["switches_s"]) for sample in (sampler.sample() for _ in range(3))]
    assert seen == [(None, None), (None, None), ([{"user": 1.0, "system": 0.0, "steal": 0.0}], 200)]


def test_a_reading_sees_a_core_at_work():
    before = Reading.now(os.sched_getaffinity(0))
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    after = Reading.now(os.sched_getaffinity(0))

    assert after.busy_s - before.busy_s >= 0.25
    assert after.own_s - before.own_s < 0.2


def test_a_sample_has_a_share_for_every_core_and_what_oscope_itself_used():
    sampler = Sampler()
    sum(range(3_000_000))
    sample = sampler.sample()

    assert list(sample) == ["t", "cores", "runnable", "switches_s", "memory", "own"]
    assert len(sample["cores"]) == os.cpu_count()
    assert all(0 <= value <= 1 for core in sample["cores"] for value in core.values())
    assert sample["runnable"] >= 1
    assert sample["switches_s"] > 0
    assert 0 < sample["memory"] < 1
    assert 0 < sample["own"] <= 1


def test_samples_speak_of_the_time_since_the_one_before(monkeypatch):
    looks = iter(
        [
            Look(0.0, [Times(10, 5, 0, 85)], 1000, 2.0),
            Look(2.0, [Times(11, 5.5, 0.1, 85.4)], 1500, 2.5),
        ]
    )
    monkeypatch.setattr(Sampler, "look", lambda self: next(looks))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    sample = Sampler().sample()

    assert sample["cores"] == [{"user": 0.5, "system": 0.25, "steal": 0.05}]
    assert sample["switches_s"] == 250
    assert sample["own"] == 0.25
    assert sample["t"] == 2.0  # and not what the wall clock says, which somebody may set


class Times:
    _fields = ("user", "system", "steal", "idle")

    def __init__(self, *times):
        self.user, self.system, self.steal, self.idle = times


def test_a_core_that_did_nothing_at_all_has_no_shares():
    still = Times(1, 1, 1, 1)
    assert core_shares(still, still) == {"user": None, "system": None, "steal": None}


def test_shares_stay_between_nothing_and_all():
    assert [share(-1, 2), share(3, 2), share(1, 3)] == [0, 1, 0.3333]


def test_a_share_of_nothing_or_of_the_unknown_is_unknown():
    assert [share(1, 0), share(None, 2), share(1, None)] == [None, None, None]


def test_the_facts_are_json_and_asked_only_once():
    assert facts()["cores"] >= 1
    assert facts()["logical_cores"] == os.cpu_count()
    assert facts() is facts()
