"""Topics: numbered live logs that any number of viewers follow, each at its own pace.

A topic keeps one log. A viewer keeps one cursor a topic and has one task that writes to it: what it
gets is "everything since my cursor" in one frame, encoded once and shared by all who stand there. No
viewer has a queue, so a slow one costs nothing but its cursor: it gets later, larger frames, or a
snapshot where the log no longer reaches back, and delays nobody.

Everything here belongs to one event loop. A snapshot must already contain what was published: change
the state first, then publish, with no `await` between.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

Mode = Literal["log", "last"]
Send = Callable[[str], Awaitable[None]]

KEEP_B = 2 * 1024 * 1024  # of a log; a viewer further behind is served better by a snapshot
FRAME_B = 256 * 1024  # a viewer that catches up gets frames of about this size
SHARED = 16  # frames kept for viewers at the same cursor; there are seldom more cursors than that
REPLIES = 256  # answers that wait for one viewer; it may ask 200 times in 10 s
# Between two frames to a viewer. A little less than the 50 ms between the fastest updates, so that viewers
# wait for an update, and all at the same place, rather than an update for each viewer.
TICK_S = 0.045
PATIENCE_S = 10.0


class Stalled(Exception):
    """A viewer took nothing for too long."""


class Frame(NamedTuple):
    """A message as text, and the cursor of a viewer that has it."""

    text: str
    seq: int


class Topic:
    """A numbered log. In mode "last" only the newest value counts, and viewers may miss others.

    `snapshot` returns the whole state as of the newest operation. `on_first` and `on_last` are called
    when the first viewer comes and the last one goes. A new epoch marks a new log under an old name,
    as after a restart of the server.
    """

    def __init__(
        self,
        name: str,
        snapshot: Callable[[], Any] | None = None,
        mode: Mode = "log",
        *,
        keep_b: int = KEEP_B,
        frame_b: int = FRAME_B,
    ) -> None:
        self.name = name
        self.mode = mode
        self.epoch = secrets.token_hex(4)
        self.seq = 0
        self.encoded = 0  # frames; with many viewers far fewer than were sent
        self.on_first: Callable[[], None] | None = None
        self.on_last: Callable[[], None] | None = None
        self._snapshot = snapshot
        self._keep_b = keep_b if mode == "log" else 0
        self._frame_b = frame_b
        self._log: deque[bytes] = deque()  # the newest operation has the number self.seq
        self._log_b = 0
        self._frames: dict[int | None, Frame] = {}
        self._viewers: set[Viewer] = set()

    @property
    def viewers(self) -> int:
        """How many look at this topic now."""
        return len(self._viewers)

    def publish(self, op: Any) -> None:
        """Number an operation (or, in mode "last", a value) and wake whoever looks."""
        encoded = to_json(op, inf_nan_mode="null")
        self._log.append(encoded)
        self._log_b += len(encoded)
        self.seq += 1
        while self._log_b > self._keep_b and len(self._log) > 1:
            self._log_b -= len(self._log.popleft())
        self._frames.clear()
        for viewer in self._viewers:
            viewer.wake()

    def clear(self) -> None:
        """Forget what was published; the numbers go on."""
        self._log.clear()
        self._frames.clear()
        self._log_b = 0

    def cursor(self, epoch: Any, since: Any) -> int | None:
        """Where a viewer stands that has seen `since` of `epoch`; None where it needs a snapshot."""
        if self.mode == "last" and not self._has_value():
            return self.seq
        known = epoch == self.epoch and type(since) is int and 0 <= since <= self.seq
        return since if known else None

    def frame(self, cursor: int | None) -> Frame:
        """What a viewer at this cursor gets next; encoded once for all who stand there."""
        reached = cursor is not None and self.mode == "log" and cursor >= self.seq - len(self._log)
        place = cursor if reached else None
        if place not in self._frames:
            while len(self._frames) >= SHARED:
                del self._frames[next(iter(self._frames))]
            self._frames[place] = self._encode(place)
            self.encoded += 1
        return self._frames[place]

    def _encode(self, cursor: int | None) -> Frame:
        if self.mode == "last":
            return self._envelope("last", self.seq, v=self._value())
        if cursor is None:
            return self._envelope("snap", self.seq, v=self._state())
        ops = self._since(cursor)
        seq = cursor + len(ops)
        return self._envelope("ops", seq, from_=b"%d" % (cursor + 1), ops=b"[%s]" % b",".join(ops))

    def _envelope(self, kind: str, seq: int, **parts: bytes) -> Frame:
        """The parts are JSON already: an operation is encoded when it is published, and never again."""
        head = to_json({"t": kind, "topic": self.name, "epoch": self.epoch, "seq": seq})[:-1]
        rest = b"".join(b',"%s":%s' % (name.rstrip("_").encode(), part) for name, part in parts.items())
        return Frame((head + rest + b"}").decode(), seq)

    def _since(self, cursor: int) -> list[bytes]:
        """The operations after the cursor, at least one, as many as a frame may carry."""
        ops: list[bytes] = []
        size = 0
        for at in range(len(self._log) - (self.seq - cursor), len(self._log)):
            size += len(self._log[at])
            if ops and size > self._frame_b:
                break
            ops.append(self._log[at])
        return ops

    def _has_value(self) -> bool:
        return bool(self._log) or self._snapshot is not None

    def _value(self) -> bytes:
        return self._log[-1] if self._log else self._state()

    def _state(self) -> bytes:
        return to_json(self._snapshot() if self._snapshot else None, inf_nan_mode="null")

    def admit(self, viewer: Viewer) -> None:
        """Called by the viewer."""
        self._viewers.add(viewer)
        if self.viewers == 1 and self.on_first:
            self.on_first()

    def dismiss(self, viewer: Viewer) -> None:
        """Called by the viewer."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            if not self._viewers and self.on_last:
                self.on_last()


