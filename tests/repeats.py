"""Repeats the tests marked `measured`, and no others, and says so at the end of the run.

A measured test judges a figure that a busy machine can blur: a share, a ratio, a lateness. Where it
fails it is repeated up to three times by pytest-rerunfailures. The run's last lines list every test that
was repeated, why, and what else the machine did meanwhile. Any other test that fails once is red.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

REPEATS = 3
PRESSURE = Path("/proc/pressure/cpu")  # kernels from 4.20 on, where it is compiled in


class Reading(NamedTuple):
    """Sums in seconds; None where this system does not tell."""

    wall_s: float
    busy_s: float | None
    own_s: float | None
    waited_s: float | None

    @classmethod
    def now(cls) -> Reading:
        return cls(time.monotonic(), busy_s(), own_s(), waited_s())


def busy_s() -> float | None:
    """What all cores worked since boot."""
    try:
        times = psutil.cpu_times()
    except (OSError, psutil.Error):
        return None
    return float(times.user + times.nice + times.system)


def own_s() -> float | None:
    """What this process and its descendants worked."""
    try:
        tree = [psutil.Process(), *psutil.Process().children(recursive=True)]
    except (OSError, psutil.Error):
        return None
    return sum(map(worked_s, tree))


def worked_s(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])  # user and system, its own and of the children it waited for
    except (OSError, psutil.Error):
        return 0  # it has just ended: its parent has its time


def waited_s() -> float | None:
    """How long since boot at least one task had to wait for a core."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
        return int(some.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError, IndexError):
        return None


def describe_machine(before: Reading, after: Reading) -> str:
    """What the machine did between two readings, in words."""
    cores = os.cpu_count() or 1
    wall_s = max(after.wall_s - before.wall_s, 0.01)  # /proc/stat counts in hundredths of a second
    parts = []
    if None in (before.busy_s, before.own_s, after.busy_s, after.own_s):
        parts.append("how busy the machine was is unknown")
    else:
        own_s = after.own_s - before.own_s
        others_s = max(after.busy_s - before.busy_s - own_s, 0.0)
        parts.append(f"others used {others_s / wall_s / cores:.0%} of {cores} cores")
        parts.append(f"the test {own_s / wall_s / cores:.0%}")
    if before.waited_s is not None and after.waited_s is not None:
        waited = min((after.waited_s - before.waited_s) / wall_s, 1.0)
        parts.append(f"tasks waited for a core {waited:.0%} of the time")
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f}")
    return ", ".join(parts)


READING = pytest.StashKey[Reading]()


def is_measured(item: pytest.Item) -> bool:
    return item.get_closest_marker("measured") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("flaky"):
            raise pytest.UsageError(f"{item.nodeid} is marked flaky: mark it `measured`, or mend its cause")
        if is_measured(item):
            item.add_marker(pytest.mark.flaky(reruns=REPEATS))
            # The limit holds for each attempt, not for all of them.
            item.add_marker(pytest.mark.timeout(limit_s(item), func_only=True), append=False)


def limit_s(item: pytest.Item) -> float:
    own = item.get_closest_marker("timeout")
    if own:
        return float(own.args[0] if own.args else own.kwargs["timeout"])
    return float(item.config.getini("timeout") or 0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if is_measured(item):
        if getattr(item, "execution_count", 1) > 1:
            forget_what_was_measured(item)
        item.stash[READING] = Reading.now()


def forget_what_was_measured(item: Any) -> None:
    """What a module measures once for its tests is measured anew: else the same figure is judged again."""
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:
            if definition.scope in ("class", "module") and definition.cached_result is not None:
                definition.finish(item._request)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if is_measured(item) and READING in item.stash:
        report.measured = True
        if report.failed:
            report.machine = describe_machine(item.stash[READING], Reading.now())
    return report


class Attempt(NamedTuple):
    """One failed attempt of a measured test."""

    why: str
    machine: str


class Repeats:
    """What was repeated in this run. Lives where the reports arrive: under xdist in the controller."""

    def __init__(self) -> None:
        self.failed: dict[str, list[Attempt]] = {}
        self.ended: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not getattr(report, "measured", False):
            return
        if report.outcome in ("rerun", "failed"):
            attempt = Attempt(first_line(report), report.machine)
            self.failed.setdefault(report.nodeid, []).append(attempt)
        if report.outcome == "failed" or (report.when == "call" and report.outcome != "rerun"):
            self.ended[report.nodeid] = report.outcome

    def repeated(self) -> dict[str, list[Attempt]]:
        return {test: attempts for test, attempts in self.failed.items() if self.was_repeated(test)}

    def was_repeated(self, test: str) -> bool:
        return len(self.failed[test]) > 1 or self.ended.get(test) != "failed"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, object, object]:
        result = yield
        if self.ended or self.failed:
            repeated = self.repeated()
            tests = len(self.ended.keys() | self.failed.keys())
            terminalreporter.write_sep("=", f"{len(repeated)} of {tests} measured tests were repeated")
            for test, attempts in repeated.items():
                terminalreporter.write_line(self.describe(test, attempts))
        return result

    def describe(self, test: str, attempts: list[Attempt]) -> str:
        repeats = len(attempts) - (self.ended.get(test) == "failed")
        times = "once" if repeats == 1 else f"{repeats} times"
        lines = [f"{test}: repeated {times}, then {self.ended.get(test, 'interrupted')}"]
        for number, attempt in enumerate(attempts, 1):
            lines += [f"  attempt {number}: {attempt.why}", f"    {attempt.machine}"]
        return "\n".join(lines)


def first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    said = crash.message if crash else report.longreprtext.strip()
    return f"{report.when}: " * (report.when != "call") + (said.splitlines() or ["it did not say why"])[0]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of xdist has no last lines
        config.pluginmanager.register(Repeats(), "oscope-repeats")
