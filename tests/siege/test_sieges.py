"""A small part of each siege: what holds for many holds for some."""

import shutil

import pytest

from tests.served import serve
from tests.siege import bombs, clock_jumps, half_open, many_runs, odd_signals, stopped, storms


@pytest.mark.slow
async def test_whoever_comes_and_goes_leaves_nothing_behind(tmp_path):
    with serve(tmp_path / "data") as served:
        watched = await storms.watch_together(served, viewers=25, sleepers=5)
        gone = await storms.come_and_go(served, times=100)
    assert (watched["told of the end"], watched["tracebacks"]) == (20, 0)
    assert gone["tracebacks"] == 0


@pytest.mark.slow
async def test_a_server_that_was_stopped_goes_on_with_its_run_and_its_pages(tmp_path):
    with serve(tmp_path / "data") as served:
        figures = await stopped.besiege(served, seconds=2.0, everything=True)
    assert figures["the run"] == "done "
    assert (figures["next run"], figures["tracebacks"]) == ("done", 0)


@pytest.mark.slow
async def test_sockets_that_say_half_a_thing_keep_nobody_waiting_for_good(tmp_path):
    with serve(tmp_path / "data") as served:
        figures = half_open.besiege(served, sockets=400, seconds=2.0, limit=256)
    assert figures["without an answer"] == 0
    assert figures["log lines a second"] <= 2


@pytest.mark.slow
async def test_a_file_that_is_a_bomb_is_refused_and_the_server_goes_on(tmp_path):
    refused = {
        "nested a million deep": "422",
        "a number of a million digits": "422",
        "a gzip bomb": "422",
        "65 MB of blanks": "413",
    }
    with serve(tmp_path / "data") as served:
        figures = bombs.besiege(served, *refused)
    assert {kind: str(figures[kind])[:3] for kind in refused} == refused


@pytest.mark.slow
def test_a_signal_at_any_moment_ends_a_run_of_the_terminal_and_leaves_nothing():
    assert odd_signals.besiege(rounds=6, within_s=1.5)["faults"] == "none"


@pytest.mark.slow
def test_a_long_history_is_served_from_its_first_run_to_its_last():
    figures = many_runs.besiege(runs=120, rows=20)
    assert len([name for name in figures if name.startswith("GET ")]) == len(many_runs.PATHS) + 2


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="the clock is set by a library that is compiled here")
def test_a_wall_clock_that_jumps_changes_no_length_and_no_order():
    figures = clock_jumps.besiege(hours=1.0)
    assert all(str(figures[f"{jump}: the run"]).startswith("done") for jump in ("forth", "back", "home"))
    assert (figures["history, newest first"], figures["tracebacks"]) == (True, 0)
