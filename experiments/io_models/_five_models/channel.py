"""What a read comes through: pairs of sockets, and the process that writes into the far ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from experiments.kit.kernel.clock import now_ns, seconds

Kind = Literal["unix", "udp", "tcp", "unix datagrams"]

LARGEST_DATAGRAM_B = 32 << 10
DEFAULT_BUFFER_B = 212_992  # net.core.wmem_default: also what an ordinary user may ask for
FORCE_SEND, FORCE_RECEIVE = 32, 33  # SO_SNDBUFFORCE, SO_RCVBUFFORCE: past the limit, for root


class Pair(NamedTuple):
    """Two connected sockets."""

    kind: Kind
    receiver: socket.socket
    sender: socket.socket

    def fits(self) -> int:
        """Bytes that can wait between the two ends: half of what the kernel counts is its own upkeep."""
        sent = self.sender.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2
        held = self.receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        room = sent if self.kind.startswith("unix") else min(sent, held)
        return room if self.kind in ("unix", "tcp") else min(room, LARGEST_DATAGRAM_B)


def datagrams(kind: Kind) -> Kind:
    """The kind of the same family that keeps messages apart: one signal, one message."""
    return "unix datagrams" if kind == "unix" else "udp"


def connect(kind: Kind, largest: int) -> Pair:
    """A pair with room for a message of `largest` bytes, as far as the system allows."""
    pair = Pair(kind, *CONNECT[kind]())
    room = max(DEFAULT_BUFFER_B, 3 * largest)
    widen(pair.receiver, FORCE_RECEIVE, socket.SO_RCVBUF, room)
    widen(pair.sender, FORCE_SEND, socket.SO_SNDBUF, room)
    return pair


def widen(end: socket.socket, force: int, ask: int, room: int) -> None:
    try:
        end.setsockopt(socket.SOL_SOCKET, force, room)
    except OSError:
        end.setsockopt(socket.SOL_SOCKET, ask, room)


def unix() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def unix_datagrams() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def udp() -> tuple[socket.socket, socket.socket]:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    sender.connect(receiver.getsockname())
    return receiver, sender


def tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return receiver, sender


CONNECT: dict[Kind, Callable[[], tuple[socket.socket, socket.socket]]] = {
    "unix": unix,
    "udp": udp,
    "tcp": tcp,
    "unix datagrams": unix_datagrams,
}


def sender_of(pairs: Sequence[Pair], largest: int) -> Callable[[int, int, int], tuple[int, int]]:
    """What the sending process does when asked: wait, stamp, write into one pair, stamp again."""
    message = memoryview(b"x" * largest)

    def send(pair: int, size: int, delay_ns: int) -> tuple[int, int]:
        for one in pairs:
            one.receiver.close()  # else a write could wait for ever, with the reader long dead
        part = message[:size]
        write = pairs[pair].sender.sendall
        time.sleep(seconds(delay_ns))
        begun_ns = now_ns()
        write(part)
        return begun_ns, now_ns()

    return send
