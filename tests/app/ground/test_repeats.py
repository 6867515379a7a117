"""The log stays readable, and its disk empty, whatever a stranger makes the server say."""

import logging
import socket

import pytest

from app.ground.repeats import Repeats
from tests.served import serve
from tests.siege.ground import log_of


class Log:
    """A logger with the filter, a clock that the test sets, and what came through."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.logger = logging.Logger("test")
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(record.getMessage())  # type: ignore[method-assign]
        handler.addFilter(Repeats(clock=lambda: self.now))
        self.logger.addHandler(handler)

    def refuse(self, who: object) -> None:
        self.logger.warning("refused %s", who)

    def fail(self, error: Exception) -> None:
        try:
            raise error
        except Exception:
            self.logger.exception("it failed")


@pytest.fixture
def log():
    return Log()


def test_a_line_that_is_repeated_comes_once_a_second_with_its_count(log):
    for n in range(1000):
        log.now = 100 + n / 400
        log.refuse(n)
    assert log.lines == ["refused 0", "refused 400 (399 more like it)", "refused 800 (399 more like it)"]


def test_a_line_that_comes_seldom_comes_as_it_is(log):
    for n in range(3):
        log.now += 1.5
        log.refuse("100 %")
        assert log.lines == ["refused 100 %"] * (n + 1)


def test_other_lines_come_meanwhile(log):
    log.refuse("a")
    log.logger.warning("something else")
    log.refuse("b")
    assert log.lines == ["refused a", "something else"]


def test_errors_of_different_kinds_and_places_are_different_lines(log):
    log.fail(KeyError("a"))
    log.fail(KeyError("b"))
    log.fail(ValueError("c"))
    assert log.lines == ["it failed", "it failed"]


def test_what_is_remembered_is_bounded(log):
    for n in range(5000):
        exec(compile("\n" * n + "log.logger.warning('x')", "made", "exec"), {"log": log})
    (handler,) = log.logger.handlers
    (repeats,) = handler.filters
    assert len(repeats._said) <= 256


def test_the_lines_of_the_web_server_are_counted_too(tmp_path):
    with serve(tmp_path / "data") as served:
        port = int(served.url.rpartition(":")[2])
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"\0\r\n\r\n")
                assert stranger.recv(4096).startswith(b"HTTP/1.1 400 ")
        log = log_of(served)
    assert 1 <= log.count("Invalid HTTP request received.") < 10
