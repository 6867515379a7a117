"""The runs as people look at them: on the bench, just ended, or drawn again from what is stored."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from app.bench.editions import ROWS_AT_ONCE, Draft, Edition
from app.bench.live_run import Live
from app.figures import Board
from app.live.topics import Hub, Topic
from app.runs.run import Run
from app.storage.records import tables_of
from app.storage.store import Store
from app.text.languages import Words
from experiments.kit.spec import Experiment

REMEMBERED = 8  # ended runs whose figures stay in memory for those who look again


class UnknownRun(LookupError):
    """No run has this id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"there is no run {id[:40]!r}")


class Views:
    """What can be looked at. `experiment` finds an experiment by its name, `languages` the words of each."""

    def __init__(
        self,
        experiment: Callable[[str], Experiment],
        store: Store,
        hub: Hub,
        languages: Mapping[str, Words],
    ) -> None:
        self.experiment = experiment
        self.store = store
        self.hub = hub
        self.languages = languages
        self.alive: dict[str, Live] = {}  # they wait or are measured
        self.ended: OrderedDict[str, Live] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- a run from its beginning to its end --------------------------------------------------

    def open(self, run: Run) -> Live:
        """A run that is going to be measured: in memory until it is forgotten, with its topic."""
        experiment = self.experiment(run.experiment)
        live = self.alive[run.id] = self._show(run, experiment, Board(experiment, guess=run.points))
        return live

    def end(self, live: Live) -> None:
        """It is measured; the oldest of those that are remembered has to make room."""
        self.alive.pop(live.run.id, None)
        self.ended[live.run.id] = live
        while len(self.ended) > REMEMBERED:
            self.forget(next(iter(self.ended)))

    def forget(self, id: str) -> None:
        """Its topics are not found any more; who looks at one keeps it."""
        live = self.ended.pop(id, None)
        for edition in live.editions() if live else ():
            self.hub.drop(edition.topic.name)

    def _show(self, run: Run, experiment: Experiment, board: Board) -> Live:
        topic = self.hub.topic(f"run:{run.id}", snapshot=lambda: live.snapshot())
        live = Live(run, experiment, board, topic)
        return live

    # -- looking ------------------------------------------------------------------------------

    def find(self, id: str) -> Live | None:
        """A run that is in memory."""
        return self.alive.get(id) or self.ended.get(id)

    async def run(self, id: str) -> Run:
        """The run as it is now; UnknownRun where there is none."""
        live = self.alive.get(id)
        if live:
            return live.run
        try:
            return await asyncio.to_thread(self.store.get, id)
        except KeyError:
            raise UnknownRun(id) from None

    async def of(self, id: str) -> Live:
        """The run with its figures: as they are while it lives, drawn again from its rows after."""
        live = self.find(id)
        if live is None:
            async with self.alone(id):
                live = self.find(id) or await self._redraw(await self.run(id))
        return live

    def alone(self, id: str) -> asyncio.Lock:
        """To be held while a stored run is changed or drawn: else the figures would come with what it was."""
        return self._locks.setdefault(id, asyncio.Lock())

    async def told(self, live: Live, language: str) -> Edition:
        """A run in one language: made now if nobody has looked at it in that language so far."""
        async with live.making:
            if language in self.languages and language not in ("en", *live.others):
                live.others[language] = await self._tell(live, self.languages[language])
        return live.in_language(language)

    async def topic(self, name: str) -> Topic | None:
        """The topic of this name. That of an ended run is made when somebody asks for it."""
        kind, _, of = name.partition(":")
        if kind != "run":
            return self.hub.find(name)
        id, _, language = of.partition(":")
        try:
            edition = await self.told(await self.of(id), language or "en")
        except LookupError:
            return None
        return edition.topic if edition.topic.name == name else None

    # -- drawing what is stored ---------------------------------------------------------------

    async def _redraw(self, run: Run) -> Live:
        """The figures of a run that has ended, from its rows."""
        experiment = self.experiment(run.experiment)
        try:
            tables = await asyncio.to_thread(tables_of, self.store, experiment, run.id)
        except KeyError:  # it had to make room meanwhile
            raise UnknownRun(run.id) from None
        live = self._show(run, experiment, Board(experiment, guess=run.points))
        for name, rows in tables.items():
            for start in range(0, len(rows), ROWS_AT_ONCE):
                live.board.add(name, rows[start : start + ROWS_AT_ONCE])
                await asyncio.sleep(0)
        live.board.close()
        live.ended.set()
        self.end(live)
        return live

    async def _tell(self, live: Live, words: Words) -> Edition:
        """The figures in another language, from the rows so far; complete when this returns."""
        run, experiment = live.run, live.experiment
        draft = Draft(Board(experiment, words, run.points), dict(run.rows))
        live.drafts.append(draft)
        try:
            await draft.catch_up(
                lambda: asyncio.to_thread(tables_of, self.store, experiment, run.id),
                lambda: live.run.state.ended,
            )
        except KeyError:  # deleted meanwhile
            raise UnknownRun(run.id) from None
        finally:
            live.drafts.remove(draft)
        draft.board.guess(live.run.points or {})  # it may have been given meanwhile
        if live.run.state.ended:
            draft.board.close()
        name = f"run:{run.id}:{words.language}"
        topic = self.hub.topic(name, snapshot=lambda: live.snapshot(words.language))
        if self.find(run.id) is not live:  # it was deleted or forgotten meanwhile
            self.hub.drop(name)
        return Edition(words, draft.board, topic)
