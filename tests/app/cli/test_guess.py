"""A guess from the command line: checked before anything is measured, shown in a table after it."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from app.cli import commands, local, run, terminal
from app.runs.run import Run
from experiments.kit.spec import load, names
from tests.served import ROOT


def row(you, measured, off, near, label="", x=None):
    texts = {"you": {"text": you}, "measured": {"text": measured}, "off": {"text": off}}
    return texts | {"key": "", "series": label, "label": label, "x": x, "near": near}


@pytest.fixture
def nothing_is_measured(monkeypatch):
    def refuse(*_):
        pytest.fail("it was measured")

    monkeypatch.setattr(local, "measure", refuse)


@pytest.mark.parametrize(
    ("name", "guess", "sentence"),
    [
        ("threads.scaling", "0.5", "guess: '0.5' names no points; it has threads@2, threads@4, processes@2,"),
        ("threads.scaling", "threads@2=1", "guess: threads@4 is missing"),
        ("threads.scaling", "threads@2=x", "guess: threads@4 is missing"),
        ("threads.scaling", "threads@9=1", "guess: there is no point 'threads@9'; it has threads@2,"),
        ("threads.scaling", "", "guess: '' names no points"),
        ("threads.gil_wait", "running=nan,gil=0,ready=0,blocked=1", "guess: running: 'nan' is not a number"),
        ("threads.gil_wait", "running=,gil=0,ready=0,blocked=1", "guess: running: '' is not a number"),
        ("threads.gil_wait", "running=2,gil=0,ready=0,blocked=1", "guess: running: 2 is outside 0 to 1"),
        ("threads.gil_wait", "running=1,gil=0,ready=0,blocked=1", "guess: the parts add up to 2, not to 1"),
        ("processes.states", "half", "guess: value: 'half' is not a number"),
        ("processes.states", "50", "guess: value: 50 is outside 0 to 1"),
        ("io_models.five_models", "epoll", "guess: 'epoll' is not one of blocking, non-blocking,"),
    ],
)
def test_a_wrong_guess_ends_with_2_and_says_why(name, guess, sentence, nothing_is_measured):
    done = CliRunner().invoke(commands.cli, ["run", name, "--guess", guess])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)


def test_the_points_are_those_of_the_parameters_that_are_given(nothing_is_measured):
    guess = ["--guess", "threads@2=1,processes@2=2"]
    done = CliRunner().invoke(commands.cli, ["run", "threads.scaling", "--workers", "8", *guess])
    assert (done.exit_code, done.stderr) == (2, "guess: threads@4 is missing\n")


@pytest.mark.parametrize(
    ("name", "said", "points"),
    [
        (
            "threads.gil_wait",
            " running = 25% , gil=0.7,ready=5 %,blocked=0",
            {"running": 0.25, "gil": 0.7, "ready": 0.05, "blocked": 0.0},
        ),
        (
            "threads.race",
            "n += 1=0, o.n += 1=0, n = int(n) + 1=40 %, t = n; one(); n = t + 1=0.3",
            {"n += 1": 0.0, "o.n += 1": 0.0, "n = int(n) + 1": 0.4, "t = n; one(); n = t + 1": 0.3},
        ),
        ("processes.states", "0.5", {"value": 0.5}),
        ("processes.states", "value=50%", {"value": 0.5}),
        ("io_models.five_models", "blocking", {"choice": "blocking"}),
        ("io_models.five_models", "choice=blocking", {"choice": "blocking"}),
    ],
)
def test_a_guess_is_read_as_people_write_it(name, said, points):
    experiment = load(name)
    assert run.read_guess(experiment, said, experiment.parse({})) == points


def test_without_a_guess_there_is_none():
    assert run.read_guess(load("processes.states"), None, {}) is None


@pytest.mark.parametrize("name", names())
def test_the_help_of_an_experiment_asks_and_names_the_keys(name):
    shown = CliRunner().invoke(commands.cli, ["run", name, "--help"], terminal_width=100).stdout
    words = " ".join(shown.split())
    guess = load(name).guess
    asked = guess.as_json(load(name).parse({}))
    assert guess.ask.replace("`", "") in words
    keys = asked.get("choices") or [point["key"] for point in asked["points"]]
    assert all(key in words for key in keys if key != "value")


def test_a_run_with_a_guess_has_it_in_its_record_and_in_the_history(tmp_path):
    arguments = ["run", "processes.states", "--seconds", "0.5", "--guess", "100%", "--json", "-"]
    command = [sys.executable, "-m", "app.cli", *arguments, "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    guess = json.loads(done.stdout)["guess"]
    assert guess["points"] == {"value": 1.0}
    (compared,) = guess["rows"]
    assert (compared["series"], compared["you"]["text"]) == ("spinner 1", "100\u00a0%")
    kept = done.stderr.split()[3].rstrip(";")
    _, exported = local.export(kept, "json", tmp_path)
    assert json.loads(exported)["guess"] == guess


def shown(capsys, name, rows):
    run = Run(id="0" * 10, experiment=name, params={}, state="done", guess={"points": {}, "rows": rows})
    terminal.show_outcome(load(name), run)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_the_terminal_shows_what_was_said_and_measured_side_by_side(capsys):
    rows = [
        row("2.60×", "0.97×", "2.7×", False, "threads", 4.0),
        row("3.40×", "3.71×", "1.1×", True, "processes", 4.0),
    ]
    lines = shown(capsys, "threads.scaling", rows)
    assert "your guess you measured off by" in lines
    assert "threads at 4 workers 2.60× 0.97× 2.7×" in lines
    assert "processes at 4 workers 3.40× 3.71× 1.1×" in lines


def test_the_terminal_shows_a_choice_and_what_was_not_measured(capsys):
    assert "Your guess asynchronous unclear –" in shown(
        capsys, "io_models.five_models", [row("asynchronous", "unclear", "–", None)]
    )


def test_without_a_comparison_the_terminal_shows_no_table(capsys):
    assert not any("measured" in line for line in shown(capsys, "processes.states", []))
