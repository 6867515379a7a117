"""The bench: the place where one run at a time is measured, and the queue before it.

A run is submitted, waits for a slot, is measured in a supervised child, judged, and stored. While
it lives its viewers follow its topic; afterwards its figures are drawn again from what is stored.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from collections import OrderedDict, deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
)
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from app import importer, search
from app.drawing.thumb import thumbnail
from app.editions import ROWS_AT_ONCE, Draft, Edition, Ops, spoken
from app.figures import Board, telling
from app.hub import Hub, Topic
from app.interpreters import Interpreter
from app.languages import ENGLISH, Words
from app.runner import Spare, run_child
from app.runs import Run, State, StorageFailed, Store, new_id
from experiments.kit import machine as facts
from experiments.kit import say
from experiments.kit.machine import Machine
from experiments.kit.spec import GUESSED_COST_S, Experiment, ParameterError, Record, Table
from experiments.kit.verdict import Verdict, judge

log = logging.getLogger(__name__)

WAITING = 20  # runs that may wait; more would outlast anybody's patience
REMEMBERED = 8  # ended runs whose figures stay in memory for those who look again
VERDICT_S = 30.0  # a verdict that takes longer is given up
KEPT_AT_THE_END = (
    *("state", "why", "last_words", "machine", "conditions", "verdict"),
    *("progress", "progress_text", "ended_at", "search", "thumb", "guess"),
)
STARTING_S = 0.2  # what a run costs beside its measurement: a fresh interpreter, the verdict

RunChild = Callable[..., AsyncIterator[dict[str, Any]]]
TakeIn = Callable[[AsyncIterable[bytes], Path], Awaitable[str]]


class UnknownExperiment(LookupError):
    """No experiment has this name."""


class UnknownRun(LookupError):
    """No run has this id."""


class GuessedAlready(Exception):
    """The run has a guess: the first one counts."""


class NotRunning(Exception):
    """The run has ended: there is nothing to stop."""


class StillRunning(Exception):
    """The run is on the bench: it can be stopped, not deleted."""


class QueueFull(Exception):
    """As many runs wait as may wait. `retry_after` says in how many seconds to try again."""

    def __init__(self, waiting: int, wait_s: float) -> None:
        self.retry_after = max(1, math.ceil(wait_s))
        super().__init__(
            f"the queue is full: {waiting} runs wait already;"
            f" the next place is free in about {self.retry_after} s"
        )


@dataclass
class Live:
    """A run with its figures as they are now, and the topic on which its viewers follow."""

    run: Run
    experiment: Experiment
    board: Board
    topic: Topic
    cost_s: float
    stopped: str = ""  # why it is being stopped; empty while nobody asked
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    others: dict[str, Edition] = field(default_factory=dict)  # by language; English is `board` and `topic`
    drafts: list[Draft] = field(default_factory=list)  # of editions that are being made
    making: asyncio.Lock = field(default_factory=asyncio.Lock)

    def snapshot(self, language: str = "en") -> dict[str, Any]:
        edition = self.in_language(language)
        return {"run": spoken(self.run.as_json(), edition.words), "figures": edition.board.figures()}

    def in_language(self, language: str) -> Edition:
        """The edition in this language; the English one where nobody has asked for it (`Bench.told`)."""
        return self.others.get(language) or Edition(ENGLISH, self.board, self.topic)

    def publish(self, op: Mapping[str, Any]) -> None:
        """Tell the viewers in every language."""
        self.topic.publish(op)
        for edition in self.others.values():
            edition.publish(op)

    def redraw(self, change: Callable[[Board], Ops]) -> None:
        """Change the figures of every language, and tell their viewers."""
        for op in change(self.board):
            self.topic.publish(op)
        for edition in self.others.values():
            edition.publish_all(change(edition.board))

    def stop(self, why: str) -> None:
        """Ask for the end of it; the first reason counts."""
        self.stopped = self.stopped or why
        self.stopping.set()

    def remaining_s(self) -> float:
        """About how long it still takes."""
        elapsed = time.time() - self.run.started_at if self.run.started_at else 0.0
        return max(self.cost_s - elapsed, 0.0)


class Bench:
    """Measures what is submitted, in order, one run at a time in each slot."""

    def __init__(
        self,
        experiments: Mapping[str, Experiment],
        store: Store,
        hub: Hub,
        interpreters: Mapping[str, Interpreter],
        *,
        slots: int = 1,
        run_child: RunChild = run_child,
        take_in: TakeIn = importer.take_in,
        spare: Spare | None = None,
    ) -> None:
        """With a `spare`, an interpreter for the next run is started while nothing is measured."""
        self.experiments = experiments
        self.store = store
        self.hub = hub
        self.interpreters = interpreters
        self.slots = slots
        self.run_child = partial(run_child, spare=spare) if spare else run_child
        self.spare = spare
        self.take_in = take_in
        self.languages: Mapping[str, Words] = {"en": ENGLISH}  # `main` brings the others
        self.waiting: deque[Live] = deque()
        self.running: list[Live] = []
        self.ended: OrderedDict[str, Live] = OrderedDict()
        self.latest: deque[Run] = deque(maxlen=20)
        self._bell = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._runs = hub.topic("runs", snapshot=lambda: {"runs": [run.as_json() for run in self.latest]})
        self._queue = hub.topic("queue", snapshot=self.queue, mode="last")

    # -- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to measure."""
        newest, _ = await asyncio.to_thread(self.store.list, limit=self.latest.maxlen or 20)
        self.latest.extend(newest)
        self._prepare()
        self._workers = [asyncio.create_task(self._work(), name=f"slot {n}") for n in range(self.slots)]

    async def close(self) -> None:
        """End the runs on the bench and forget those that wait; what was measured stays."""
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

    # -- what others ask of it ----------------------------------------------------------------

    async def submit(
        self,
        experiment: str,
        params: Mapping[str, object] | None = None,
        preset: str | None = None,
        python: str | None = None,
        guess: object = None,
    ) -> Run:
        """Queue a run, and what somebody expects of it (see `kit.guess`).

        UnknownExperiment, ParameterError, and QueueFull say why not.
        """
        spec = self.experiment(experiment)
        values = spec.parse(params or {}, preset)
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
        self.store.create(run)
        self._enqueue(self._open(run, spec))
        return run

    async def guess(self, id: str, given: object) -> Run:
        """What somebody expects of a run that is there already; `given_at` tells when they said so.

        ParameterError says what is wrong with it, GuessedAlready that there is one.
        """
        live = await self.view(id)
        points = live.experiment.parse_guess(given, live.run.params)
        if live.run.guess is not None:
            raise GuessedAlready("this run has a guess already, and the first one counts")
        change(live, guess=guessed(points))
        live.redraw(lambda board: board.guess(points))
        if not live.run.state.ended:  # at once, so that this is never written after the run's end
            self.store.update(id, guess=live.run.guess)
        else:
            await self._keep_guess(live)
        self._announce(live)
        return live.run

    async def _keep_guess(self, live: Live) -> None:
        """Of a run that has ended: compared where it was measured to its end, and stored."""
        if live.run.state is State.DONE:
            await self._compare(live)
        try:
            await asyncio.to_thread(self.store.update, live.run.id, guess=live.run.guess)
        except KeyError:  # deleted meanwhile
            raise UnknownRun(f"there is no run {live.run.id!r}") from None

    async def stop(self, id: str) -> Run:
        """End a run and all its processes; returns when nothing of it is left."""
        live = self.live(id)
        if live is None:
            raise NotRunning(f"the run has ended already: it is {(await self.get(id)).state}")
        if live in self.waiting:
            await self._withdraw(live, "stopped before it began")
        live.stop("stopped on request")
        await live.ended.wait()
        return live.run

    async def adopt(self, file: AsyncIterable[bytes]) -> Run:
        """Keep a run that was measured elsewhere, and tell those who watch all runs (see `importer`)."""
        id = await self.take_in(file, self.store.path.absolute())
        run = await asyncio.to_thread(self.store.admit, id)
        self.latest.appendleft(run)
        self._runs.publish({"o": "run", "v": run.as_json()})
        return run

    async def delete(self, id: str) -> None:
        """Forget a run and its rows."""
        run = await self.get(id)
        if not run.state.ended:
            raise StillRunning(f"the run is {run.state}; stop it before you delete it")
        self.store.delete(id)
        self._forget(self.ended.pop(id, None))
        self.latest = deque((r for r in self.latest if r.id != id), maxlen=self.latest.maxlen)
        self._runs.publish({"o": "gone", "id": id})

    async def annotate(self, id: str, changes: Mapping[str, Any]) -> Run:
        """Name, note or pin a run, on the bench or long ended (see `annotations.read`)."""
        try:
            run = await asyncio.to_thread(self.store.update, id, **changes)
        except KeyError:
            raise UnknownRun(f"there is no run {id[:40]!r}") from None
        live = self.live(id) or self.ended.get(id)
        if live:
            change(live, **changes)
            run = live.run
        self.latest = deque((run if r.id == id else r for r in self.latest), maxlen=self.latest.maxlen)
        self._runs.publish({"o": "run", "v": run.as_json()})
        return run

    async def get(self, id: str) -> Run:
        """The run as it is now; UnknownRun where there is none."""
        live = self.live(id)
        if live:
            return live.run
        try:
            return await asyncio.to_thread(self.store.get, id)
        except KeyError:
            raise UnknownRun(f"there is no run {id[:40]!r}") from None

    async def view(self, id: str) -> Live:
        """The run with its figures: as they are while it lives, drawn again from its rows after."""
        live = self.live(id) or self.ended.get(id)
        if live is None:
            run = await self.get(id)
            live = self.live(id) or self.ended.get(id) or await self._redraw(run)
        return live

    async def topic(self, name: str) -> Topic | None:
        """The topic of this name. That of an ended run is made when somebody asks for it."""
        kind, _, of = name.partition(":")
        if kind != "run":
            return self.hub.find(name)
        id, _, language = of.partition(":")
        try:
            edition = await self.told(await self.view(id), language or "en")
        except LookupError:
            return None
        return edition.topic if edition.topic.name == name else None

    async def told(self, live: Live, language: str) -> Edition:
        """A run in one language: made now if nobody has looked at it in that language so far."""
        async with live.making:
            if language in self.languages and language not in ("en", *live.others):
                live.others[language] = await self._tell(live, self.languages[language])
        return live.in_language(language)

    def live(self, id: str) -> Live | None:
        """A run that waits or is measured."""
        return next((live for live in (*self.running, *self.waiting) if live.run.id == id), None)

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

    def search_text(self, run: Run) -> str:
        """What the history looks through for a run that has ended."""
        return search.text_of(self.experiment(run.experiment), run.verdict, self.languages.values())

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
            "running": [summary(live) for live in self.running],
            "waiting": [summary(live) | {"wait_s": self.wait_s(live.run.id)} for live in self.waiting],
            "slots": self.slots,
            "limit": WAITING,
        }

    def tables(self, run: Run) -> dict[str, list[list[Any]]]:
        """The stored rows of a run, in the columns its experiment has today. For a thread: reads the disk."""
        kinds = self.experiment(run.experiment).tables
        stored = self.store.columns(run.id)
        return {
            t.name: fit(t, stored[t.name], self.store.rows(run.id, t.name)) for t in kinds if t.name in stored
        }

    # -- the queue ----------------------------------------------------------------------------

    def _idle(self) -> int:
        return self.slots - len(self.running)

    def _check_room(self) -> None:
        waiting = len(self.waiting) - self._idle()
        if waiting >= WAITING:
            remaining = [live.remaining_s() for live in self.running]
            raise QueueFull(waiting, min(remaining, default=1.0))

    def _open(self, run: Run, experiment: Experiment) -> Live:
        """A run in memory, with its topic."""
        topic = self.hub.topic(f"run:{run.id}", snapshot=lambda: live.snapshot())
        cost = (experiment.cost(run.params) or GUESSED_COST_S) + STARTING_S
        live = Live(run, experiment, Board(experiment, guess=points_of(run)), topic, cost)
        return live

    def _enqueue(self, live: Live) -> None:
        self.waiting.append(live)
        self.latest.appendleft(live.run)
        self._announce(live)
        self._bell.set()

    def _announce(self, live: Live) -> None:
        """Tell those who watch this run, all runs, or the queue."""
        news = {"o": "run", "v": live.run.as_json()}
        live.publish(news)
        self.latest = deque(
            (live.run if r.id == live.run.id else r for r in self.latest), maxlen=self.latest.maxlen
        )
        self._runs.publish(news)
        self._queue.publish(self.queue())

    async def _withdraw(self, live: Live, why: str) -> None:
        """A run that waits will not begin."""
        self.waiting.remove(live)
        live.stop(why)
        await self._conclude(live, {"state": State.STOPPED, "why": why})

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

    # -- one run ------------------------------------------------------------------------------

    async def _carry_out(self, live: Live) -> None:
        self.running.append(live)
        self.hub.quiet = True
        live.run = replace(live.run, state=State.RUNNING, started_at=time.time())
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
        """Start the child, follow it to its end, judge; what changes in the run."""
        run = live.run
        self.store.update(run.id, state=run.state, started_at=run.started_at)
        reader = Reader(live)
        messages = self.run_child(
            run.experiment,
            run.params,
            python=self.interpreters[run.python],
            deadline_s=live.experiment.deadline(run.params),
            memory_b=memory_limit(),
            stop=live.stopping,
        )
        async with aclosing(cast(AsyncGenerator[dict[str, Any], None], messages)):
            async for message in messages:
                await self._take(reader, message)
        outcome = reader.outcome()
        if outcome["state"] is State.DONE:
            live.run = replace(live.run, machine=outcome["machine"], conditions=outcome["conditions"])
            outcome["verdict"] = (await self._judge(live)).as_json()
            while live.run.guess and live.run.guess["rows"] is None:  # it may come while we judge
                await self._compare(live)
        return outcome

    async def _take(self, reader: Reader, message: dict[str, Any]) -> None:
        """One message of the child: drawn first, stored second."""
        live = reader.live
        if message["t"] != "rows":
            reader.take(message)
            return
        table = live.experiment.table(message["table"])
        rows = message["rows"]
        for start in range(0, len(rows), ROWS_AT_ONCE):
            draw(live, table, rows[start : start + ROWS_AT_ONCE])
            if start + ROWS_AT_ONCE < len(rows):
                await asyncio.sleep(0)
        self.store.append(live.run.id, table.name, [column.name for column in table.columns], rows)

    async def _judge(self, live: Live) -> Verdict:
        """What the stored rows say. A verdict that breaks costs its answer, not the measurement."""
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._judge_stored, live), VERDICT_S)
        except StorageFailed:
            raise
        except TimeoutError:
            why = f"it took more than {VERDICT_S:.0f} s"
        except Exception as error:
            log.exception("the verdict of %s failed on run %s", live.run.experiment, live.run.id)
            why = f"{type(error).__name__}: {error}"
        return Verdict("unclear", say("The rows are here, but the verdict on them broke: {why}.", why=why))

    def _judge_stored(self, live: Live) -> Verdict:
        self.store.flush()
        return judge(live.experiment, record_of(live.experiment, live.run, self.tables(live.run)))

    async def _compare(self, live: Live) -> None:
        """Hold the guess against the rows. Where that breaks there is nothing to compare."""
        if live.run.guess is None:
            return
        try:
            rows = await asyncio.wait_for(asyncio.to_thread(self._compare_stored, live), VERDICT_S)
        except StorageFailed:
            raise
        except Exception:
            log.exception("the guess of run %s could not be compared", live.run.id)
            rows = []
        change(live, guess={**live.run.guess, "rows": rows})

    def _compare_stored(self, live: Live) -> list[dict[str, Any]]:
        asked, points = live.experiment.guess, points_of(live.run)
        if asked is None or not points:
            return []
        record = record_of(live.experiment, live.run, self.tables(live.run))
        return asked.rows(points, record) if record else []

    async def _conclude(self, live: Live, outcome: dict[str, Any]) -> None:
        """The last step of every run, however it ended: shown, off the bench, and on the disk."""
        finish(live)
        live.run = replace(live.run, **outcome, ended_at=time.time())
        live.run = replace(live.run, search=self.search_text(live.run), thumb=thumb_of(live))
        if live in self.running:
            self.running.remove(live)
        self.hub.quiet = bool(self.running)
        self._remember(live)
        try:
            self.store.update(live.run.id, **{name: getattr(live.run, name) for name in KEPT_AT_THE_END})
            self._announce(live)
            await asyncio.to_thread(self.store.flush)
        except Exception:  # the store tries again by itself; the next run can be measured
            log.exception("the end of run %s could not be stored", live.run.id)
        live.ended.set()

    # -- runs that have ended -----------------------------------------------------------------

    def _remember(self, live: Live) -> None:
        self.ended[live.run.id] = live
        while len(self.ended) > REMEMBERED:
            _, forgotten = self.ended.popitem(last=False)
            self._forget(forgotten)

    def _forget(self, live: Live | None) -> None:
        """Its topics are not found any more; who looks at one keeps it."""
        for edition in (live.in_language("en"), *live.others.values()) if live else ():
            self.hub.drop(edition.topic.name)

    def _is_kept(self, live: Live) -> bool:
        return live in self.running or live in self.waiting or live in self.ended.values()

    async def _tell(self, live: Live, words: Words) -> Edition:
        """The figures in another language, from the rows so far; complete when this returns."""
        draft = Draft(Board(live.experiment, words, points_of(live.run)), dict(live.run.rows))
        live.drafts.append(draft)
        try:
            await draft.catch_up(
                lambda: asyncio.to_thread(self.tables, live.run), lambda: live.run.state.ended
            )
        except KeyError:  # deleted meanwhile
            raise UnknownRun(f"there is no run {live.run.id!r}") from None
        finally:
            live.drafts.remove(draft)
        draft.board.guess(points_of(live.run) or {})  # it may have been given meanwhile
        if live.run.state.ended:
            draft.board.close()
        name = f"run:{live.run.id}:{words.language}"
        topic = self.hub.topic(name, snapshot=lambda: live.snapshot(words.language))
        if not self._is_kept(live):  # it was deleted or forgotten meanwhile
            self.hub.drop(name)
        return Edition(words, draft.board, topic)

    async def _redraw(self, run: Run) -> Live:
        """The figures of a run that has ended, from its rows."""
        tables = await asyncio.to_thread(self.tables, run)
        live = self._open(run, self.experiment(run.experiment))
        for name, rows in tables.items():
            for start in range(0, len(rows), ROWS_AT_ONCE):
                live.board.add(name, rows[start : start + ROWS_AT_ONCE])
                await asyncio.sleep(0)
        live.board.close()
        live.ended.set()
        self._remember(live)
        return live


