import hashlib
import time

import pytest

from experiments.kit.kernel.clock import now_ns
from experiments.kit.subjects import work


def cpu_s(function, *arguments) -> float:
    before = time.thread_time()
    function(*arguments)
    return time.thread_time() - before


@pytest.mark.parametrize("kind", [work.python_loop, work.hash_buffers])
@pytest.mark.measured
def test_twice_the_loops_are_about_twice_the_work(kind):
    loops = work.calibrate(kind, 0.02)
    ratios = [cpu_s(kind, 2 * loops) / cpu_s(kind, loops) for _ in range(7)]
    assert 1.4 < sorted(ratios)[3] < 2.8


@pytest.mark.measured
def test_a_turn_of_a_short_loop_costs_as_much_as_one_of_a_long_loop():
    """So what was calibrated with half a million turns holds for those of some microseconds, too."""

    def in_pieces(turns: int, pieces: int) -> None:
        for _ in range(pieces):
            work.python_loop(turns)

    ratios = [cpu_s(in_pieces, 400_000, 1) / cpu_s(in_pieces, 250, 1600) for _ in range(11)]
    assert 0.85 < sorted(ratios)[5] < 1.15


@pytest.mark.measured
def test_a_nap_takes_time_and_no_core():
    start = time.monotonic()
    assert cpu_s(work.nap, 30_000) < 0.01
    assert time.monotonic() - start >= 0.03


@pytest.mark.measured
def test_calibrated_naps_last_as_long_as_asked():
    assert work.calibrate(work.nap, 0.05) == pytest.approx(50_000, rel=0.2)


def test_even_the_smallest_work_has_one_loop():
    assert work.calibrate(work.hash_buffers, 1e-9) == 1


def test_burning_ends_on_time_and_counts_what_it_did():
    until_ns = now_ns() + 20_000_000
    assert work.burn_until(until_ns) > 10
    assert now_ns() >= until_ns
    assert work.burn_until(now_ns() - 1) == 0


def test_a_hasher_hashes_a_buffer_of_the_size_asked_for():
    assert work.hasher(4096)().digest() == hashlib.sha256(bytes(4096)).digest()
