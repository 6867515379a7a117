"""How long and how much a stranger on the network is waited for: deadlines and bounds around uvicorn's
protocols, which wait for ever.

A connection that has not sent a whole request is closed, as is one whose client takes nothing of an
answer. A websocket's frames are counted, whatever is in them: pings and pieces of messages never reach
the app. What a client does wrong ends its connection with the right code, and never with a traceback.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from app.door.visits import Visits

HEAD_S = 10.0  # for the whole head of a request, from the connection or the answer before on
TAKING_S = 10.0  # in which the client of an answer has to take at least LEAST_B of it
LEAST_B = 64 * 1024
UNSENT_B = 128 * 1024 * 1024  # of answers that wait for their clients, all together
LARGE_B = 1024 * 1024  # an answer that is worth counting them
LINGER_S = 1.0  # for a client to read why it is closed; closing earlier could lose the reason on its way
FRAMES, WINDOW_S = 200, 10.0  # of a websocket, pings and pieces of messages too; a page needs few
SLICE_B = 4096  # of what comes over a websocket; frames are counted after each, and one may have 6 bytes
TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
CLOSES = {"websocket.send", "websocket.close"}


class Connections(ServerState):
    """What all protocols of one server share: uvicorn's own state, and the visits."""

    def __init__(self, visits: Visits | None = None) -> None:
        super().__init__()
        self.visits = visits or Visits()


def visits_of(state: ServerState) -> Visits:
    """Those of the server; a server that counts none gets some that refuse nobody."""
    return getattr(state, "visits", None) or Visits()


def descriptor_of(transport: asyncio.Transport) -> int:
    socket = transport.get_extra_info("socket")
    return socket.fileno() if socket else -1


