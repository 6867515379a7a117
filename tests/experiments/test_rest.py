"""Pauses in which the page draws, and what is counted in them."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from experiments.kit.child import rest
from experiments.kit.child.rest import TICK_S, Busy, Rests


def test_ticks_are_read_as_the_manual_page_orders_them(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 300 4000 50 6 7 80 9 1\ncpu0 1 2 3 4\nprocs_running 3\n")

    busy, steal = Busy.now(path=str(stat))

    assert busy / TICK_S == pytest.approx(100 + 20 + 300 + 6 + 7)
    assert steal / TICK_S == pytest.approx(80)


STAT = """cpu  300 0 0 4000 0 0 0 30 0 0
cpu0 100 0 0 1000 0 0 0 10 0 0
cpu2 150 0 0 1000 0 0 0 5 0 0
cpu20 50 0 0 2000 0 0 0 15 0 0
intr 5
"""


@pytest.mark.parametrize(
    ("cores", "busy", "steal"), [((), 300, 30), ((0,), 100, 10), ((2,), 150, 5), ((0, 20), 150, 25)]
)
def test_what_is_counted_are_the_cores_of_the_run(tmp_path, cores, busy, steal):
    (tmp_path / "stat").write_text(STAT)

    seen = Busy.now(cores, str(tmp_path / "stat"))

    assert (seen.busy_s / TICK_S, seen.steal_s / TICK_S) == (pytest.approx(busy), pytest.approx(steal))


@pytest.mark.parametrize("content", [None, "", "cpu\n", "cpu 1 2 3\n", "intr 5\n", "cpu a b c d e f g h\n"])
def test_what_the_system_does_not_tell_is_unknown_and_never_zero(tmp_path, content):
    if content is not None:
        (tmp_path / "stat").write_text(content)

    assert Busy.now(path=str(tmp_path / "stat")) == (None, None)


def test_cores_of_which_one_is_not_told_are_unknown(tmp_path):
    (tmp_path / "stat").write_text(STAT)

    assert Busy.now((0, 1), str(tmp_path / "stat")) == (None, None)


def test_a_rest_in_which_nobody_could_look_makes_the_sum_unknown(monkeypatch):
    rests = Rests()
    rests.rest(0.001)
    monkeypatch.setattr(rest, "Busy", SimpleNamespace(now=lambda cores: Busy(None, None)))
    rests.rest(0.001)
    monkeypatch.undo()
    rests.rest(0.001)

    told = rests.as_json()
    assert told.pop("rested_s") >= 0.003
    assert told == {"rested_busy_s": None, "rested_steal_s": None}


@pytest.mark.measured
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
