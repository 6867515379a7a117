"""Which Pythons are found, what they are called, and that they are asked only once."""

import json
import os
import sys

import pytest

from app.system import interpreters
from app.system.interpreters import choices, default, find, places, probe

OLD = {"version": "3.9.18", "implementation": "CPython", "free_threaded": False}
PLAIN = {"version": "3.12.1", "implementation": "CPython", "free_threaded": False}
FREE = {"version": "3.13.5", "implementation": "CPython", "free_threaded": True}


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A world in which interpreters lie in one folder alone."""
    monkeypatch.setattr(interpreters, "places", lambda: iter([tmp_path / "bin"]))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def fake(path, facts, log=None):
    """A program that answers as an interpreter would, and notes that it was asked."""
    note = f"echo asked >> {log}\n" if log else ""
    path.write_text(f"#!/bin/sh\n{note}echo '{json.dumps(facts)}'\n")
    path.chmod(0o755)


def test_the_default_is_the_one_that_runs_oscope():
    assert default().path == sys.executable
    assert default().version == sys.version.split()[0]
    assert next(iter(find())) == default().id


def test_an_interpreter_is_named_after_what_it_is():
    (plain,) = choices("/p/python3.12", PLAIN)

    assert (plain.id, plain.path, plain.gil, plain.args) == ("cpython-3.12.1", "/p/python3.12", True, ())
    assert plain.as_json() == {
        "id": "cpython-3.12.1",
        "version": "3.12.1",
        "implementation": "CPython",
        "gil": True,
    }


def test_a_free_threaded_build_is_two_choices():
    without, with_gil = choices("/p/python3.13t", FREE)

    assert (without.id, without.gil, without.args) == ("cpython-3.13.5t-gil0", False, ("-X", "gil=0"))
    assert (with_gil.id, with_gil.gil, with_gil.args) == ("cpython-3.13.5t-gil1", True, ("-X", "gil=1"))


def test_what_is_too_old_or_does_not_answer_is_no_choice():
    assert choices("/p/python3.9", OLD) == []
    assert choices("/p/python3.9", {}) == []


def test_interpreters_are_found_by_their_names_once_each(only, tmp_path):
    fake(only / "python3.12", PLAIN)
    (only / "python3").symlink_to(only / "python3.12")
    fake(only / "python3.13t", FREE)
    fake(only / "python3.9", OLD)
    fake(only / "python3-config", PLAIN | {"version": "3.99"})
    fake(only / "pypy3.10", {"version": "3.10.14", "implementation": "PyPy", "free_threaded": False})

    assert list(find(tmp_path / "cache"))[1:] == [
        "pypy-3.10.14",
        "cpython-3.12.1",
        "cpython-3.13.5t-gil0",
        "cpython-3.13.5t-gil1",
    ]


def test_what_is_called_old_is_not_even_asked(only, tmp_path):
    log = tmp_path / "log"
    for name in ("python2.7", "python3.9", "python3.6m"):
        fake(only / name, OLD, log)
    (only / "python3").symlink_to(only / "python3.6m")

    assert len(find(tmp_path / "cache")) == 1
    assert not log.exists()


def test_an_interpreter_is_asked_once_until_its_file_changes(only, tmp_path):
    log, cache = tmp_path / "log", tmp_path / "cache" / "interpreters.json"
    fake(only / "python3.12", PLAIN, log)
    find(cache)
    assert "cpython-3.12.1" in find(cache)
    assert log.read_text() == "asked\n"

    fake(only / "python3.12", PLAIN | {"version": "3.12.11"}, log)
    assert "cpython-3.12.11" in find(cache)
    assert log.read_text() == "asked\nasked\n"


def test_one_that_did_not_answer_is_asked_again(only, tmp_path):
    program = only / "python3.12"
    program.write_text(f"#!/bin/sh\n[ -e {tmp_path}/well ] && echo '{json.dumps(PLAIN)}'\n")
    program.chmod(0o755)
    assert len(find(tmp_path / "cache")) == 1

    (tmp_path / "well").touch()
    assert len(find(tmp_path / "cache")) == 2


def test_a_broken_cache_is_no_more_than_a_missing_one(only, tmp_path):
    fake(only / "python3.12", PLAIN)
    (tmp_path / "cache").write_text("{")

    assert "cpython-3.12.1" in find(tmp_path / "cache")


def test_one_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters, "PROBE_S", 0.2)
    program = tmp_path / "python3.12"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)

    assert probe(str(program)) == {}
    assert probe(str(tmp_path / "missing")) == {}


def test_a_setting_names_further_ones_first(monkeypatch):
    monkeypatch.setenv("OSCOPE_PYTHONS", "/one/python3.13t:/two")

    first = [str(place) for place in places()][:4]

    assert first == ["/one/python3.13t", "/one/python3.13t/bin", "/two", "/two/bin"]


def test_a_file_that_the_setting_names_may_be_called_anything(tmp_path, monkeypatch):
    fake(tmp_path / "my-python", FREE)
    monkeypatch.setenv("OSCOPE_PYTHONS", str(tmp_path / "my-python"))

    assert "cpython-3.13.5t-gil0" in find(tmp_path / "cache")


def test_this_one_answers_for_itself():
    assert probe(os.path.realpath(sys.executable)) == interpreters.own_facts()
