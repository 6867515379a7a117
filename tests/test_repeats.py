"""Only measured tests are repeated, and never silently. Each test here runs a pytest of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
ATTEMPTS = """
from pathlib import Path
import time
import pytest

def attempt(name):
    with Path(__file__).with_name(name).open("a") as seen:
        seen.write(".")
    return len(Path(__file__).with_name(name).read_text())
"""
TESTS = """
@pytest.mark.measured
def test_blurred_twice():
    share = attempt("blurred") / 10
    assert share >= 0.3

@pytest.mark.measured
def test_clear():
    assert attempt("clear") == 1

@pytest.mark.measured
def test_always_wrong():
    attempt("wrong")
    assert 0.2 >= 0.6, "the share"

@pytest.mark.measured
@pytest.mark.timeout(0.2)
def test_hangs_twice():
    if attempt("hung") < 3:
        time.sleep(60)

@pytest.fixture(scope="module")
def figure():
    taken = attempt("figure")
    yield taken
    attempt("given back")

@pytest.mark.measured
def test_a_figure_of_the_module(figure):
    assert figure == 3

def test_the_figure_of_those_that_come_after(figure):
    assert figure == 3

def test_strict():
    assert attempt("strict") >= 2
"""
FLAKY = """
@pytest.mark.flaky(reruns=2)
def test_strict():
    assert attempt("strict") >= 2
"""


def run_pytest(folder: Path, tests: str, *options: str) -> tuple[int, str]:
    (folder / "test_it.py").write_text(ATTEMPTS + tests)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTEST_ADDOPTS": ""}
    for name in [name for name in environment if name.startswith("PYTEST_XDIST")]:
        del environment[name]  # these speak of the run that we are in
    ours = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "tests.repeats"]
    command = [sys.executable, "-m", "pytest", *ours, "-p", "no:cacheprovider", "test_it.py", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def attempts(folder: Path, name: str) -> int:
    return len((folder / name).read_text())


def last_lines(said: str) -> list[str]:
    """Everything from the line on that counts the repeats."""
    lines = said.splitlines()
    start = next(number for number, line in enumerate(lines) if "measured tests were repeated" in line)
    return lines[start:]


class Ran(NamedTuple):
    folder: Path
    status: int
    said: str

    def attempts(self, name: str) -> int:
        return len((self.folder / name).read_text())

    def last_lines(self) -> list[str]:
        """Everything from the line on that counts the repeats."""
        lines = self.said.splitlines()
        start = next(number for number, line in enumerate(lines) if "measured tests were repeated" in line)
        return lines[start:]


@pytest.fixture(scope="module", params=[[], ["-n", "2", "--dist", "loadfile"]], ids=["alone", "xdist"])
def ran(request, tmp_path_factory) -> Ran:
    folder = tmp_path_factory.mktemp("repeats")
    return Ran(folder, *run_pytest(folder, TESTS, *request.param))


def test_what_was_repeated_is_listed_last_with_why_and_the_state_of_the_machine(ran):
    lines = ran.last_lines()
    assert "4 of 5 measured tests were repeated" in lines[0]
    start = lines.index("test_it.py::test_blurred_twice: repeated 2 times, then passed")
    first, machine, second = lines[start + 1 : start + 4]
    assert (first, second) == ("  attempt 1: assert 0.1 >= 0.3", "  attempt 2: assert 0.2 >= 0.3")
    assert re.match(r"    (others used \d+% of \d+ cores, the test \d+%|how busy)", machine)
    assert "test_clear" not in ran.said
    assert ran.attempts("blurred") == 3


def test_a_strict_test_that_fails_once_is_red(ran):
    assert ran.status == 1
    assert ran.attempts("strict") == 1
    assert "test_strict: repeated" not in ran.said
    assert "2 failed, 5 passed" in ran.last_lines()[-1]


def test_a_measured_test_that_is_always_wrong_is_red_after_three_repeats(ran):
    assert ran.attempts("wrong") == 4
    assert "test_it.py::test_always_wrong: repeated 3 times, then failed" in ran.last_lines()
    assert "  attempt 4: AssertionError: the share" in ran.last_lines()


def test_what_a_module_measures_for_its_tests_is_measured_anew_for_a_repeat(ran):
    assert "test_it.py::test_a_figure_of_the_module: repeated 2 times, then passed" in ran.last_lines()
    assert (ran.attempts("figure"), ran.attempts("given back")) == (3, 3)


def test_the_limit_of_time_holds_for_every_attempt(ran):
    assert ran.attempts("hung") == 3
    assert "test_it.py::test_hangs_twice: repeated 2 times, then passed" in ran.last_lines()


def test_a_run_in_which_nothing_was_repeated_says_so(tmp_path):
    ran = Ran(tmp_path, *run_pytest(tmp_path, TESTS, "-k", "clear"))
    assert ran.status == 0, ran.said
    assert "0 of 1 measured tests were repeated" in ran.last_lines()[0]


def test_nobody_is_repeated_by_another_name(tmp_path):
    status, said = run_pytest(tmp_path, FLAKY)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "test_it.py::test_strict is marked flaky: mark it `measured`, or mend its cause" in said
