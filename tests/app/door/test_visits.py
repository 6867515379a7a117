"""Who gets a place, and who has to make room. The last tests have a server without a descriptor left."""

import asyncio
import contextlib
import resource
import socket
import sys
from pathlib import Path

import pytest

from app.door.visits import MOST, Visits, address_of
from tests.served import serve
from tests.siege.ground import answer_s, log_of
from tests.siege.half_open import KINDS, besiege

HERE, ROOM, OTHER = "127.0.0.1", "198.51.100.7", "198.51.100.8"


class Crowd:
    """Connections on a server with few places; each has a descriptor of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int = 100, limit: int = 10_000) -> None:
        monkeypatch.setattr("app.door.visits.descriptor_limit", lambda: limit)
        self.visits = Visits(most)
        self.next = 10
        self.left: list[int] = []

    def come(self, host: str, busy: bool = False) -> int | None:
        """The descriptor of a new connection; None where it is turned away."""
        descriptor = self.next
        self.next += 1
        if not self.visits.admit(descriptor, host):
            return None
        visit = self.visits.attach(descriptor, lambda: self.left.append(descriptor))
        (self.visits.is_busy if busy else self.visits.is_waiting)(visit)
        return descriptor

    def settle(self) -> None:
        """What has to leave is closed."""
        for descriptor in self.left:
            self.visits.leave(descriptor)


@pytest.fixture
def crowd(monkeypatch):
    return Crowd(monkeypatch)


def test_whoever_waited_longest_makes_room(crowd):
    first, *_ = [crowd.come(HERE) for _ in range(100)]
    assert crowd.left == []
    assert crowd.come(HERE)
    assert crowd.left == [first]


def test_whoever_is_answered_keeps_its_place(crowd):
    for _ in range(100):
        crowd.come(HERE, busy=True)
    assert crowd.come(HERE) is None
    assert crowd.left == []


def test_one_address_takes_half_of_the_places_and_no_other_one_pays_for_it(crowd):
    crowd.come(OTHER)
    ours = [crowd.come(ROOM, busy=True) for _ in range(60)]
    assert [n is not None for n in ours] == [True] * 50 + [False] * 10
    assert crowd.left == []
    assert crowd.come(OTHER)


def test_the_address_that_crowds_makes_room_for_the_others(crowd):
    quiet = crowd.come(OTHER)
    crowding = [crowd.come(ROOM) for _ in range(50)]
    for n in range(17):
        crowd.come(f"203.0.113.{n}", busy=True)
    assert crowd.come("203.0.113.99")
    assert crowd.left == crowding[:1]
    assert quiet not in crowd.left


def test_the_network_leaves_places_for_this_machine(crowd):
    come = [crowd.come(f"203.0.113.{n}", busy=True) for n in range(100)]
    assert sum(n is not None for n in come) == 68
    assert all(crowd.come(HERE, busy=True) for _ in range(32))
    assert crowd.come(HERE) is None


def test_who_has_left_is_not_counted(crowd):
    for _ in range(500):
        descriptor = crowd.come(ROOM, busy=True)
        assert descriptor
        crowd.visits.leave(descriptor)
    assert (crowd.visits.count, crowd.left) == (0, [])


def test_who_makes_room_leaves_once(crowd):
    for _ in range(150):
        assert crowd.come(HERE)
    assert (len(set(crowd.left)), len(crowd.left), crowd.visits.leaving) == (50, 50, 50)
    crowd.settle()
    assert (crowd.visits.count, crowd.visits.leaving) == (100, 0)


def test_a_workshop_behind_one_address_has_room():
    """200 visitors, six connections for a page that loads and a socket each, on a usual system."""
    limit = 524_288
    assert min(MOST, limit - 128) / 2 >= 200 * 7


@pytest.mark.parametrize(
    ("limit", "places"), [(64, 32), (256, 128), (1024, 896), (4096, 3968), (10**6, MOST)]
)
def test_places_leave_descriptors_for_everything_else(monkeypatch, limit, places):
    assert Crowd(monkeypatch, MOST, limit).visits.places == places


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_counts_as_one_address(host, address):
    assert address_of(host) == address


# -- a real server ----------------------------------------------------------------------------


def test_connections_that_ask_for_nothing_keep_nobody_out(tmp_path):
    with serve(tmp_path / "data") as served:
        for kind in KINDS:
            figures = besiege(served, sockets=400, seconds=1.0, limit=256, kind=kind)
            assert figures["answers"], kind
            assert figures["without an answer"] == 0, kind
            assert figures["CPU share of the server"] < 0.9, kind
        assert len(log_of(served).splitlines()) < 5


def test_a_server_without_a_descriptor_left_says_so_once_and_goes_on(tmp_path):
    """What else the process opens takes the last descriptor: here the limit sinks below what is open."""
    with serve(tmp_path / "data") as served:
        answer_s(served)
        before = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (8, before[1]))
        with contextlib.ExitStack() as held:
            for _ in range(100):
                held.enter_context(
                    socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])))
                )
            assert len(log_of(served).splitlines()) < 12
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, before)
        asyncio.run(asyncio.wait_for(until_it_answers(served), 20))
        assert "no descriptor is left" in log_of(served)


async def until_it_answers(served) -> None:
    while True:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(answer_s, served, "/api/health", 2.0)
            return


def test_a_server_takes_all_descriptors_it_may_and_its_children_what_it_was_started_with(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 400:
        pytest.skip("the hard limit of this machine is below 400 descriptors")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nulimit -Sn 300; ulimit -Hn 400; exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with serve(tmp_path / "data", python=str(python)) as served:
        own = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
        children = children_of(served.process.pid)
        limits = {resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in children}
    assert own == (400, 400)
    assert limits == {(300, 400)}  # the interpreter that waits for the next run


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