class Viewer:
    """One page that looks at topics. `send` returns when the page can take more, as a socket's does."""

    def __init__(self, send: Send, *, tick_s: float = TICK_S, patience_s: float = PATIENCE_S) -> None:
        self._send = send
        self._tick_s = tick_s
        self._patience_s = patience_s
        self._cursors: dict[Topic, int | None] = {}
        self._replies: deque[str] = deque(maxlen=REPLIES)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    def subscribe(self, topic: Topic, epoch: str | None = None, since: int | None = None) -> None:
        """Follow a topic from where the page stands, or from a snapshot."""
        self._cursors[topic] = topic.cursor(epoch, since)
        topic.admit(self)
        self.wake()

    def unsubscribe(self, topic: Topic) -> None:
        self._cursors.pop(topic, None)
        topic.dismiss(self)

    def subscriptions(self) -> list[Topic]:
        return [*self._cursors]

    def reply(self, message: dict[str, Any]) -> None:
        """Answer this viewer alone, before the next frame."""
        self._replies.append(to_json(message).decode())
        self.wake()

    async def run(self) -> None:
        """Write to this viewer until cancelled; Stalled where it takes nothing for `patience_s`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._replies:
                await self._give(self._replies.popleft())
            for topic in [*self._cursors]:
                await self._catch_up(topic)
            await asyncio.sleep(self._tick_s)  # what is published meanwhile goes out as one frame

    async def _catch_up(self, topic: Topic) -> None:
        newest = topic.seq
        while topic in self._cursors:
            cursor = self._cursors[topic]
            if cursor is not None and cursor >= newest:
                return
            frame = topic.frame(cursor)
            await self._give(frame.text)
            if topic in self._cursors and self._cursors[topic] == cursor:  # not subscribed anew meanwhile
                self._cursors[topic] = frame.seq

    async def _give(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._send(text)
        except TimeoutError:
            raise Stalled(f"took nothing for {self._patience_s:g} s") from None

    def close(self) -> None:
        """Leave all topics."""
        for topic in self.subscriptions():
            self.unsubscribe(topic)


class Hub:
    """The topics of this server. `quiet` is true while something is being measured."""

    def __init__(self) -> None:
        self.quiet = False
        self._topics: dict[str, Topic] = {}

    def topic(self, name: str, snapshot: Callable[[], Any] | None = None, mode: Mode = "log") -> Topic:
        """The topic of this name; a new one where there is none yet."""
        if name not in self._topics:
            self._topics[name] = Topic(name, snapshot, mode)
        return self._topics[name]

    def find(self, name: str) -> Topic | None:
        return self._topics.get(name)

    def drop(self, name: str) -> None:
        """Forget a topic. Who looks at it keeps it until they go; who comes later finds none."""
        self._topics.pop(name, None)
