"""Docstrings are part of an experiment; a Python that drops them is our concern and no mistake in a file."""

import inspect
import os
import subprocess
import sys

import pytest

from experiments.kit import docstrings, spec
from experiments.kit.docstrings import docstring_of
from experiments.kit.spec import SpecError, load_all, read_chapter
from tests.experiments.kit.denied import ROOT


def oscope(*arguments, **environment):
    command = [sys.executable, "-m", "app.cli", *arguments]
    env = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [["list", "--json"], ["--help"], ["run", "threads.scaling", "--help"]])
def test_a_python_that_drops_docstrings_says_the_same(arguments):
    assert oscope(*arguments, PYTHONOPTIMIZE="2") == oscope(*arguments)


@pytest.mark.parametrize("level", ["1", "2"])
def test_a_python_that_drops_docstrings_and_assertions_measures(level, tmp_path):
    options = ["--preset", "quick", "--no-store", "--html", str(tmp_path / "run.html")]
    told = oscope("run", "memory.layout", *options, PYTHONOPTIMIZE=level)

    assert "What does a process have in memory" in told or "?" in told
    assert (tmp_path / "run.html").stat().st_size > 10_000


def test_what_is_read_from_the_source_is_what_python_keeps(monkeypatch):
    found = load_all()
    chapters = [read_chapter(name) for name in {name.partition(".")[0] for name in found}]
    monkeypatch.setattr(docstrings, "DROPPED", 0)

    again = load_all()
    assert [(e.title, e.question, e.article) for e in again.values()] == [
        (e.title, e.question, e.article) for e in found.values()
    ]
    assert [read_chapter(chapter.name) for chapter in chapters] == chapters
    for experiment in found.values():
        for table in experiment.tables:
            if not table.caption.startswith(f"{table.row.__name__}("):  # what NamedTuple writes by itself
                assert docstring_of(table.row) == table.caption
    assert docstring_of(spec.Experiment.deadline) == inspect.cleandoc(spec.Experiment.deadline.__doc__)


def test_without_docstrings_and_source_one_sentence_names_the_cause_and_no_file(monkeypatch):
    def gone(_):
        raise OSError("source code not available")

    monkeypatch.setattr(docstrings, "DROPPED", 0)
    monkeypatch.setattr(inspect, "getsource", gone)
    docstrings.found_in.cache_clear()
    for ask in (lambda: spec.load("threads.scaling"), lambda: read_chapter("threads")):
        with pytest.raises(SpecError, match=r"^this Python was told to drop docstrings \(-OO") as caught:
            ask()
        assert ".py:" not in str(caught.value)
    docstrings.found_in.cache_clear()
