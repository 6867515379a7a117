"""What every siege stands on: a server of its own, its log, its CPU time, and the time of an answer."""

import argparse
import contextlib
import http.client
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.served import Served, serve

TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def ground(*arguments: str) -> Iterator[Served]:
    """A server with a data folder that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="oscope-siege-") as folder,
        serve(Path(folder) / "data", *arguments) as served,
    ):
        yield served


def log_of(served: Served) -> str:
    return served.data.with_name(f"{served.data.name}.log").read_text()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def answer_s(served: Served, path: str = "/api/health", patience_s: float = 10.0) -> float:
    """How long one answer takes; an error where there is none, or another one than 200."""
    place = urlsplit(served.url)
    begun = time.monotonic()
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=patience_s)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise OSError(f"{path} answers {answer.status}")
    return time.monotonic() - begun


def arguments(about: str, **numbers: float) -> argparse.Namespace:
    """The command line of a siege: each number can be set."""
    parser = argparse.ArgumentParser(description=about)
    for name, value in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args()


def report(figures: dict[str, object]) -> None:
    for name, value in figures.items():
        print(f"{name:>34}  {value:.3f}" if isinstance(value, float) else f"{name:>34}  {value}")  # noqa: T201
