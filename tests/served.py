"""A real server in a process of its own, for the tests that talk to oscope as a stranger would."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE_S = 30


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Served:
    """A running server: its address, its process, its data folder."""

    url: str
    process: subprocess.Popen[bytes]
    data: Path

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def text(self, path: str, language: str = "en") -> str:
        request = urllib.request.Request(self.url + path, headers={"accept-language": language})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body or {}).encode(),
            headers={"content-type": "application/json", "origin": self.url},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def run(self, experiment: str, preset: str | None = "quick", **params: Any) -> str:
        """Start a run and give its id."""
        body = {"experiment": experiment, "params": params} | ({"preset": preset} if preset else {})
        return str(self.post("/api/runs", body)["id"])

    def ended(self, run: str, patience_s: float = 60) -> dict[str, Any]:
        """The run, once it has ended."""
        give_up = time.monotonic() + patience_s
        while True:
            seen: dict[str, Any] = self.get(f"/api/runs/{run}")
            if seen["state"] in ("done", "failed", "stopped"):
                return seen
            assert time.monotonic() < give_up, f"still {seen['state']} after {patience_s} s"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def serve(
    data: Path,
    *arguments: str,
    python: str = sys.executable,
    cwd: Path = ROOT,
    port: int | None = None,
    through: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> Iterator[Served]:
    """A server; `through` is the beginning of a command that runs the rest of it (`nice -n 5`)."""
    port = port or free_port()
    command = [
        *through,
        python,
        "-m",
        "app.cli",
        "serve",
        "--port",
        str(port),
        "--data",
        str(data),
        "--no-open",
    ]
    log = data.parent / f"{data.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *arguments], cwd=cwd, stdout=output, stderr=output, env={**env, "NO_COLOR": "1"}
        )
    served = Served(f"http://127.0.0.1:{port}", process, data)
    try:
        wait_until_it_answers(served, log)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)


def wait_until_it_answers(served: Served, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while True:
        assert served.process.poll() is None, log.read_text()
        try:
            served.get("/api/health")
        except urllib.error.HTTPError as error:
            if error.code == 401:  # it asks for its token
                return
            raise
        except OSError:
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.05)
        else:
            return
