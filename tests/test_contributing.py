"""The experiment in CONTRIBUTING.md is what it says: 20 lines, one file, and everything else follows."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT, serve

CODE = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the project with the new file in it, and nothing else changed."""
    copy = tmp_path_factory.mktemp("contributing")
    for folder in ("app", "experiments", "static", "templates"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "experiments" / "threads" / "wakeup.py").write_text(CODE)
    return copy


def oscope(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)


def test_it_has_twenty_lines():
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 20


def test_the_command_line_knows_it(checkout, tmp_path):
    assert "How late does a thread wake up from a sleep?" in oscope(checkout, "list").stdout
    assert "0.1 to 20 ms" in oscope(checkout, "run", "threads.wakeup", "--help").stdout.replace("\n", " ")
    done = oscope(checkout, "run", "threads.wakeup", "--sleep", "0.5", "--json", "-", "--data", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["tables"]["sleep"]["rows"]) == 200
    assert found["tables"]["sleep"]["columns"][0]["unit"] == "s"
    assert found["verdict"]["answer"] == "late"


def test_the_bench_shows_and_runs_it(checkout, tmp_path):
    with serve(tmp_path / "data", cwd=checkout) as served:
        assert served.get("/api/experiments/threads.wakeup")["params"][0]["high"] == 20
        run = served.run("threads.wakeup", preset=None)
        assert served.ended(run)["verdict"]["answer"] == "late"
        (figure,) = served.get(f"/api/runs/{run}/figures")["figures"]
        assert figure["title"] == "How late were we?"
        assert len(figure["data"][0]["x"]) > 1
