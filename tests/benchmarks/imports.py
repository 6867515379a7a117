"""How long it takes to import a file of 20 MB, and how much memory that needs. Run it as a script."""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app import exports, imports
from app.runs import Run, State, Store
from experiments.kit.machine import Machine
from experiments.kit.spec import load

SIZE_B = 20 * 1024 * 1024
LIMIT_S = 3.0
NAME = "processes.states"


def made() -> bytes:
    """An export of that size: a run of many spans, as the sampler would have written them."""
    experiment = load(NAME)
    table = next(t for t in experiment.tables if t.name == "span")
    span = dict.fromkeys((c.name for c in table.columns), 0)
    samples = {"str": "spinner 1", "int": 12345, "float": 0.123456789, "bool": True}
    row = [c.choices[0] if c.choices else samples[c.type.__name__] for c in table.columns]
    start = [*span].index("start_s")
    one = len(json.dumps(row)) + 6  # the times are longer, and a comma follows
    rows = []
    for n in range(SIZE_B // one):
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


def memory_mb(name: str) -> float:
    """VmRSS is the memory now, VmHWM the most since the last reset (proc(5), clear_refs)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def take(file: Path) -> None:
    """As the server does it: the file in memory, then the rows, then one transaction."""
    experiments = {NAME: load(NAME)}
    content = file.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before_mb, begin, cpu = memory_mb("VmRSS"), time.perf_counter(), time.process_time()
    imported = imports.read(content, experiments)
    with closing(Store(file.with_name("runs.sqlite3"))) as store:
        store.adopt(imported.run, imported.columns, imported.rows)
    took_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    rows = sum(map(len, imported.rows.values()))
    print(f"{len(content) / 2**20:.1f} MB, {rows} rows: {took_s:.2f} s, {cpu_s:.2f} s of CPU")
    print(f"memory: {before_mb:.0f} MB with the file in it, {memory_mb('VmHWM'):.0f} MB at the most")
    sys.exit(took_s > LIMIT_S)


def main() -> None:
    """The file is made in this process and taken in another one, so that only its memory counts."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.json"
        file.write_bytes(made())
        sys.exit(subprocess.run([sys.executable, __file__, file], check=False).returncode)


if __name__ == "__main__":
    take(Path(sys.argv[1])) if sys.argv[1:] else main()
