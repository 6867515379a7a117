"""A history of thousands of runs: how long oscope takes to start with it, and its pages to come."""

import tempfile
import time
from contextlib import closing
from pathlib import Path

from app.ground.paths import database
from app.runs.run import Run, State, new_id
from app.storage.store import Store
from experiments.kit.spec import load_all
from tests.served import serve
from tests.siege.ground import answer_s, arguments, report, resident_mb

PATHS = (
    "/",
    "/runs",
    "/runs?q=python",
    "/runs?q=nothing-has-this-word",
    "/api/runs?limit=200",
    "/runs?state=failed",
)


def besiege(runs: int = 5000, rows: int = 200) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="oscope-siege-") as folder:
        data = Path(folder) / "data"
        begun = time.monotonic()
        oldest = fill(database(data), runs, rows)
        filling, begun = time.monotonic() - begun, time.monotonic()
        with serve(data) as served:
            figures: dict[str, object] = {
                "runs": runs,
                "history, MB": database(data).stat().st_size / 1e6,
                "filled in, s": filling,
                "start to first answer, s": time.monotonic() - begun,
            }
            for path in (*PATHS, f"/runs?before={oldest}", f"/api/runs/{oldest}"):
                answer_s(served, path, patience_s=60)
                figures[f"GET {path.replace(oldest, 'OLDEST')}, s"] = answer_s(served, path, patience_s=60)
            figures["resident, MB"] = resident_mb(served.process.pid)
    return figures


def fill(path: Path, runs: int, rows: int) -> str:
    """The id of the oldest run."""
    experiments = [*load_all().values()]
    ids = [new_id() for _ in range(runs)]
    with closing(Store(path)) as store:
        for n, id in enumerate(ids):
            experiment = experiments[n % len(experiments)]
            state = State.FAILED if n % 10 == 9 else State.DONE
            params = experiment.parse({})
            store.create(
                Run(id=id, experiment=experiment.name, params=params, state=state, search=experiment.question)
            )
            table = experiment.tables[0]
            columns = [column.name for column in table.columns]
            store.append(id, table.name, columns, [[None] * len(columns)] * rows)
            if n % 500 == 0:
                store.flush()
    return ids[0]


if __name__ == "__main__":
    report(besiege(**vars(arguments(__doc__ or "", runs=5000, rows=200))))
