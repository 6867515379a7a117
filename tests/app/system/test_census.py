"""Counting all processes: held against psutil, which we did not write."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from app.system import census
from app.system.census import Census, everyone, parse

STAT = (
    b"4711 (odd ) name (x) R 1 4711 4711 0 -1 4194304 100 0 7 0 250 50 0 0 20 0 3 0 9000 0 512 "
    b"18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0"
)
STATUS = (
    b"Name:\todd\nUid:\t1000\t1000\t1000\t1000\n"
    b"voluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"
)


@pytest.fixture
def spinner():
    child = subprocess.Popen(
        [sys.executable, "-c", "print(1, flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    )
    assert child.stdout
    child.stdout.readline()
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_name_with_brackets_and_blanks_is_read_whole():
    found = parse(4711, STAT, STATUS)
    assert (found.name, found.state, found.parent, found.uid) == ("odd ) name (x", "R", 1, 1000)
    assert (found.threads, found.core, found.started_ticks) == (3, 1, 9000)
    assert found.switches == 42
    assert found.cpu_s == 300 / census.TICKS
    assert found.resident_b == 512 * census.PAGE_B


def test_every_process_of_this_machine_is_counted(spinner):
    before = set(psutil.pids())
    ours = {p.pid for p in everyone()}
    lasting = before & set(psutil.pids())  # others come and go meanwhile
    assert {os.getpid(), os.getppid(), spinner.pid} <= lasting <= ours


def test_what_is_counted_is_what_psutil_says(spinner):
    found = {p.pid: p for p in everyone()}[spinner.pid]
    other = psutil.Process(spinner.pid)
    assert found.name == other.name()
    assert found.parent == os.getpid()
    assert found.uid == other.uids().real
    assert found.threads == other.num_threads() == 1
    assert found.state == "R"
    assert abs(found.resident_b - other.memory_info().rss) <= 1024 * 1024


@pytest.mark.measured
def test_rates_need_two_looks(spinner):
    counting = Census()
    first = {row.pid: row for row in counting.sample()}[spinner.pid]
    assert (first.cpu, first.switches_s) == (None, None)
    before, start = psutil.Process(spinner.pid).cpu_times(), time.monotonic()
    time.sleep(0.5)
    second = {row.pid: row for row in counting.sample()}[spinner.pid]
    after, wall_s = psutil.Process(spinner.pid).cpu_times(), time.monotonic() - start
    burned = (after.user + after.system - before.user - before.system) / wall_s
    assert second.cpu is not None
    assert abs(second.cpu - burned) <= 0.15
    assert 0 < second.cpu <= 1.1
    assert second.switches_s is not None


def test_a_number_that_is_used_again_is_another_process():
    counting = Census()
    counting.sample()
    one = next(iter(counting.before.values()))
    counting.before = {(one.pid, one.started_ticks + 1): one}
    assert {row.pid: row for row in counting.sample()}[one.pid].cpu is None


def test_a_zombie_is_a_row_of_its_own():
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    found = {p.pid: p for p in everyone()}[child.pid]
    assert (found.state, found.resident_b) == ("Z", 0)
    child.wait()
    assert child.pid not in {p.pid for p in everyone()}
