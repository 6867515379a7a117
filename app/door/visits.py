"""How many connections may be open, in all and from one address, before anybody has shown a token.

Whoever connects gets a place. Where all places are taken, the connection that has waited longest for
its client to ask for something makes room; where every place is in use, the new one is turned away.
So connections that ask for nothing, however many, keep nobody out.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from app.ground.addresses import is_loopback
from app.ground.descriptors import descriptor_limit

log = logging.getLogger(__name__)

MOST = 4096  # connections; each costs some 20 kB
RESERVE = 128  # descriptors for everything else: the history, the pipes of a run, files that are sent
FOR_THIS_MACHINE = 32  # places that the network cannot take: whoever sits here always gets in
# A workshop may come from one address: a page opens up to six connections and keeps one socket, so that
# 200 visitors who all load it at once need 1400. Half of all places, so that one address never takes all.
SHARE_OF_ONE = 0.5
AT_ONCE = 32  # connections that may be on their way out before others come in
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PAUSE_S = 0.5  # after the system had no descriptor left, and none could be freed
FULL = b"every place is taken; try again in a moment\n"
TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s" % (len(FULL), FULL)
)


class Visit:
    """One connection, from its acceptance to its end. `leave` closes it, once somebody serves it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.leave: Callable[[], None] | None = None
        self.leaving = False


class Visits:
    """The connections that are open."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.leaving = 0  # connections that were ended to make room, and are still to be closed
        self._open: dict[int, Visit] = {}  # by descriptor
        self._of: Counter[str] = Counter()
        # Those whose client has asked for nothing yet, by address; the one that waits longest comes first.
        self._waiting: defaultdict[str, dict[Visit, None]] = defaultdict(dict)

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def places(self) -> int:
        """How many connections there may be now."""
        limit = descriptor_limit()
        return max(16, min(self.most, limit - min(RESERVE, limit // 2)))

    def admit(self, descriptor: int, host: str) -> bool:
        """Give a new connection a place, if need be that of another; False where there is none."""
        address = address_of(host)
        self.leave(descriptor)  # one whose end nobody told
        if not self._has_place(address):
            return False
        self._open[descriptor] = Visit(address)
        self._of[address] += 1
        return True

    def _has_place(self, address: str) -> bool:
        places = self.places
        if address and self._of[address] >= places * SHARE_OF_ONE:
            return self.make_scratch(address)
        full = places - FOR_THIS_MACHINE if address else places
        return len(self._open) < full or self.make_scratch()

    def make_scratch(self, of: str | None = None) -> bool:
        """End the connection that has waited longest for its client, of the address that has most of
        them (or of one address); False where none waits."""
        crowded = [of] if of is not None else [address for address, _ in self._of.most_common()]
        for address in crowded:
            if waiting := self._waiting.get(address):
                visit = next(iter(waiting))
                self.is_busy(visit)
                visit.leaving = True
                self.leaving += 1
                assert visit.leave
                visit.leave()
                return True
        return False

    def attach(self, descriptor: int, leave: Callable[[], None]) -> Visit:
        """The visit behind a connection, for whoever serves it; `leave` closes it."""
        visit = self._open.get(descriptor) or Visit("")
        visit.leave = leave
        return visit

    def is_waiting(self, visit: Visit) -> None:
        """Its client has asked for nothing, or has been answered."""
        if not visit.leaving:
            self._waiting[visit.address].setdefault(visit)

    def is_busy(self, visit: Visit) -> None:
        """It asks, and is answered."""
        waiting = self._waiting[visit.address]
        waiting.pop(visit, None)
        if not waiting:
            del self._waiting[visit.address]

    def leave(self, descriptor: int) -> None:
        """A connection has ended."""
        if visit := self._open.pop(descriptor, None):
            self.is_busy(visit)
            self.leaving -= visit.leaving
            self._of[visit.address] -= 1
            if not self._of[visit.address]:
                del self._of[visit.address]


def address_of(host: str) -> str:
    """What counts as one address: for IPv6 the network of a subscriber. Empty for this machine."""
    host = host.partition("%")[0]
    if is_loopback(host):
        return ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


class Listener(socket.socket):
    """A listening socket that accepts only whom there is a place for.

    asyncio accepts until there is an error: BlockingIOError has it look at its other business first.
    """

    def __init__(self, *given: Any, visits: Visits, **named: Any) -> None:
        super().__init__(*given, **named)
        self.visits = visits
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY)  # freed where there is no other left
        self._retry_at = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        if self.visits.leaving >= AT_ONCE:
            raise BlockingIOError("connections that make room are still to be closed")
        try:
            connection, place = super().accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._manage_without(error)
            raise BlockingIOError(error.errno, error.strerror) from error
        if not self.visits.admit(connection.fileno(), place[0]):
            turn_away(connection)
            log.warning("every place is taken (%d connections): others are turned away", self.visits.count)
            raise BlockingIOError("turned away")
        return connection, place

    def _manage_without(self, error: OSError) -> None:
        """The system has no descriptor left: free one, or turn away whoever knocks. Else asyncio is to
        pause, which it does once it is told: raise the error, but not for each place of the backlog."""
        log.warning("no descriptor is left (%s): connections are turned away", error.strerror)
        if self.visits.leaving or self.visits.make_scratch():
            return
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
            with suppress(OSError):
                turn_away(super().accept()[0])
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)
        if self._spare is None and time.monotonic() > self._retry_at:
            self._retry_at = time.monotonic() + PAUSE_S
            raise error

    def close(self) -> None:
        super().close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


def turn_away(connection: socket.socket) -> None:
    """Say why, as far as that is possible without waiting, and close."""
    with suppress(OSError):
        connection.setblocking(False)
        connection.send(TURNED_AWAY)
        connection.shutdown(socket.SHUT_WR)
    connection.close()
