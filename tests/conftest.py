"""What holds for all tests."""

import signal
from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.repeats"]


@pytest.fixture(autouse=True, scope="session")
def signals_that_a_shell_had_ignored() -> Iterator[None]:
    """The suite in the background or under nohup: children inherit what is ignored, and oscope heeds it."""
    ends = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    ignored = [number for number in ends if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, ends[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
