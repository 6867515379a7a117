"""A run that the kernel kills for want of memory says so, and the server lives."""

import os

import pytest

from app.children import runner
from tests.siege import starved
from tests.siege.ground import ground


def test_the_kernels_count_is_read_or_unknown(tmp_path, monkeypatch):
    for content, count in (
        ("pgfree 3\noom_kill 7\n", 7),
        ("pgfree 3\n", None),
        ("", None),
        ("oom_kill x\n", None),
    ):
        (tmp_path / "vmstat").write_text(content)
        monkeypatch.setattr(runner, "VMSTAT", tmp_path / "vmstat")
        assert runner.memory_kills() == count
    monkeypatch.setattr(runner, "VMSTAT", tmp_path / "nothing")
    assert runner.memory_kills() is None


def test_a_run_without_memory_fails_with_a_sentence_and_the_next_one_is_measured():
    if os.geteuid() or not any(
        os.access(root, os.W_OK) and (root / "cgroup.procs").exists() for root in starved.ROOTS
    ):
        pytest.skip("a control group of its own takes root and a hierarchy that may be written")
    with ground() as served:
        try:
            seen = starved.besiege(served)
        except OSError as error:
            pytest.skip(f"no control group of its own is to be had here: {error}")
    assert seen["the run"] == (
        "failed: the kernel ended it, because the machine or its control group had no memory left"
    )
    assert (seen["the next run"], seen["server"]) == ("done", "lives")
