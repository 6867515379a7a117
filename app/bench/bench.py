"""The bench: the place where one run at a time is measured, and the queue before it.

A run is submitted, waits for a slot, is measured in a supervised child, judged, and stored. `views`
has its figures while it lives and afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from app.bench.demo_load import Stirring
from app.bench.live_run import Live
from app.bench.open_runs import UnknownRun, Views
from app.bench.recording import carry_out
from app.bench.verdicts import compare
from app.children.runner import Spare, run_child
from app.ground.limits import ALONE, RunLimits
from app.ground.payloads import GuessJson, Message
from app.importing import importer
from app.live.recent_runs import SHOWN, Latest
from app.live.topics import Hub
from app.runs import search
from app.runs.run import Run, State, new_id
from app.storage.errors import StorageFailed
from app.storage.store import Store
from app.system.interpreters import Interpreter
from app.text.languages import ENGLISH, Words
from experiments.kit.kernel import machine as facts
from experiments.kit.spec import Experiment, ParameterError

log = logging.getLogger(__name__)

KEPT_AT_THE_END = (
    *("state", "why", "last_words", "machine", "conditions", "verdict"),
    *("progress", "progress_text", "ended_at", "length_s", "search", "thumb", "guess"),
)

RunChild = Callable[..., AsyncIterator[Message]]
TakeIn = Callable[[AsyncIterable[bytes], Path], Awaitable[str]]


class UnknownExperiment(LookupError):
    """No experiment has this name."""


class GuessedAlready(Exception):
    """The run has a guess: the first one counts."""


class NotRunning(Exception):
    """The run has ended: there is nothing to stop."""


class StillRunning(Exception):
    """The run is on the bench: it can be stopped, not deleted."""


class Busy(Exception):
    """Something is measured, or is about to be."""


class QueueFull(Exception):
    """As many runs wait as may wait. `retry_after` says in how many seconds to try again."""

    def __init__(self, waiting: int, wait_s: float) -> None:
        self.retry_after = max(1, math.ceil(wait_s))
        super().__init__(
            f"the queue is full: {waiting} runs wait already;"
            f" the next place is free in about {self.retry_after} s"
        )


class Bench:
    """Measures what is submitted, in order, one run at a time in each slot."""

    def __init__(
        self,
        experiments: Mapping[str, Experiment],
        store: Store,
        hub: Hub,
        interpreters: Mapping[str, Interpreter],
        *,
        languages: Mapping[str, Words] | None = None,
        slots: int = 1,
        run_child: RunChild = run_child,
        take_in: TakeIn = importer.take_in,
        spare: Spare | None = None,
        limits: RunLimits = ALONE,
    ) -> None:
        """With a `spare`, an interpreter for the next run is started while nothing is measured."""
        self.experiments = experiments
        self.store = store
        self.hub = hub
        self.interpreters = interpreters
        self.slots = slots
        self.limits = limits
        self.run_child = partial(run_child, spare=spare) if spare else run_child
        self.spare = spare
        self.take_in = take_in
        self.views = Views(self.experiment, store, hub, languages or {"en": ENGLISH})
        self.latest = Latest(hub)
        self.stirring = Stirring(hub, run_child)
        self.waiting: deque[Live] = deque()
        self.running: list[Live] = []
        self._bell = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._queue = hub.topic("queue", snapshot=self.queue, mode="last")

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to measure."""
        newest, _ = await asyncio.to_thread(self.store.list, limit=SHOWN)
        self.latest.fill(newest)
        self._prepare()
        self._workers = [asyncio.create_task(self._work(), name=f"slot {n}") for n in range(self.slots)]

    async def close(self) -> None:
        """End the runs on the bench and forget those that wait; what was measured stays."""
        await self.stirring.end()
        while self.waiting:
            await self._withdraw(self.waiting[0], "oscope was closed before it began")
        for live in list(self.running):
            live.stop("oscope was closed")
            await live.ended.wait()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self.spare:
            self.spare.close()

    # -- what can be measured -----------------------------------------------------------------

    def experiment(self, name: str) -> Experiment:
        try:
            return self.experiments[name]
        except KeyError:
            raise UnknownExperiment(f"there is no experiment {name[:80]!r}") from None

    def interpreter(self, id: str | None) -> Interpreter:
        """The one of that id; the one that runs oscope where none is named."""
        if id is None:
            return next(iter(self.interpreters.values()))
        if id not in self.interpreters:
            raise ParameterError(f"python: {id[:80]!r} is not one of {', '.join(self.interpreters)}")
        return self.interpreters[id]

    # -- what people do with a run ------------------------------------------------------------

    async def submit(
        self,
        experiment: str,
        params: Mapping[str, object] | None = None,
        preset: str | None = None,
        python: str | None = None,
        guess: object = None,
    ) -> Run:
        """Queue a run, and what somebody expects of it (see `kit.guess`). It is stored when this returns;
        where nothing can be stored, memory has it, and the store's alarms say so.

        UnknownExperiment, ParameterError, and QueueFull say why not.
        """
        spec = self.experiment(experiment)
        values = spec.parse(params or {}, preset)
        spec.check_cost(values, self.limits.cost_s)
        points = spec.parse_guess(guess, values) if guess is not None else None
        interpreter = self.interpreter(python)
        self._check_room()
        run = Run(
            id=new_id(),
            experiment=spec.name,
            params=values,
            preset=preset,
            python=interpreter.id,
            created_at=time.time(),
            host=socket.gethostname(),
            guess=guessed(points) if points else None,
        )
        await self._keep(run)
        self._enqueue(self.views.open(run))
        return run

    async def _keep(self, run: Run) -> None:
        """Before anybody hears of it: a link that was handed out outlives a kill."""
        self.store.create(run)
        with suppress(StorageFailed):
            await asyncio.to_thread(self.store.flush)
        try:
            self._check_room()  # others may have come meanwhile
        except QueueFull:
            self.store.delete(run.id)
            raise

    async def stop(self, id: str) -> Run:
        """End a run and all its processes; returns when nothing of it is left."""
        live = self.live(id)
        if live is None:
            raise NotRunning(f"the run has ended already: it is {(await self.views.run(id)).state}")
        if live in self.waiting:
            await self._withdraw(live, "stopped before it began")
        live.stop("stopped on request")
        await live.ended.wait()
        return live.run

    async def guess(self, id: str, given: object) -> Run:
        """What somebody expects of a run that is there already; `given_at` tells when they said so.

        ParameterError says what is wrong with it, GuessedAlready that there is one.
        """
        live = await self.views.of(id)
        points = live.experiment.parse_guess(given, live.run.params)
        if live.run.guess is not None:
            raise GuessedAlready("this run has a guess already, and the first one counts")
        late = {"late": True} if live.run.state.ended else {}
        live.change(guess=guessed(points) | late)
        live.redraw(lambda board: board.guess(points))
        if not live.run.state.ended:  # at once, so that this is never written after the run's end
            self.store.update(id, guess=live.run.guess)
            await asyncio.to_thread(self.store.confirm, id)
        else:
            async with self.views.alone(id):
                await self._keep_guess(live)
        self._announce(live)
        return live.run

    async def _keep_guess(self, live: Live) -> None:
        """Of a run that has ended: compared where it was measured to its end, and stored."""
        if live.run.state is State.DONE:
            await compare(live, self.store)
        await self._update(live.run.id, guess=live.run.guess)

    async def annotate(self, id: str, changes: Mapping[str, Any]) -> Run:
        """Name, note or pin a run, on the bench or long ended (see `labels.read`)."""
        async with self.views.alone(id):
            run = await self._update(id, **changes)
            live = self.views.find(id)
            if live:
                live.change(**changes)
                run = live.run
        self.latest.change(run)
        return run

    async def _update(self, id: str, **changes: Any) -> Run:
        """Stored when this returns; StorageFailed before anything is changed where it cannot be."""

        def change() -> Run:
            self.store.confirm(id)
            run = self.store.update(id, **changes)
            self.store.confirm(id)
            return run

        try:
            return await asyncio.to_thread(change)
        except KeyError:  # deleted meanwhile, or never there
            raise UnknownRun(id) from None

    async def adopt(self, file: AsyncIterable[bytes]) -> Run:
        """Keep a run that was measured elsewhere, and tell those who watch all runs (see `importer`)."""
        await asyncio.to_thread(self.store.check_place)
        id = await self.take_in(file, self.store.path.absolute())
        run = await asyncio.to_thread(self.store.admit, id)
        self.latest.add(run)
        return run

    async def delete(self, id: str) -> None:
        """Forget a run and its rows."""
        run = await self.views.run(id)
        if not run.state.ended:
            raise StillRunning(f"the run is {run.state}; stop it before you delete it")
        async with self.views.alone(id):
            await asyncio.to_thread(self.store.confirm, id)
            self.store.delete(id)
            self.views.forget(id)
            with suppress(StorageFailed):  # of a run that only memory had
                await asyncio.to_thread(self.store.flush)
        self.latest.remove(id)

    async def stir(self, kind: str) -> None:
        """Let the machine work for some seconds, to be seen on the scope. UnknownStir, and Busy."""
        if self.running or self.waiting:
            raise Busy("a run is being measured, and stirring the machine would disturb it; wait for its end")
        await self.stirring.begin(kind, self.interpreter(None))

    # -- the queue ----------------------------------------------------------------------------

    def live(self, id: str) -> Live | None:
        """A run that waits or is measured."""
        return self.views.alive.get(id)

    def position(self, id: str) -> int:
        """How many runs come before it: 0 on the bench and once it has ended."""
        for ahead, live in enumerate(self.waiting, start=1):
            if live.run.id == id:
                return max(0, ahead - self._idle())
        return 0

    def wait_s(self, id: str) -> float:
        """About how long until it begins."""
        ahead = [live.remaining_s() for live in self.running]
        for live in self.waiting:
            if live.run.id == id:
                return sum(ahead) / self.slots
            ahead.append(live.cost_s)
        return 0.0

    def queue(self) -> dict[str, Any]:
        """What is on the bench and what waits, for those who watch the queue."""
        return {
            "running": [live.summary() for live in self.running],
            "waiting": [live.summary() | {"wait_s": self.wait_s(live.run.id)} for live in self.waiting],
            "slots": self.slots,
            "limit": self.limits.waiting,
        }

    def _idle(self) -> int:
        return self.slots - len(self.running)

    def _check_room(self) -> None:
        waiting = len(self.waiting) - self._idle()
        if waiting >= self.limits.waiting:
            remaining = [live.remaining_s() for live in self.running]
            raise QueueFull(waiting, min(remaining, default=1.0))

    def _enqueue(self, live: Live) -> None:
        self.waiting.append(live)
        self.latest.add(live.run)
        self._queue.publish(self.queue())
        self._bell.set()

    async def _withdraw(self, live: Live, why: str) -> None:
        """A run that waits will not begin."""
        self.waiting.remove(live)
        live.stop(why)
        await self._conclude(live, {"state": State.STOPPED, "why": why})

    def _announce(self, live: Live) -> None:
        """Tell those who watch this run, all runs, or the queue."""
        live.publish({"o": "run", "v": live.run.as_json()})
        self.latest.change(live.run)
        self._queue.publish(self.queue())

    # -- the slots ----------------------------------------------------------------------------

    async def _work(self) -> None:
        """One slot: take the next run, carry it out, for ever."""
        while True:
            while not self.waiting:
                self._bell.clear()
                await self._bell.wait()
            live = self.waiting.popleft()
            await self._carry_out(live)
            self._prepare(live.run.python)

    def _prepare(self, python: str | None = None) -> None:
        """Have an interpreter ready, of the kind that was used last, unless a run would notice."""
        if self.spare and not self.running:
            self.spare.prepare(self.interpreter(python))

    async def _carry_out(self, live: Live) -> None:
        self.running.append(live)
        self.hub.quiet = True
        await self.stirring.end()
        live.run = replace(live.run, state=State.RUNNING, started_at=time.time())
        live.began = time.monotonic()
        self._announce(live)
        live.publish({"o": "quiet", "on": True})
        try:
            outcome = await self._measure(live)
        except Exception as error:  # of ours or of the disk: this run fails, the next one is measured
            log.exception("run %s failed", live.run.id)
            outcome = {"state": State.FAILED, "why": str(error) or type(error).__name__}
        live.publish({"o": "quiet", "on": False})
        await self._conclude(live, outcome)

    async def _measure(self, live: Live) -> dict[str, Any]:
        """Start the child and follow it; what changes in the run."""
        run = live.run
        self.store.update(run.id, state=run.state, started_at=run.started_at)
        messages = self.run_child(
            run.experiment,
            run.params,
            python=self.interpreters[run.python],
            deadline_s=min(live.experiment.deadline(run.params), self.limits.deadline_s),
            memory_b=memory_limit(),
            stop=live.stopping,
        )
        return await carry_out(live, self.store, messages)

    async def _conclude(self, live: Live, outcome: dict[str, Any]) -> None:
        """The last step of every run, however it ended: shown, off the bench, and on the disk."""
        live.finish()
        live.run = replace(live.run, **outcome, ended_at=time.time(), length_s=live.elapsed_s)
        live.run = replace(live.run, search=self._searched(live), thumb=live.thumb())
        if live in self.running:
            self.running.remove(live)
        self.hub.quiet = bool(self.running)
        self.views.end(live)
        try:
            self.store.update(live.run.id, **{name: getattr(live.run, name) for name in KEPT_AT_THE_END})
            self._announce(live)
            await asyncio.to_thread(self.store.flush)
        except StorageFailed as failure:
            log.warning("run %s is in memory only: %s", live.run.id, failure)
        except Exception:  # the store tries again by itself; the next run can be measured
            log.exception("the end of run %s could not be stored", live.run.id)
        live.ended.set()

    def _searched(self, live: Live) -> str:
        """What the history looks through; where a sentence breaks, only what people wrote on the run."""
        try:
            return search.text_of(live.experiment, live.run.verdict, self.views.languages.values())
        except Exception:
            log.exception("the words of run %s could not be gathered", live.run.id)
            return ""


def guessed(points: Mapping[str, float | str]) -> GuessJson:
    """A guess as a run keeps it: its rows come with the verdict."""
    return {"points": dict(points), "given_at": time.time(), "rows": None}


def memory_limit() -> int:
    """Bytes that one run may use: half of the machine's memory, at most 4 GiB."""
    return min((facts.memory() or 4 << 30) // 2, 4 << 30)
