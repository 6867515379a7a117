"""The page's modules are tested by Node; what it says is shown here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "js"
NODE = shutil.which("node")


def test_the_modules_of_the_page_pass_their_own_tests() -> None:
    if NODE is None:
        if os.environ.get("CI"):
            pytest.fail("node is not installed, and this is CI: the JavaScript went untested")
        pytest.skip("node is not installed (version 20 or later is needed)")
    files = sorted(str(file) for file in TESTS.glob("*.test.js"))
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=100)

    assert done.returncode == 0, failures(done.stdout) or done.stdout + done.stderr


def failures(report: str) -> str:
    """The failed tests of a TAP report, with what they say."""
    blocks = report.split("# Subtest: ")
    return "\n".join(block for block in blocks if "\nnot ok" in block or block.startswith("not ok"))
