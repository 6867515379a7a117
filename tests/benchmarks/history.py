"""How long the server needs for a page of a history of 10 000 runs, with and without a search.

python tests/benchmarks/history.py [runs] [repeats]
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.ground.settings import Settings
from app.main import build
from app.runs.run import Run, State, new_id
from app.runs.search import text_of
from experiments.kit import percent, say, times
from experiments.kit.kernel.machine import Machine
from experiments.kit.verdict import Check, Verdict

RUNS, REPEATS, LIMIT_MS = 10_000, 15, 50
SEARCHES = {
    "the newest": "",
    "all of one experiment": "experiment=threads.scaling",
    "a word that all have": "q=python",
    "a word that one has (the oldest)": "q=needle",
    "words that none has": "q=not+here",
    "Chinese": "q=%E7%BA%BF%E7%A8%8B+needle",
    "pinned, of which there is one": "pinned=true",
}
VERDICT = Verdict(
    "only with processes",
    say("{n} threads got {t} as much done, processes {p}.", n=4, t=times(1.02, "threads"), p=times(1.9)),
    tuple(Check(say("Claim {n} about {share}.", n=n, share=percent(0.2)), ok=True) for n in range(6)),
    (say("Other programs used {x} of this machine meanwhile.", x="14 %"),),
).as_json()


def main(runs: int = RUNS, repeats: int = REPEATS) -> None:
    with tempfile.TemporaryDirectory(prefix="oscope-bench-") as folder:
        asyncio.run(measure(Path(folder), runs, repeats))


async def measure(folder: Path, runs: int, repeats: int) -> None:
    app = build(Settings(data=folder / "data", cache=folder / "cache"))
    async with app.router.lifespan_context(app):
        fill(app.state.bench, runs)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000"
        ) as client:
            for what, query in SEARCHES.items():
                asked = f"/runs?{query.replace('true', '1')}"
                store = await timed(lambda query=query: store_list(app, query), repeats)
                api = await timed(lambda query=query: client.get(f"/api/runs?limit=30&{query}"), repeats)
                page = await timed(lambda asked=asked: client.get(asked), repeats)
                within = "" if max(store, api, page) <= LIMIT_MS else f"  OVER {LIMIT_MS} ms"
                print(f"{what:34} store {store:6.1f}  JSON {api:6.1f}  page {page:6.1f} ms{within}")


def fill(bench, runs: int) -> None:
    experiments = list(bench.experiments.values())
    machine = Machine.here().as_json()
    for n in range(runs):
        experiment = experiments[n % len(experiments)]
        run = Run(
            id=new_id(),
            experiment=experiment.name,
            params=experiment.parse({}),
            python="cpython-3.11",
            state=State.DONE,
            machine=machine,
            conditions={"foreign_cpu": 0.01, "run_delay": 0.02, "steal": 0.0, "own_cpu": 0.004},
            verdict=VERDICT,
            name="" if n else "a needle",
            pinned=n == 0,
            search=text_of(experiment, VERDICT, bench.views.languages.values()),
        )
        bench.store.create(run)
    bench.store.flush()


async def store_list(app, query: str) -> None:
    wanted = dict(httpx.QueryParams(query))
    given = {"pinned": True} if wanted.pop("pinned", "") else {}
    await asyncio.to_thread(app.state.store.list, limit=30, **wanted, **given)


async def timed(call, repeats: int) -> float:
    """The median in milliseconds."""
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = await call()
        took.append((time.perf_counter() - start) * 1e3)
        assert answer is None or answer.status_code == 200, answer.text
    return statistics.median(took)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
