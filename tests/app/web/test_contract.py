"""/openapi.json tells the truth: a program that reads it, and nothing else, finds nothing that differs.

The program is schemathesis. What it starts is measured by a stub, so that it takes no time.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.door.guard import Guard
from app.door.heads import Heads
from app.door.language import Readers
from app.ground.settings import Settings
from app.importing import imports
from app.main import build
from app.web.errors import STATUS
from experiments.kit.kernel.machine import Machine
from tests.app.serving import serving

SECONDS = 15
SEED = "9"
# Which points a guess has depends on the parameters, and what a run costs on all of them together: no schema
# can say that, so what is right by the schema may be refused there, with a sentence.
CONFIG = """
[[operations]]
include-name = "POST /api/runs"
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "409", "422", "429"]

[[operations]]
include-name = "PUT /api/runs/{id}/guess"
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "409", "422"]

[[operations]]
include-name = "POST /api/runs/import"
checks.positive_data_acceptance.expected-statuses = ["2xx", "422", "429"]
"""


async def measure_nothing(name: str, params: dict[str, Any], **_: Any) -> AsyncIterator[dict[str, Any]]:
    yield {"t": "hello", "machine": Machine.here().as_json()}
    yield {"t": "end", "why": "done", "conditions": {}, "machine": None, "sentence": "", "last_words": ""}


def stubbed(folder: Path) -> FastAPI:
    app = build(Settings(data=folder, cache=folder))
    bench = app.state.bench
    bench.run_child = bench.stirring.run_child = measure_nothing
    bench.spare = None

    async def take_in(pieces: AsyncIterator[bytes], database: Path) -> str:
        imports.read(b"".join([piece async for piece in pieces]), bench.experiments)
        raise AssertionError("no generated file is a run")

    bench.take_in = take_in
    return app


@asynccontextmanager
async def offered(folder: Path) -> AsyncIterator[str]:
    app = stubbed(folder)
    async with serving(Guard(Heads(Readers(app, app.state.words)))) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.slow
async def test_the_contract_that_is_offered_is_the_one_that_is_kept(tmp_path):
    st = Path(sys.executable).with_name("st")
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [st, "run", "--phases", "coverage,fuzzing", "--max-examples", "12", "--seed", SEED]
    command += ["--generation-deterministic", "--no-shrink"]
    command += ["--max-time", f"{SECONDS}", "--warnings", "off", "--no-color", "--request-timeout", "10"]
    async with offered(tmp_path) as url:
        process = await asyncio.create_subprocess_exec(
            *command,
            f"{url}/openapi.json",
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 110)
    assert process.returncode == 0, said.decode()


@pytest.fixture
async def client(tmp_path):
    app = stubbed(tmp_path)
    transport = httpx.ASGITransport(Guard(Heads(Readers(app, app.state.words))), client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client
    app.state.store.close()


async def test_every_operation_has_one_form_of_error_and_every_status_is_told(client):
    schema = (await client.get("/openapi.json")).json()
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    told = set()
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    told.add(int(status))
                    form = answer["content"]["application/json"]["schema"]
                    assert form == {"$ref": "#/components/schemas/Error"}
    assert set(STATUS.values()) | {400, 401, 403, 408, 413, 415, 421} <= told


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/runs", "GET, HEAD, POST"),
        ("/api/runs/0123456789", "DELETE, GET, HEAD, PATCH"),
        ("/api/stir", "DELETE"),
        ("/api/runs/import", "POST"),
        ("/experiments/threads.race", "GET, HEAD, POST"),
        ("/runs/0123456789/stop", "POST"),
    ],
)
async def test_a_method_that_is_not_there_is_answered_with_those_that_are(client, path, methods):
    others = {"PATCH", "GET", "DELETE"} if path.endswith("import") else set()
    for method in ("TRACE", "OPTIONS", "QUERY", *others):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


async def test_what_can_be_got_can_be_asked_for_its_head(client):
    schema = (await client.get("/openapi.json")).json()
    for path in [*schema["paths"], "/", "/runs", "/runs/0123456789/parts", "/openapi.json"]:
        if "get" not in schema["paths"].get(path, {"get": {}}):
            continue
        asked = re.sub(r"\{\w+\}", "0123456789", path)
        got, head = await client.get(asked), await client.head(asked)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