class Reader:
    """Follows what the child of one run says, and knows at the end what became of it."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.failed: dict[str, Any] = {}
        self.end: dict[str, Any] = {}

    def take(self, message: dict[str, Any]) -> None:
        if message["t"] == "hello":
            change(self.live, machine=message["machine"])
        elif message["t"] == "progress":
            change(self.live, progress=message["done"], progress_text=message["text"])
        elif message["t"] == "failed":
            self.failed = message
            log.info("run %s failed\n%s", self.live.run.id, message.get("traceback", ""))
        elif message["t"] == "end":
            self.end = message

    def outcome(self) -> dict[str, Any]:
        """What changes in the run: its state and why, its conditions, the machine at the end."""
        done = self.end.get("why") == "done" and not self.failed
        outcome = {
            "state": State.DONE,
            "conditions": self.end.get("conditions") or {},
            "machine": self.end.get("machine") or self.live.run.machine,
        }
        if done:
            return outcome | {"progress": 1.0}
        if self.live.stopped:
            return outcome | {"state": State.STOPPED, "why": self.live.stopped}
        why = str(self.end.get("sentence") or self.failed.get("why") or "the run ended without a word")
        return outcome | {"state": State.FAILED, "why": why, "last_words": self.end.get("last_words", "")}


def guessed(points: Mapping[str, float | str]) -> dict[str, Any]:
    """A guess as a run keeps it: its rows come with the verdict."""
    return {"points": dict(points), "given_at": time.time(), "rows": None}


def points_of(run: Run) -> dict[str, float | str] | None:
    return run.guess["points"] if run.guess else None


def change(live: Live, **changes: Any) -> None:
    """Something small changed: told to the run's viewers, and stored by who calls, or at its end."""
    live.run = replace(live.run, **changes)
    live.publish({"o": "run", "v": changes})


