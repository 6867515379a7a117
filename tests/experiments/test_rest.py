"""Pauses in which the page draws, and what is counted in them."""

import subprocess
import sys

import pytest

from experiments.kit.rest import TICK_S, Busy, Rests


def test_ticks_are_read_as_the_manual_page_orders_them(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 300 4000 50 6 7 80 9 1\ncpu0 1 2 3 4\nprocs_running 3\n")

    busy, steal = Busy.now(str(stat))

    assert busy / TICK_S == pytest.approx(100 + 20 + 300 + 6 + 7)
    assert steal / TICK_S == pytest.approx(80)


def test_a_system_without_proc_was_never_busy(tmp_path):
    assert Busy.now(str(tmp_path / "missing")) == (0.0, 0.0)


def test_a_rest_counts_what_runs_meanwhile_and_the_time_between_rests_does_not_count():
    rests = Rests()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        rests.rest(0.3)
        counted = rests.busy_s
        Rests().rest(0.1)
        process.kill()

    assert rests.wall_s == pytest.approx(0.3, abs=0.2)
    assert counted >= 0.1
    assert rests.busy_s == counted


def test_no_rest_counts_nothing():
    rests = Rests()
    rests.rest(0)

    assert rests.as_json() == {"rested_s": 0.0, "rested_busy_s": 0.0, "rested_steal_s": 0.0}
