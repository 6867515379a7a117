"""How long the report of a run takes on the server, and how long it is.

python tests/benchmarks/report.py [--spans 20000] [RUN.json …]

A made-up run of 20 000 spans in 8 lanes, then every run given as a JSON that oscope exported.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.export import downloads
from app.runs.run import Run, State
from experiments.kit.spec import load

SPANS, LANES, REPEATS = 20_000, 8, 5
STATES = ("running", "ready", "gil", "blocked")


def main(count: int, paths: list[Path]) -> None:
    show(f"{count} spans", "threads.gil_wait", {}, spans("threads.gil_wait", count), "≤ 1 s")
    for path in paths:
        record = json.loads(path.read_text())
        tables = {name: table["rows"] for name, table in record["tables"].items()}
        facts = {name: record.get(name) for name in ("verdict", "machine")}
        show(path.stem, record["experiment"], record["params"] | {}, tables, "≤ 150 kB", **facts)


def spans(name: str, count: int) -> dict[str, list[list[object]]]:
    """Rows of the table that the experiment's timeline reads, each of them a few tenths of a millisecond."""
    chart = next(chart for chart in load(name).charts if chart.kind == "timeline")
    columns = chart.row._fields
    rows = []
    for n in range(count):
        turn = n // LANES
        told = {chart.lane: f"thread {n % LANES + 1}", chart.state: STATES[(turn + n) % len(STATES)]}
        told |= {chart.start: turn / 2000, chart.end: (turn + 1) / 2000}
        rows.append([told.get(column, "threads" if column == chart.group else None) for column in columns])
    return {chart.row.__name__.lower(): rows}


def show(title: str, name: str, params: dict, tables: dict, aim: str, **facts: object) -> None:
    experiment = load(name)
    values = experiment.parse({}) | params
    run = Run(id="0123456789", experiment=name, params=values, state=State.DONE, started_at=0.0, **facts)
    for form in ("html", "md", "svg"):
        took = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            content = downloads.make(form, downloads.whole(form, experiment, run, tables)).content
            took.append(time.perf_counter() - begin)
        times = f"first {took[0]:6.3f} s   min {min(took):6.3f} s   median {statistics.median(took):6.3f} s"
        print(f"{title:24} {form:5} {times}   {len(content) / 1000:7.1f} kB   {aim}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spans", type=int, default=SPANS)
    parser.add_argument("paths", nargs="*", type=Path, metavar="RUN.json")
    options = parser.parse_args()
    main(options.spans, options.paths)