def finish(live: Live) -> None:
    """The last words of the figures. One that cannot be finished stays as it is."""
    try:
        live.redraw(Board.close)
    except Exception:
        log.exception("the figures of run %s could not be finished", live.run.id)


def thumb_of(live: Live) -> str:
    """The shape of what was measured; empty where it cannot be drawn, or is no result."""
    if live.run.state is not State.DONE:
        return ""
    try:
        return thumbnail(live.board.figures(), telling(live.experiment))
    except Exception:
        log.exception("the thumbnail of run %s could not be drawn", live.run.id)
        return ""


def draw(live: Live, table: Table, rows: list[list[Any]]) -> None:
    before = live.run.rows.get(table.name, 0)
    live.redraw(lambda board: board.add(table.name, rows))
    for draft in live.drafts:
        draft.heard(table.name, before, rows)
    counts = live.run.rows | {table.name: before + len(rows)}
    change(live, rows=counts)


def summary(live: Live) -> dict[str, Any]:
    """A run as the queue shows it."""
    run = live.run
    return {
        "id": run.id,
        "experiment": run.experiment,
        "title": live.experiment.title,
        "state": run.state,
        "started_at": run.started_at,
        "cost_s": live.cost_s,
    }


def memory_limit() -> int:
    """Bytes that one run may use: half of the machine's memory, at most 4 GiB."""
    return min((facts.memory() or 4 << 30) // 2, 4 << 30)


def fit(table: Table, stored: list[str], rows: list[list[Any]]) -> list[list[Any]]:
    """Rows of an older version of the experiment, in today's columns; what was not measured is None."""
    wanted = [column.name for column in table.columns]
    if stored == wanted:
        return rows
    places = [stored.index(name) if name in stored else None for name in wanted]
    return [[None if place is None else row[place] for place in places] for row in rows]


def record_of(experiment: Experiment, run: Run, tables: Mapping[str, list[list[Any]]]) -> Record:
    """A stored run as a verdict reads it: rows of their own types again."""
    known = Machine.__dataclass_fields__
    machine = Machine(**{k: v for k, v in (run.machine or {}).items() if k in known})
    rows = [row for table in experiment.tables for row in typed(table, tables.get(table.name, []))]
    return Record(machine, run.params, rows, run.conditions)


def typed(table: Table, rows: list[list[Any]]) -> list[tuple[Any, ...]]:
    """Rows as NamedTuples. JSON knows no NaN: an empty number that may not be empty was one."""
    numbers = {n for n, c in enumerate(table.columns) if c.type is float and not c.optional}
    make: Callable[[list[Any]], tuple[Any, ...]] = table.row._make  # type: ignore[attr-defined]
    return [make(filled(row, numbers) if None in row else row) for row in rows]


def filled(row: list[Any], numbers: Collection[int]) -> list[Any]:
    return [math.nan if value is None and n in numbers else value for n, value in enumerate(row)]
