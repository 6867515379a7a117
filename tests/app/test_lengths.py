"""How long something took is measured by a clock that nobody sets, and says nothing where that is unknown."""

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest

from app.bench.demo_load import Stirring
from app.bench.live_run import Live
from app.cli import terminal
from app.export.exports import as_json
from app.importing import imports
from app.importing.checks import ImportRefused
from app.runs.run import Run, State
from app.storage.store import Store
from app.text import prose
from experiments.kit.spec import load
from tests.served import ROOT

# Every time that somebody asks, the wall clock has been set back by an hour.
SET_BACK = """
import itertools, sys, time
asked, real = itertools.count(), time.time
time.time = lambda: real() - 3600 * next(asked)
from app.cli import commands
commands.main()
"""
RUN = Run(id="0123456789", experiment="a.b", params={}, state=State.DONE, created_at=900.0, started_at=1000.0)


def test_a_clock_that_is_set_back_during_a_run_does_not_change_its_length(tmp_path):
    order = [
        "run",
        "threads.gil_wait",
        "--seconds",
        "0.3",
        "--data",
        tmp_path,
        "--json",
        tmp_path / "run.json",
    ]
    before = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SET_BACK, *map(str, order)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    most = time.monotonic() - before
    record = json.loads((tmp_path / "run.json").read_text())
    assert done.returncode == 0
    assert record["ended_at"] < record["started_at"]
    assert 0.2 < record["length_s"] < most
    with closing(Store(tmp_path / "oscope.sqlite3")) as store:
        run = store.get(record["id"])
    assert run.took_s == record["length_s"]
    assert terminal.took(run).removeprefix(", ") == prose.took(run) != ""
    assert prose.took(run) in done.stdout


def test_the_history_is_in_the_order_of_the_runs_whatever_the_clock_said(tmp_path):
    with closing(Store(tmp_path / "runs.sqlite3")) as store:
        ids = [f"{n:010x}" for n in range(4)]
        for n, id in enumerate(ids):
            store.create(replace(RUN, id=id, created_at=1000.0 - 3600 * n))
        assert [run.id for run in store.list()[0]] == ids[::-1]


@pytest.mark.parametrize(
    ("changes", "took"),
    [
        ({"length_s": 2.5, "ended_at": 5.0}, "2.50\xa0s"),
        ({"length_s": 2.5}, "2.50\xa0s"),
        ({"ended_at": 1002.5}, "2.50\xa0s"),  # of an older oscope
        ({"ended_at": 999.0}, ""),
        ({"started_at": None, "ended_at": 999.0}, ""),
        ({}, ""),
    ],
)
def test_a_length_that_nobody_knows_is_left_out(changes, took):
    run = replace(RUN, **changes)
    assert (prose.took(run), terminal.took(run).removeprefix(", ")) == (took, took)


def test_what_is_left_of_a_run_and_of_a_stir_does_not_follow_the_wall_clock(monkeypatch):
    live = Live(replace(RUN, experiment="threads.gil_wait"), load("threads.gil_wait"), None, None)
    live.run = replace(live.run, params=live.experiment.parse({}))
    live.began = time.monotonic() - 1.0
    stirring = Stirring.__new__(Stirring)
    stirring.kind, stirring.until = "cpu", time.monotonic() + 5
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert live.cost_s - 2.0 < live.remaining_s() <= live.cost_s - 1.0
    assert 1.0 <= live.summary()["elapsed_s"] < 10.0
    assert 4.0 < stirring.state()["left_s"] <= 5.0


def test_who_guessed_late_is_known_by_the_order_and_not_by_the_clock():
    early = {"points": {}, "given_at": 5000.0, "rows": None}
    assert replace(RUN, guess=early, ended_at=2000.0).guessed_late is True  # of an older oscope
    assert replace(RUN, guess=early | {"late": False}, ended_at=2000.0).guessed_late is False
    assert replace(RUN, guess={**early, "given_at": 1.0, "late": True}, ended_at=2000.0).guessed_late is True
    assert RUN.guessed_late is False


@pytest.mark.parametrize("length", [-1, 1e300, "long", True, [], 90_000])
def test_a_length_in_a_file_from_elsewhere_is_held_to_what_can_be(length):
    with pytest.raises(ImportRefused, match="length_s"):
        imports.length_of({"length_s": length})
    assert [imports.length_of(record) for record in ({}, {"length_s": None}, {"length_s": 2.5})] == [
        None,
        None,
        2.5,
    ]


def test_the_length_is_in_every_record():
    experiment = load("threads.race")
    assert as_json(experiment, replace(RUN, length_s=2.5), {})["length_s"] == 2.5
    assert RUN.as_json()["length_s"] is None
