"""Every benchmark still runs. What it prints is judged by nobody here: that is for quiet machines."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import CHROMIUM
from tests.browser.fonts import miss

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "benchmarks"
SMALLEST = {
    "card.py": ["1", "memory.layout"],
    "compare.py": ["100", "2"],
    "first_frame.py": ["1", "0.1"],
    "first_point.py": ["2", "0.1"],
    "first_row.py": ["--runs", "1", "--stops", "1", "--here"],
    "history.py": ["10", "1"],
    "idle.py": ["0.1", "1"],
    "imports.py": ["0.1"],
    "look_cost.py": ["1"],
    "observer.py": ["1", "0.1"],
    "processes.py": ["1", "1"],
    "quick.py": ["memory.layout"],
    "report.py": ["--spans", "100"],
    "storage.py": ["1000", "10"],
    "timeline.py": ["1", "100"],
    "viewers.py": ["0.1", "3"],
}


def test_no_benchmark_is_left_out():
    assert sorted(SMALLEST) == sorted(path.name for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_runs_with_its_smallest_arguments(name: str):
    if CHROMIUM is None and "CHROMIUM" in (FOLDER / name).read_text():
        miss("there is no Chromium on this machine; install the package `chromium`")
    command = [sys.executable, str(FOLDER / name), *SMALLEST[name]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_the_benchmarks_go_on_after_one_that_breaks_and_name_it_at_the_end(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    folder = tmp_path / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    for name, code in {"a": "print('a ran')", "b": "raise SystemExit(3)", "c": "print('c ran')"}.items():
        (folder / f"{name}.py").write_text(code)
    command = ["make", "--old-file", ".venv/dev", "bench"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "a ran" in done.stdout
    assert "c ran" in done.stdout
    assert done.returncode != 0
    assert "failed: tests/benchmarks/b.py\n" in done.stderr
