"""The newest runs, for those who watch all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from app.live.topics import Hub
from app.runs.run import Run

SHOWN = 20


class Latest:
    """The topic "runs", and what its viewers begin with."""

    def __init__(self, hub: Hub) -> None:
        self.runs: deque[Run] = deque(maxlen=SHOWN)  # the newest first
        self._topic = hub.topic("runs", snapshot=lambda: {"runs": [run.as_json() for run in self.runs]})

    def fill(self, newest: Iterable[Run]) -> None:
        self.runs.extend(newest)

    def add(self, run: Run) -> None:
        self.runs.appendleft(run)
        self._publish(run)

    def change(self, run: Run) -> None:
        self._keep([run if known.id == run.id else known for known in self.runs])
        self._publish(run)

    def remove(self, id: str) -> None:
        self._keep([run for run in self.runs if run.id != id])
        self._topic.publish({"o": "gone", "id": id})

    def _keep(self, runs: Iterable[Run]) -> None:
        self.runs = deque(runs, maxlen=SHOWN)

    def _publish(self, run: Run) -> None:
        self._topic.publish({"o": "run", "v": run.as_json()})
