"""What people install is what we tested: the wheel alone, in an empty environment, serves the same page."""

import re
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from tests.served import ROOT, serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The python of an empty environment into which only the wheel and what it asks for was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    (wheel,) = folder.glob("oscope-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip"] if has_pip(sys.executable) else ["python3", "-m", "pip"]
    run(*pip, "--python", python, "install", "--quiet", wheel, "--constraint", versions(folder))
    return python


def has_pip(python: str) -> bool:
    return (
        subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    )


def versions(folder: Path) -> Path:
    """The locked versions as constraints; hashes would forbid the wheel itself."""
    pins = re.findall(r"^\S+==\S+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pins))
    return constraints


def test_the_wheel_serves_the_bench_and_measures(installed, tmp_path):
    with serve(tmp_path / "data", python=str(installed), cwd=tmp_path) as served:
        with urllib.request.urlopen(served.url) as answer:
            page = answer.read().decode()
        assert "What is your machine" in page
        for asset in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page)):
            with urllib.request.urlopen(served.url + asset) as answer:
                assert answer.status == 200, asset
        run_id = served.run("threads.scaling")
        assert served.ended(run_id)["state"] == "done"
        question = tomllib.loads((ROOT / "experiments/threads/scaling.zh.toml").read_text())["question"]
        asked = urllib.request.Request(
            f"{served.url}/api/runs/{run_id}/export/html", headers={"Accept-Language": "zh-CN"}
        )
        with urllib.request.urlopen(asked) as answer:
            assert question in answer.read().decode()


def test_the_wheel_installs_the_command(installed):
    done = subprocess.run([installed.parent / "oscope", "list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "threads.scaling" in done.stdout
