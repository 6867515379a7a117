"""Connections that send half a request, or nothing, while others want an answer."""

import contextlib
import resource
import socket
import time
from collections import Counter
from urllib.parse import urlsplit

from tests.served import Served
from tests.siege.ground import answer_s, arguments, cpu_s, descriptors, ground, log_of, report

KINDS = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\n",
    "no body": b"POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n",
}


def besiege(
    served: Served, sockets: int = 400, seconds: float = 12.0, limit: int = 0, kind: str = "half a head"
) -> dict[str, object]:
    """Open them all at once, keep them, and ask for an answer four times a second meanwhile."""
    pid = served.process.pid
    if limit:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
    place = urlsplit(served.url)
    lines_before = log_of(served).count("\n")
    with contextlib.ExitStack() as held:
        attackers = [held.enter_context(attacker(place.port or 0, KINDS[kind])) for _ in range(sockets)]
        before, begun = cpu_s(pid), time.monotonic()
        took, failed = [], 0
        while time.monotonic() < begun + seconds:
            try:
                took.append(answer_s(served))
            except OSError:
                failed += 1
            time.sleep(0.25)
        elapsed = time.monotonic() - begun
        states = Counter(state_of(one) for one in attackers)
        seen = descriptors(pid)
    lines = log_of(served).count("\n") - lines_before
    return {
        "sockets": sockets,
        "kind": kind,
        "limit of descriptors": limit or "as it is",
        "answers": len(took),
        "without an answer": failed,
        "median answer, s": sorted(took)[len(took) // 2] if took else None,
        "slowest answer, s": max(took, default=None),
        "CPU share of the server": (cpu_s(pid) - before) / elapsed,
        "log lines a second": lines / elapsed,
        "descriptors of the server": seen,
        "attackers closed by the server": states["closed"],
    }


def attacker(port: int, said: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=5)
    with contextlib.suppress(OSError):
        one.sendall(said)
    return one


def state_of(one: socket.socket) -> str:
    one.setblocking(False)
    try:
        while one.recv(4096):
            pass
    except BlockingIOError:
        return "open"
    except OSError:
        pass
    return "closed"


if __name__ == "__main__":
    given = arguments(__doc__, sockets=400, seconds=12.0, limit=256)
    for kind in KINDS:
        with ground() as served:
            report(besiege(served, given.sockets, given.seconds, given.limit, kind))
