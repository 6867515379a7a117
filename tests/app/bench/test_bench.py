import asyncio
import errno
import os
import threading
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from app.bench.bench import Bench, Busy, NotRunning, QueueFull, StillRunning, UnknownExperiment
from app.bench.open_runs import UnknownRun
from app.children.runner import Spare, run_child
from app.ground.limits import ALONE, SHARED, RunLimits
from app.live.topics import Hub, Viewer
from app.runs.run import State
from app.storage.errors import StorageFull
from app.storage.records import tables_of
from app.storage.store import Store
from app.system.interpreters import default
from experiments.kit.kernel import process_tree
from experiments.kit.spec import ParameterError, load_all
from tests.tiny.root import build_root, load


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs.sqlite3")
    yield store
    store.close()


@pytest.fixture
def make(root, store):
    """Build a bench that measures the tiny experiments."""

    def make(store=store, **options):
        interpreters = {default().id: default()}
        return Bench(load(), store, Hub(), interpreters, run_child=partial(run_child, root=root), **options)

    return make


@pytest.fixture
async def bench(make):
    bench = make()
    await bench.start()
    yield bench
    await bench.close()


async def ended(bench, run):
    live = await bench.views.of(run.id)
    await live.ended.wait()
    return live.run


async def rows_of(bench, run, count):
    """Wait until so many rows have arrived."""
    live = await bench.views.of(run.id)
    news = asyncio.Event()

    async def send(text):
        news.set()

    viewer = Viewer(send, tick_s=0)
    writing = asyncio.create_task(viewer.run())
    viewer.subscribe(live.topic)
    while sum(live.run.rows.values()) < count:
        await news.wait()
        news.clear()
    writing.cancel()
    viewer.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_run_is_measured_judged_drawn_and_stored(bench, store):
    queued = await bench.submit("tiny.counting", {"n": "4"})
    assert (queued.state, queued.params) == (State.QUEUED, {"n": 4, "pause": 0})
    run = await ended(bench, queued)
    assert (run.state, run.why, run.progress, run.rows) == (State.DONE, "", 1.0, {"step": 4})
    assert run.verdict["headline"] == "It counted 4 steps."
    assert set(run.conditions) >= {"foreign_cpu", "run_delay", "steal", "own_cpu"}
    assert run.machine["python"] == default().version
    assert store.get(run.id) == run
    assert store.rows(run.id, "step") == [[0, 0.0, 0.5], [1, 0.5, None], [2, 1.0, 0.5], [3, 1.5, 0.5]]
    (figure,) = (await bench.views.of(run.id)).board.figures()
    assert figure["data"][-1]["x"] == [0, 1, 2, 3]


async def test_runs_are_measured_one_at_a_time_in_order(bench):
    runs = [await bench.submit("tiny.counting", {"pause": 10}) for _ in range(3)]
    assert [bench.position(run.id) for run in runs] == [0, 1, 2]
    after = [await ended(bench, run) for run in runs]
    assert all(a.ended_at <= b.started_at for a, b in pairwise(after))
    assert [bench.position(run.id) for run in runs] == [0, 0, 0]


async def test_two_slots_measure_two_runs_at_once(make):
    bench = make(slots=2)
    await bench.start()
    runs = [await bench.submit("tiny.clinging") for _ in range(2)]
    for run in runs:
        await rows_of(bench, run, 1)
    await bench.close()
    assert [(await bench.views.run(run.id)).state for run in runs] == [State.STOPPED, State.STOPPED]


async def test_a_second_click_is_a_second_run(bench):
    first, second = [await bench.submit("tiny.counting", {"n": 2}) for _ in range(2)]
    assert first.id != second.id
    assert (await ended(bench, second)).state is State.DONE


async def test_where_others_can_reach_the_bench_a_run_costs_less_and_fewer_wait(make, root):
    bench = make(limits=RunLimits(cost_s=5.0, deadline_s=0.5, waiting=2))
    counting = bench.experiments["tiny.counting"]
    bench.experiments = {**bench.experiments, "tiny.counting": replace(counting, estimate=lambda n, pause: n)}
    with pytest.raises(ParameterError, match="the limit is 5 s"):
        await bench.submit("tiny.counting", {"n": 6})
    await bench.start()
    first, *_ = [await bench.submit("tiny.clinging") for _ in range(3)]
    with pytest.raises(QueueFull, match="2 runs wait already"):
        await bench.submit("tiny.counting")
    assert bench.queue()["limit"] == 2
    late = await ended(bench, first)
    await bench.close()
    assert late.state is State.FAILED
    assert "0.5 s" in late.why


