"""A small part of each siege: what holds for many holds for some."""

import pytest

from tests.served import serve
from tests.siege import stopped, storms


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
