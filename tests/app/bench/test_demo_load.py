"""Stirring the machine: it works as it says, and leaves nobody behind."""

import asyncio
import time

import psutil
import pytest

from app.bench.demo_load import Stirring, UnknownStir
from app.children.runner import run_child
from app.live.topics import Hub
from app.system.interpreters import default
from experiments.kit.child import stir
from experiments.kit.spec import Progress

PATIENCE_S = 20


@pytest.fixture
async def stirring():
    stirring = Stirring(Hub(), run_child)
    yield stirring
    await stirring.end()


def threads_at_work():
    """Of each process that descends from us and has no child itself."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if not process.children():
                found.append(process.num_threads())
        except psutil.NoSuchProcess:
            continue
    return found


async def until_at_work(wanted):
    give_up = time.monotonic() + PATIENCE_S
    while (seen := threads_at_work()) != wanted:
        assert time.monotonic() < give_up, seen
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("kind", "threads"),
    [("thread", [2]), ("threads", [5]), ("processes", [2, 2, 2, 2]), ("sleepers", [1001])],
)
async def test_each_way_has_its_processes_and_threads_until_it_is_ended(stirring, kind, threads):
    await stirring.begin(kind, default())
    await until_at_work(threads)  # beside the main thread of each
    assert stirring.state()["kind"] == kind
    assert 0 < stirring.state()["left_s"] <= stir.LENGTH_S

    await stirring.end()
    assert threads_at_work() == []
    assert stirring.state() == {"kind": "", "left_s": 0}


@pytest.mark.parametrize("kind", stir.KINDS)
def test_it_ends_by_itself(monkeypatch, kind):
    monkeypatch.setattr(stir, "LENGTH_S", 0.05)
    began = time.monotonic()
    assert list(stir.measure(kind)) == [Progress(0)]
    assert time.monotonic() - began >= 0.05
    assert threads_at_work() == []


async def test_another_way_takes_the_place_of_the_first(stirring):
    await stirring.begin("threads", default())
    await until_at_work([5])
    await stirring.begin("processes", default())
    await until_at_work([2, 2, 2, 2])
    assert stirring.state()["kind"] == "processes"


async def test_two_who_stir_at_once_do_not_both(stirring):
    await asyncio.gather(stirring.begin("thread", default()), stirring.begin("threads", default()))
    await until_at_work([5])


async def test_an_unknown_way_is_refused_and_the_known_one_goes_on(stirring):
    await stirring.begin("threads", default())
    with pytest.raises(UnknownStir, match="'spin' is no way to stir the machine; there are thread, "):
        await stirring.begin("spin", default())
    assert stirring.state()["kind"] == "threads"


async def test_a_stir_that_cannot_be_is_over(caplog):
    async def broken(*_, **__):
        raise OSError("no more processes")
        yield

    stirring = Stirring(Hub(), broken)
    await stirring.begin("thread", default())
    await stirring.end()
    assert stirring.state()["kind"] == ""
    assert "could not be stirred" in caplog.text