@pytest.mark.parametrize("experiment", load_all().values(), ids=lambda e: e.name)
def test_every_preset_is_within_what_a_run_may_cost_where_others_can_reach_the_bench(experiment):
    for preset in (None, *experiment.presets):
        experiment.check_cost(experiment.parse({}, preset), SHARED.cost_s)


def test_a_shared_bench_is_free_again_within_the_hour():
    assert (SHARED.waiting + 1) * SHARED.cost_s <= 25 * 60
    assert (SHARED.waiting + 1) * SHARED.deadline_s < 3600
    assert (SHARED.cost_s, SHARED.waiting) < (ALONE.cost_s, ALONE.waiting)


async def test_of_200_at_once_one_is_measured_and_20_wait(bench):
    asked = [bench.submit("tiny.counting", {"pause": 2000}) for _ in range(200)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, QueueFull)]
    assert len(refused) == 200 - ALONE.waiting - 1
    assert refused[0].retry_after >= 1
    assert str(refused[0]).startswith(
        "the queue is full: 20 runs wait already; the next place is free in about"
    )
    await asyncio.sleep(0.1)
    assert len(bench.queue()["running"]) == 1
    assert len(bench.queue()["waiting"]) == ALONE.waiting
    with pytest.raises(QueueFull, match="20 runs wait already"):
        await bench.submit("tiny.counting")


async def test_the_queue_tells_how_long_each_waits(bench):
    runs = [await bench.submit("tiny.counting", {"n": 1, "pause": 3000}) for _ in range(3)]
    waits = [bench.wait_s(run.id) for run in runs]
    assert waits[0] == 0
    assert 2 < waits[1] <= 3.2
    assert 5 < waits[2] <= 6.4


async def test_a_stopped_run_leaves_no_process_and_keeps_its_rows(bench, store):
    run = await bench.submit("tiny.clinging")
    await rows_of(bench, run, 1)
    stopped = await bench.stop(run.id)
    assert (stopped.state, stopped.why, stopped.verdict) == (State.STOPPED, "stopped on request", None)
    (children,) = store.rows(run.id, "born")
    assert not any(map(is_alive, children))


@pytest.mark.measured
async def test_a_stop_takes_hardly_longer_than_the_grace_of_a_run_that_does_not_listen(bench):
    run = await bench.submit("tiny.clinging")
    await rows_of(bench, run, 1)
    begun = time.monotonic()
    await bench.stop(run.id)
    assert time.monotonic() - begun < 2.5 * process_tree.GRACE_S


async def test_a_waiting_run_that_is_stopped_never_begins(bench):
    first = await bench.submit("tiny.clinging")
    second = await bench.submit("tiny.counting")
    stopped = await bench.stop(second.id)
    assert (stopped.state, stopped.started_at, stopped.why) == (
        State.STOPPED,
        None,
        "stopped before it began",
    )
    await bench.stop(first.id)
    third = await bench.submit("tiny.counting")
    assert (await ended(bench, third)).state is State.DONE


async def test_what_has_ended_cannot_be_stopped(bench):
    run = await bench.submit("tiny.counting")
    await ended(bench, run)
    with pytest.raises(NotRunning, match="the run has ended already: it is done"):
        await bench.stop(run.id)
    with pytest.raises(UnknownRun, match="there is no run '0000000000'"):
        await bench.stop("0000000000")


async def test_a_run_is_deleted_with_its_rows_but_not_while_it_is_measured(bench, store):
    run = await bench.submit("tiny.clinging")
    await rows_of(bench, run, 1)
    with pytest.raises(StillRunning, match="the run is running; stop it before you delete it"):
        await bench.delete(run.id)
    await bench.stop(run.id)
    await bench.delete(run.id)
    with pytest.raises(UnknownRun):
        await bench.views.run(run.id)
    assert store.list() == ([], None)


