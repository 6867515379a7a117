"""What is said of a package that is not there: this interpreter, what it lacks, and what to type."""

import platform
import sys

import pytest

from experiments.kit import packages
from experiments.kit.packages import command, here, missing

PYTHON = f"{platform.python_implementation()} {platform.python_version()}"


def test_a_package_is_looked_for_and_not_imported(tmp_path, monkeypatch):
    (tmp_path / "far_away.py").write_text("raise SystemExit('imported')")
    assert not here("far_away")
    monkeypatch.syspath_prepend(tmp_path)
    assert here("far_away")


def test_where_nothing_lacks_nothing_is_said():
    assert missing([], "loops") == ""


def test_a_bare_interpreter_is_named_with_its_own_command(monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.13")
    assert missing(["uvloop", "gevent"], "loops") == (
        f"{PYTHON} cannot import uvloop, gevent;"
        " `python3.13 -m pip install uvloop gevent` brings what is missing."
    )


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", "/somewhere/.venv")


@pytest.mark.usefixtures("environment")
def test_in_a_checkout_the_environment_has_a_target_of_make():
    assert missing(["uvloop"], "loops") == (
        f"{PYTHON} cannot import uvloop; `make loops` brings what is missing."
    )


@pytest.mark.usefixtures("environment")
def test_an_installed_oscope_has_an_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.experiments, "__path__", [str(tmp_path / "experiments")])
    assert command(["uvloop"], "loops") == 'pip install "oscope[loops]"'
