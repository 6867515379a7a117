"""A fact that is only nice to know ends no page, whichever file of the kernel cannot be read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="what is read are files of Linux")
def test_no_page_and_no_topic_ends_where_a_file_of_the_kernel_cannot_be_read(tmp_path):
    command = [sys.executable, "-m", "tests.nasty.unreadable", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert {"/proc", "/proc/stat", "/proc/meminfo", "/proc/cpuinfo", "/proc/self/cgroup"} <= set(told["read"])
    assert told["wrong"] == []
