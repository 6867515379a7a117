"""Other loops for real, each in a process of its own; and what is said where a package is missing."""

import dataclasses
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from app.system.interpreters import default
from experiments.coroutines._event_loop import loops as _loops
from experiments.coroutines._event_loop import naps as _naps
from experiments.coroutines._event_loop.loops import Loop, Sleep, ask, enlist
from experiments.coroutines._event_loop.naps import (
    BLOCKED,
    SLEEPS,
    TOGETHER,
    Nap,
    Note,
    Pace,
    loop_checks,
    loop_doubts,
)
from experiments.coroutines.event_loop import verdict
from experiments.kit import Machine, Record
from experiments.kit.packages import here
from experiments.kit.spec import load
from experiments.kit.stats import median
from experiments.kit.subjects.subjects import Group, raise_lost
from tests.experiments.measured import measured

OWN, PYTHONS, IN_C = get_args(Sleep)
LENGTH_S = 0.005
EXPERIMENT = load("coroutines.event_loop")


@pytest.fixture(scope="module")
def crew():
    with Group() as group:
        crew, lacking = enlist(group)
        assert lacking == []
        yield crew


def lengths(crew, loop: Loop, sleep: Sleep) -> float:
    """The middle of five tries: the machine may come between."""
    tries = [ask(crew[loop], "together", sleep, SLEEPS, LENGTH_S) / 1e9 / LENGTH_S for _ in range(5)]
    return median(tries)


@pytest.mark.parametrize("loop", get_args(Loop))
@pytest.mark.measured
def test_sleeps_that_the_loop_knows_pass_together(crew, loop):
    assert 0.9 <= lengths(crew, loop, OWN) < TOGETHER


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "gevent"])
@pytest.mark.measured
def test_no_other_loop_cures_a_blocking_sleep(crew, loop):
    assert lengths(crew, loop, PYTHONS) >= BLOCKED


@pytest.mark.measured
def test_a_patched_sleep_lets_the_others_run(crew):
    assert 0.9 <= lengths(crew, "gevent, patched", PYTHONS) < TOGETHER


@pytest.mark.parametrize("loop", get_args(Loop))
@pytest.mark.measured
def test_a_sleep_in_c_stops_everybody_patched_or_not(crew, loop):
    assert lengths(crew, loop, IN_C) >= BLOCKED


@pytest.mark.measured
def test_uvloop_needs_less_for_a_turn(crew):
    ratios = [ask(crew["uvloop"], "turns", 2000) / ask(crew["asyncio"], "turns", 2000) for _ in range(7)]
    assert median(ratios) < 1


def test_nothing_of_them_is_imported_where_they_are_only_asked(crew):
    assert "gevent" not in sys.modules
    assert "uvloop" not in sys.modules


# What is missing


def test_a_package_that_cannot_be_imported_is_told_and_the_others_play(monkeypatch):
    monkeypatch.setitem(sys.modules, "gevent", None)  # as if it were not there; the subjects inherit it
    with Group() as group:
        crew, lacking = enlist(group)
        assert (list(crew), lacking) == (["asyncio", "uvloop"], ["gevent"])
        assert [subject.usage for subject in group.subjects] == [None] * 4  # all alive: they only say so
        assert {row.loop for row in _naps.naps(crew, 1)} == {"asyncio", "uvloop"}
        assert {row.loop for row in _naps.paces(crew, 1)} == {"asyncio", "uvloop"}
    (note,) = _naps.lacks(lacking)
    assert note.about == "gevent"
    assert "cannot import gevent; `" in note.why
    assert note.why.endswith("` brings what is missing. Everything else ran.")


@pytest.mark.parametrize("trouble", ["import os; os._exit(3)", "raise RuntimeError", "raise ImportError"])
@pytest.mark.parametrize("others", ["wait", "are late"])
def test_a_package_that_breaks_on_import_is_as_good_as_missing(tmp_path, monkeypatch, trouble, others):
    """Whenever its process ends: before anybody waits for it, or while another one is waited for."""
    (tmp_path / "uvloop.py").write_text(trouble)
    monkeypatch.syspath_prepend(tmp_path)
    if others == "are late":
        monkeypatch.setattr(_loops, "make", partial(make_late, make=_loops.make))
    with Group() as group:
        crew, lacking = enlist(group)
        assert (list(crew), lacking) == (["asyncio", "gevent", "gevent, patched"], ["uvloop"])
    raise_lost()