class PatientHttp(H11Protocol):
    """HTTP that waits for nobody for ever."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.visits = visits_of(self.server_state)
        self.deadline: asyncio.TimerHandle | None = None
        self.unsent_b = 0  # when the deadline was set
        self.took = False  # whether the client has taken some of the answer since
        self.begun = False  # whether some of a head has arrived

    @property
    def answers(self) -> bool:
        """Whether a request has arrived that is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.descriptor = descriptor_of(transport)
        self.visit = self.visits.attach(self.descriptor, transport.abort)
        self.wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.set_deadline(None)
        self.visits.leave(self.descriptor)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.begun = True
        waited = not self.answers
        super().data_received(data)
        if waited and self.answers:
            self.set_deadline(TAKING_S)
        self.note_whole()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self.set_deadline(None)
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        self.begun = False
        if not self.transport.is_closing():
            self.wait_for_head()
        super().on_response_complete()
        self.note_whole()  # of a request that came before the answer to the one before
        if self.transport.get_write_buffer_size() > LARGE_B:
            self.bound_unsent()

    def note_whole(self) -> None:
        """From here on it is the server that is waited for. A body has its own deadlines, in the guard."""
        if self.answers and not self.cycle.more_body:
            self.visits.is_busy(self.visit)

    def wait_for_head(self) -> None:
        self.visits.is_waiting(self.visit)
        self.set_deadline(TAKING_S if self.transport.get_write_buffer_size() else HEAD_S)

    def set_deadline(self, seconds: float | None) -> None:
        if self.deadline:
            self.deadline.cancel()
        self.deadline = None
        if seconds is not None:
            self.unsent_b = self.transport.get_write_buffer_size()
            self.took = False
            self.deadline = self.loop.call_later(seconds, self.judge)

    def judge(self) -> None:
        """The deadline is here: the client has to have sent a head, or to have taken some of the answer."""
        unsent = self.transport.get_write_buffer_size()
        if self.unsent_b and not self.took and unsent > max(0, self.unsent_b - LEAST_B):
            self.transport.abort()
        elif unsent or self.answers:
            self.set_deadline(TAKING_S)
        else:
            self.say_too_late()

    def say_too_late(self) -> None:
        """The head did not come. Who has sent nothing of it is told nothing."""
        self.deadline = None
        if self.begun and self.conn.our_state is h11.IDLE:
            self.transport.write(TOO_LATE)
        self.transport.close()

    def resume_writing(self) -> None:
        self.took = True
        super().resume_writing()

    def shutdown(self) -> None:
        if self.transport.get_write_buffer_size():  # nobody waits for whoever does not take it now
            self.loop.call_later(LINGER_S, self.transport.abort)
        super().shutdown()

    def bound_unsent(self) -> None:
        """Where all answers together fill the memory, the largest one that is not taken goes."""
        waiting = [c for c in self.connections if isinstance(c, PatientHttp)]
        unsent = {c: c.transport.get_write_buffer_size() for c in waiting}
        while sum(unsent.values()) > UNSENT_B:
            largest = max(unsent, key=lambda c: unsent[c])
            largest.transport.abort()
            del unsent[largest]

    def send_400_response(self, msg: str) -> None:
        """Also where the rest of a request that is being answered makes no sense."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # whoever answers it need not go on
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()


class Pace:
    """Counts frames in a sliding stretch of time."""

    def __init__(self, most: int = FRAMES, window_s: float = WINDOW_S) -> None:
        self._times: deque[float] = deque(maxlen=most)
        self._window_s = window_s

    def is_kept(self) -> bool:
        """Count one; False where it is one too many."""
        now = time.monotonic()
        if len(self._times) == self._times.maxlen and now - self._times[0] < self._window_s:
            return False
        self._times.append(now)
        return True


class PacedSocket(WebSocketsSansIOProtocol):
    """A websocket whose every frame counts, and whose client learns why it is closed."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], **named: Any
    ) -> None:
        super().__init__(config, server_state, app_state, **named)
        self.visits = visits_of(server_state)
        self.pace = Pace()
        self.refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.descriptor = descriptor_of(self.transport)
        self.visits.is_busy(self.visits.attach(self.descriptor, self.transport.abort))

    def connection_lost(self, exc: Exception | None) -> None:
        self.visits.leave(self.descriptor)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), SLICE_B):
            if self.refused:
                return  # thrown away, until it has read why or its time is over
            super().data_received(data[start : start + SLICE_B])
        if self.conn.handshake_exc is not None:
            self.transport.write(NO_HANDSHAKE)
            self.transport.close()

    def handle_events(self) -> None:
        """As uvicorn's, with every frame counted before it is handled."""
        for event in self.conn.events_received():
            if isinstance(event, Request):
                self.handle_connect(event)
            elif isinstance(event, Frame) and not self.refused:
                self.take_frame(event)

    def take_frame(self, frame: Frame) -> None:
        if not self.is_answer(frame) and not self.pace.is_kept():
            self.refuse(CloseCode.POLICY_VIOLATION, f"more than {FRAMES} messages in {WINDOW_S:g} s")
            return
        handle: Callable[[Frame], None] = getattr(self, HANDLERS[frame.opcode.name])
        handle(frame)

    def is_answer(self, frame: Frame) -> bool:
        """A pong to the ping of ours that waits for one."""
        return frame.opcode.name == "PONG" and bytes(frame.data) == self.pending_ping_payload

    def handle_ping(self, *_: Frame) -> None:
        super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not is_utf8(b"".join(self.frames)):
            self.refuse(CloseCode.INVALID_DATA, "a text has to be UTF-8")
        else:
            super().send_receive_event_to_app()

    def refuse(self, code: CloseCode, reason: str) -> None:
        """Close it with a code, whatever it sends from now on."""
        if self.close_sent:
            self.transport.abort()
            return
        try:
            self.conn.fail(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """What it sent broke a rule: say so, and leave it some time to read that."""
        self.refused = True
        said = self.conn.close_sent
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": said.code if said else 1006, "reason": ""}
        )
        if not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.write_eof()  # it closes, once it has read that
            self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
        self.close_sent = True

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if self.transport.is_closing() and not self.disconnected:  # it takes nothing of what is left
            self.loop.call_later(LINGER_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Whoever sends after the end learns that it is over, as one who sends to nobody does."""
        await self.writable.wait()
        if self.close_sent and self.initial_response is None and message["type"] in CLOSES:
            raise ClientDisconnected
        await super().send(message)


HANDLERS = {
    "CONT": "handle_cont",
    "TEXT": "handle_text",
    "BINARY": "handle_bytes",
    "PING": "handle_ping",
    "PONG": "handle_pong",
    "CLOSE": "handle_close",
}


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
