"""What the page learns of this machine, and what disturbed a run."""

import os
import subprocess
import sys

from app import machine
from app.machine import Reading, Sampler, conditions, core_shares, facts, share

BEFORE = Reading(wall_s=10.0, busy_s=100.0, steal_s=5.0, own_s=1.0)


def test_conditions_are_shares_of_all_cores():
    after = Reading(wall_s=20.0, busy_s=113.0, steal_s=6.0, own_s=1.2)
    end = {"cpu_s": 9.0, "run_s": 6.0, "delay_s": 2.0}

    assert conditions(BEFORE, after, end, cores=2) == {
        "foreign_cpu": 0.2,  # 13 s were busy, 9 s of them ours, of 20 s
        "run_delay": 0.25,
        "steal": 0.05,
        "own_cpu": 0.01,
    }


def test_a_run_that_used_more_than_was_seen_busy_had_no_foreign_cpu():
    after = Reading(wall_s=11.0, busy_s=100.9, steal_s=5.0, own_s=1.0)

    assert conditions(BEFORE, after, {"cpu_s": 1.0}, cores=2)["foreign_cpu"] == 0


def test_a_run_whose_end_nobody_knows_has_conditions_all_the_same():
    assert conditions(BEFORE, BEFORE, {"cpu_s": None}, cores=2) == {
        "foreign_cpu": 0,
        "run_delay": 0,
        "steal": 0,
        "own_cpu": 0,
    }


def test_what_ran_while_the_experiment_rested_disturbed_nothing():
    after = Reading(wall_s=20.0, busy_s=113.0, steal_s=6.0, own_s=1.2)
    end = {"cpu_s": 9.0, "rested_s": 2.0, "rested_busy_s": 3.2, "rested_steal_s": 0.2}

    assert conditions(BEFORE, after, end, cores=2) == {
        "foreign_cpu": 0.05,  # 13 s were busy, 9 s of them ours, 3.2 s while we rested, of 16 s
        "run_delay": 0,
        "steal": 0.05,
        "own_cpu": 0.01,  # of all 20 s
    }


def test_a_system_without_proc_has_zeros(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "PROC_STAT", tmp_path / "missing")

    assert machine.runnable() == 0


def test_a_reading_sees_a_core_at_work():
    before = Reading.now()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    after = Reading.now()

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
            (0.0, [Times(10, 5, 0, 85)], 1000, 2.0),
            (2.0, [Times(11, 5.5, 0.1, 85.4)], 1500, 2.5),
        ]
    )
    monkeypatch.setattr(Sampler, "look", lambda self: next(looks))

    sample = Sampler().sample()

    assert sample["cores"] == [{"user": 0.5, "system": 0.25, "steal": 0.05}]
    assert sample["switches_s"] == 250
    assert sample["own"] == 0.25


class Times:
    _fields = ("user", "system", "steal", "idle")

    def __init__(self, *times):
        self.user, self.system, self.steal, self.idle = times


def test_a_core_that_did_nothing_at_all_has_no_shares():
    assert core_shares(Times(1, 1, 1, 1), Times(1, 1, 1, 1)) == {"user": 0, "system": 0, "steal": 0}


def test_shares_stay_between_nothing_and_all():
    assert [share(-1, 2), share(3, 2), share(1, 0), share(1, 3)] == [0, 1, 0, 0.3333]


def test_the_facts_are_json_and_asked_only_once():
    assert facts()["cores"] >= 1
    assert facts()["logical_cores"] == os.cpu_count()
    assert facts() is facts()