def make_late(loop: Loop, make):
    if loop != "uvloop":
        time.sleep(0.5)
    return make(loop)


def test_where_all_is_there_nothing_is_said():
    assert list(_naps.lacks([])) == []


@pytest.mark.measured
def test_an_interpreter_without_them_measures_all_the_rest(tmp_path):
    """A real one: an empty environment, in which only the standard library is."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = dataclasses.replace(default(), path=str(tmp_path / "bare" / "bin" / "python"))
    ran = measured(EXPERIMENT.name, "quick", python=bare)
    said = verdict(ran.record())
    assert (ran.messages[-1]["t"], ran.messages[-1]["why"]) == ("end", "done")
    assert {row.loop for row in ran.record()[Nap]} == {"asyncio"}
    assert "cannot import uvloop, gevent; `make loops` brings" in str(said.doubts[-1])
    assert said.answer in ("one runs, the others wait", "unclear")
    assert not [str(check.claim) for check in said.checks if check.ok is False]


# What they say


def naps(loop: str, sleep: str, *took: float) -> list[Nap]:
    return [Nap(loop, sleep, i, each * 0.003, each) for i, each in enumerate(took, 1)]


def paces(*ratios: float) -> list[Pace]:
    return [Pace("uvloop", i, 1e-6, ratio) for i, ratio in enumerate(ratios, 1)]


SEEN = [
    *naps("asyncio", OWN, 1.1, 1.2, 1.1),
    *naps("asyncio", PYTHONS, 4.1, 4.2, 4.1),
    *naps("gevent, patched", PYTHONS, 1.1, 1.1, 1.2),
    *naps("gevent, patched", IN_C, 4.1, 4.3, 4.2),
    *paces(0.5, 0.6, 0.5),
]


def checked(*rows: object) -> list[tuple[str, bool | None]]:
    return [(str(check.claim), check.ok) for check in loop_checks(record(*rows))]


def record(*rows: object) -> Record:
    return Record(Machine.here(), EXPERIMENT.parse({}), rows)


def test_every_loop_that_ran_is_told_and_no_other():
    assert checked(*SEEN) == [
        ("asyncio: four of its own sleeps take 1.10× as long as one, four of time.sleep 4.10×.", True),
        (
            "Patched by gevent, four of time.sleep take 1.10× as long as one;"
            " four sleeps in C still take 4.20×.",
            True,
        ),
        ("A turn of uvloop takes 0.50× to 0.60× as long as one of asyncio: quicker, and no cure.", True),
    ]
    assert checked() == []
    assert checked(*naps("uvloop", OWN, 1.1, 1.1), *naps("uvloop", PYTHONS, 4.1, 4.1)) == []


def test_a_busy_machine_leaves_open_what_waits_together_and_nothing_else():
    late = [*naps("uvloop", OWN, 2.5, 3.0, 1.1), *naps("uvloop", PYTHONS, 4.1, 9.0, 4.1)]
    assert [ok for _, ok in checked(*late)] == [None]


def test_blocking_calls_that_took_less_than_one_after_another_are_wrong():
    impossible = [*naps("uvloop", OWN, 1.1, 1.1, 1.1), *naps("uvloop", PYTHONS, 4.1, 3.0, 4.1)]
    assert [ok for _, ok in checked(*impossible)] == [False]


def test_turns_that_were_not_quicker_for_sure_are_left_open():
    assert [ok for _, ok in checked(*paces(0.5, 1.1, 0.5))] == [None]


def test_what_is_missing_is_a_doubt():
    (doubt,) = loop_doubts(record(Note("gevent", "There is none. Everything else ran.")))
    assert str(doubt) == "There is none. Everything else ran."
    assert loop_doubts(record(*SEEN)) == ()


def test_the_packages_of_the_loops_are_those_of_the_extra():
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    extra = project.partition(f"\n{_loops.EXTRA} = [")[2].partition("]")[0]
    assert all(f'"{package}>=' in extra and here(package) for package in _loops.PACKAGES.values())
