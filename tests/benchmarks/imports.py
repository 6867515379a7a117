"""How long a server takes to import a file of 20 MB, and what it notices of it.

python tests/benchmarks/imports.py [MB]
"""

import json
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.export import exports
from app.runs.run import Run, State
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import load
from tests.served import Served, serve

SIZE_MB = 20.0
LIMIT_S = 3.0  # for so many
NAME = "processes.states"


def made(size_b: float) -> bytes:
    """An export of that size: a run of many spans, as the sampler would have written them."""
    experiment = load(NAME)
    table = next(t for t in experiment.tables if t.name == "span")
    span = dict.fromkeys((c.name for c in table.columns), 0)
    samples = {"str": "spinner 1", "int": 12345, "float": 0.123456789, "bool": True}
    row = [c.choices[0] if c.choices else samples[c.type.__name__] for c in table.columns]
    start = [*span].index("start_s")
    one = len(json.dumps(row)) + 6  # the times are longer, and a comma follows
    rows = []
    for n in range(int(size_b) // one):
        rows.append([*row])
        rows[-1][start], rows[-1][start + 1] = n / 1000 + 0.000123456, (n + 1) / 1000 + 0.000123456
    run = Run(
        id="0123456789",
        experiment=NAME,
        params=experiment.parse({}),
        state=State.DONE,
        machine=Machine.here().as_json(),
        started_at=1000.0,
        ended_at=1001.0,
        host="elsewhere",
    )
    return json.dumps(exports.as_json(experiment, run, {"span": rows})).encode()


def memory_mb(process: Path, name: str) -> float:
    """VmRSS is the memory now, VmHWM the most since the last reset (proc(5), clear_refs)."""
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def watch(served: Served, stop: threading.Event, waits: list[float]) -> None:
    """How long the server needs for its smallest answer, again and again."""
    while not stop.is_set():
        begin = time.perf_counter()
        served.get("/api/health")
        waits.append(time.perf_counter() - begin)
        time.sleep(0.005)


def send(served: Served, content: bytes) -> float:
    """Seconds until the file is a run."""
    begin = time.perf_counter()
    kind = {"content-type": "application/json"}
    request = urllib.request.Request(served.url + "/api/runs/import", data=content, headers=kind)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    return time.perf_counter() - begin


def measure(served: Served, content: bytes) -> None:
    status = Path(f"/proc/{served.process.pid}")
    waits: list[float] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(served, stop, waits))
    (status / "clear_refs").write_text("5")
    before_mb = memory_mb(status, "VmRSS")
    watcher.start()
    took_s = send(served, content)
    stop.set()
    watcher.join()
    within = "" if took_s <= LIMIT_S else f"  OVER {LIMIT_S:.0f} s"
    print(f"{len(content) / 2**20:.1f} MB: {took_s:.2f} s{within}")
    print(f"memory of the server: {before_mb:.0f} MB, {memory_mb(status, 'VmHWM'):.0f} MB at the most")
    print(f"the longest of {len(waits)} other requests meanwhile: {max(waits) * 1000:.0f} ms")


def main(size_mb: float = SIZE_MB) -> None:
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder) / "data") as served:
        measure(served, made(size_mb * 2**20))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