async def test_a_verdict_that_breaks_costs_the_answer_and_not_the_rows(bench, caplog):
    run = await ended(bench, await bench.submit("tiny.breaking", {"place": "verdict"}))
    assert (run.state, run.rows) == (State.DONE, {"row": 1})
    assert run.verdict["answer"] == "unclear"
    assert "ZeroDivisionError: division by zero" in run.verdict["headline"]
    assert "ZeroDivisionError" in caplog.text


async def test_words_that_break_cost_the_search_and_not_the_run(bench, monkeypatch, caplog):
    def break_down(*_):
        raise KeyError("n")

    monkeypatch.setattr("app.runs.search.text_of", break_down)
    runs = [await bench.submit("tiny.counting") for _ in range(2)]
    assert [(await ended(bench, run)).state for run in runs] == [State.DONE, State.DONE]
    assert "could not be gathered" in caplog.text


async def test_an_experiment_that_raises_fails_with_its_reason_and_its_last_words(bench):
    run = await ended(bench, await bench.submit("tiny.breaking", {"place": "measure"}))
    assert run.state is State.FAILED
    assert "no such luck" in run.why
    assert "these are my last words" in run.last_words


async def test_an_experiment_that_is_killed_fails_by_name_of_the_signal(bench):
    run = await ended(bench, await bench.submit("tiny.breaking", {"place": "signal"}))
    assert run.state is State.FAILED
    assert "SIGKILL" in run.why


@pytest.mark.parametrize("moment", ["append", "columns"])
async def test_a_full_disk_fails_the_run_and_says_so(make, tmp_path, monkeypatch, moment):
    """While rows arrive, and when they are read again for the verdict."""

    def fail(*_):
        raise StorageFull("the disk is full: free some space and run again")

    store = Store(tmp_path / "full.sqlite3")
    monkeypatch.setattr(store, moment, fail)
    bench = make(store)
    await bench.start()
    run = await ended(bench, await bench.submit("tiny.counting"))
    await bench.close()
    store.close()
    assert (run.state, run.why) == (State.FAILED, "the disk is full: free some space and run again")


