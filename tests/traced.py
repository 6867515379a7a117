"""What strace saw of a Python program, for the tests that hold our clocks and counts against another's."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Traced(NamedTuple):
    """What the program printed, and a line for every call: task, then what the options ask for."""

    printed: str
    lines: list[str]


def strace(program: str, trace: Path, *options: str) -> Traced:
    if not (tool := shutil.which("strace")):
        pytest.skip("strace is not installed")
    command = [tool, "-f", *options, "-o", str(trace), sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return Traced(done.stdout, trace.read_text().splitlines())
