"""From the submission of a run to its first row on the websocket, with the interpreter that waits.

python tests/benchmarks/first_frame.py [runs] [seconds of rest before each]
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.served import Served, serve


def main(runs: float = 9, rest_s: float = 0.5) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="oscope-frame-") as folder,
        serve(Path(folder) / "data") as served,
    ):
        time.sleep(6 * rest_s)  # interpreters are looked for, and the spare one is started
        found = [1000 * first_row_s(served, rest_s) for _ in range(int(runs))]
    best, worst = min(found), max(found)
    print(f"first row on the websocket: median {statistics.median(found):.0f} ms ({best:.0f} to {worst:.0f})")


def first_row_s(served: Served, rest_s: float) -> float:
    """Seconds from the POST to the frame that tells of a row. The run counts its rows as they arrive."""
    with connect(served.url.replace("http", "ws") + "/ws", origin=served.url) as socket:
        socket.recv()  # hello
        start = time.perf_counter()
        run = served.run("threads.scaling")
        socket.send(json.dumps({"op": "sub", "topic": f"run:{run}"}))
        while '"rows":{"' not in str(socket.recv(timeout=10)):
            pass
        seen = time.perf_counter() - start
    served.ended(run)
    time.sleep(rest_s)  # the next spare interpreter gets ready
    return seen


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