async def test_without_a_place_for_rooms_runs_fail_and_the_bench_goes_on(make, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.children.runner.make_scratch", fail)
    bench = make(spare=Spare())
    await bench.start()
    runs = [await bench.submit("tiny.counting") for _ in range(2)]
    after = [await ended(bench, run) for run in runs]
    await bench.close()
    why = f"{default().id} could not be started: No space left on device"
    assert [(run.state, run.why) for run in after] == [(State.FAILED, why)] * 2


async def test_closing_ends_the_run_on_the_bench_and_those_that_wait(make, store):
    bench = make()
    await bench.start()
    first, second = await bench.submit("tiny.clinging"), await bench.submit("tiny.counting")
    await rows_of(bench, first, 1)
    await bench.close()
    assert [store.get(run.id).state for run in (first, second)] == [State.STOPPED, State.STOPPED]
    assert store.get(first.id).why == "oscope was closed"
    (children,) = store.rows(first.id, "born")
    assert not any(map(is_alive, children))


async def test_another_server_draws_an_old_run_as_it_was(bench, make, tmp_path):
    run = await ended(bench, await bench.submit("tiny.counting", {"n": 20}))
    before = await bench.views.of(run.id)
    after = await make().views.of(run.id)
    assert after.run == before.run
    assert after.board.figures() == before.board.figures()
    assert after.topic.name == f"run:{run.id}"


async def test_two_who_look_at_an_old_run_at_once_see_the_same_figures(bench, make):
    run = await ended(bench, await bench.submit("tiny.counting"))
    views = make().views
    first, second = await asyncio.gather(views.of(run.id), views.of(run.id))
    assert first is second


async def test_a_name_that_is_given_while_an_old_run_is_drawn_is_on_it(bench, make, drawing):
    run = await ended(bench, await bench.submit("tiny.counting"))
    other = make()
    looking = asyncio.create_task(other.views.of(run.id))
    await drawing.begun.wait()
    naming = asyncio.create_task(other.annotate(run.id, {"name": "the first one"}))
    await drawing.go_on_after(naming)
    assert (await looking).run.name == "the first one"


async def test_a_run_that_is_deleted_while_it_is_drawn_is_gone(bench, make, drawing):
    run = await ended(bench, await bench.submit("tiny.counting"))
    other = make()
    looking = asyncio.create_task(other.views.of(run.id))
    await drawing.begun.wait()
    deleting = asyncio.create_task(other.delete(run.id))
    await drawing.go_on_after(deleting)
    await asyncio.gather(looking, deleting)
    with pytest.raises(UnknownRun):
        await other.views.of(run.id)


class Drawing:
    """Reading the rows of an old run halts until it is told to go on."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.begun, self.going_on = asyncio.Event(), threading.Event()

    def read(self, *asked):
        self.loop.call_soon_threadsafe(self.begun.set)
        assert self.going_on.wait(10)
        return tables_of(*asked)

    async def go_on_after(self, task):
        """Let the task come as far as it can without the figures."""
        await asyncio.wait([task], timeout=0.5)
        self.going_on.set()
        await task


@pytest.fixture
async def drawing(monkeypatch):
    drawing = Drawing()
    monkeypatch.setattr("app.bench.open_runs.tables_of", drawing.read)
    yield drawing
    drawing.going_on.set()


async def test_who_follows_a_run_sees_it_begin_grow_fall_quiet_and_end(bench):
    frames = []

    async def send(text):
        frames.append(text)

    viewer = Viewer(send, tick_s=0.0)
    writing = asyncio.create_task(viewer.run())
    await bench.submit("tiny.counting", {"pause": 50})  # so that the next one waits for a moment
    run = await bench.submit("tiny.counting", {"pause": 5})
    viewer.subscribe(await bench.views.topic(f"run:{run.id}"), since=None)
    await ended(bench, run)
    await asyncio.sleep(0.05)
    writing.cancel()
    seen = "".join(frames)
    measuring, _, ending = seen.partition('"quiet","on":false')
    waiting, _, measuring = measuring.partition('"quiet","on":true')
    assert '"t":"snap"' in waiting
    assert '"o":"fig"' in measuring
    assert 0 < ending.find('"summary"') < ending.find('"state":"done"')


async def test_topics_are_found_by_name(bench):
    assert (await bench.views.topic("queue")).name == "queue"
    assert (await bench.views.topic("runs")).name == "runs"
    assert await bench.views.topic("nonsense") is None
    assert await bench.views.topic("run:0000000000") is None


async def test_the_bench_is_quiet_only_while_something_is_measured(bench):
    run = await bench.submit("tiny.clinging")
    await rows_of(bench, run, 1)
    assert bench.hub.quiet
    await bench.stop(run.id)
    assert not bench.hub.quiet


async def test_what_cannot_be_run_is_refused_with_a_sentence(bench):
    with pytest.raises(UnknownExperiment, match=r"there is no experiment 'tiny.nothing'"):
        await bench.submit("tiny.nothing")
    with pytest.raises(ParameterError, match="n: 0 is outside 1 to 100000"):
        await bench.submit("tiny.counting", {"n": 0})
    with pytest.raises(ParameterError, match=r"tiny.counting has no preset 'slow'; it has quick"):
        await bench.submit("tiny.counting", preset="slow")
    with pytest.raises(ParameterError, match="python: '/bin/sh' is not one of cpython"):
        await bench.submit("tiny.counting", python="/bin/sh")


async def test_ended_runs_do_not_fill_the_memory(bench):
    for _ in range(12):
        await ended(bench, await bench.submit("tiny.counting", {"n": 1}))
    assert len(bench.views.ended) == 8
    assert len([name for name in bench.hub._topics if name.startswith("run:")]) == 8


# Stirring the machine


async def test_the_machine_is_at_rest_before_a_run_is_measured(bench):
    await bench.stir("threads")
    run = await bench.submit("tiny.counting", {"pause": 2000})
    assert bench.stirring.kind == "threads"
    await rows_of(bench, run, 1)
    assert bench.stirring.kind == ""


async def test_nobody_stirs_the_machine_while_a_run_is_measured_or_waits(bench):
    run = await bench.submit("tiny.counting", {"pause": 2000})
    with pytest.raises(Busy, match="a run is being measured, and stirring the machine would disturb it"):
        await bench.stir("thread")
    await rows_of(bench, run, 1)
    with pytest.raises(Busy):
        await bench.stir("thread")
    await bench.stop(run.id)
    await bench.stir("thread")
    assert bench.stirring.kind == "thread"


async def test_a_bench_that_is_closed_brings_the_machine_to_rest(bench):
    await bench.stir("processes")
    await bench.close()
    assert bench.stirring.kind == ""
