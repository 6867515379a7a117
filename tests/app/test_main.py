import contextlib
import json
import logging
import os
import select
import sqlite3
import time
from pathlib import Path

import httpx
import pytest

from app.cli.server import CannotServe, address, listen, local_address, why_not, with_own_name, with_token
from app.ground import paths
from app.ground.settings import Settings
from app.main import build
from app.runs.run import Run, State
from app.storage.errors import StorageBusy
from app.storage.store import Store
from experiments.kit.spec import names
from tests.app.serving import whole_app
from tests.served import serve


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path / "data", cache=tmp_path / "cache")


@pytest.fixture
async def app(settings):
    app = build(settings)
    async with app.router.lifespan_context(app):
        yield app


def client_of(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def test_the_bench_offers_every_experiment_on_its_page_and_in_its_schema(app):
    async with client_of(app) as client:
        page = await client.get("/")
        assert page.status_code == 200
        schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [shape["title"] for shape in body["oneOf"]] == names()
    assert all(name in page.text for name in names())


async def test_no_document_of_the_api_comes_from_elsewhere(app):
    async with client_of(app) as client:
        assert [(await client.get(path)).status_code for path in ("/docs", "/redoc")] == [404, 404]


async def test_every_answer_passes_the_guard(settings):
    with whole_app(settings) as guard:
        async with client_of(guard) as client:
            answer = await client.get("/api/health", headers={"host": "evil.example"})
            assert answer.status_code == 421
            answer = await client.get("/api/nothing")
            assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_mistake_of_ours_is_a_sentence_outside_and_a_traceback_inside(app):
    async def break_down(id):
        raise ZeroDivisionError("of ours")

    app.state.bench.views.run = break_down
    async with client_of(app) as client:
        answer = await client.get("/api/runs/0123456789")
    assert (answer.status_code, answer.json()) == (
        500,
        {"detail": "oscope made a mistake; its log says which"},
    )


async def test_a_run_that_a_dead_server_left_is_marked_at_the_next_start(settings):
    store = Store(paths.database(settings.data))
    store.create(Run(id="0123456789", experiment="threads.scaling", params={}, state=State.RUNNING))
    store.append("0123456789", "round", ["a"], [[1]])
    store.close()
    app = build(settings)
    async with app.router.lifespan_context(app):
        run = await app.state.bench.views.run("0123456789")
    assert (run.state, run.why) == (State.FAILED, "the server stopped during the run")
    assert run.rows == {"round": 1}


async def test_two_servers_do_not_share_a_history(app, settings):
    with pytest.raises(StorageBusy, match="another oscope is running with the history in"):
        build(settings)


async def test_the_machine_is_sampled_only_while_somebody_looks(app):
    topic = await app.state.bench.views.topic("machine")
    assert app.state.scope._task is None
    topic.on_first()
    assert app.state.scope._task is not None
    topic.on_last()
    assert app.state.scope._task is None


def test_bound_to_the_network_it_makes_a_token():
    assert with_token(Settings(host="127.0.0.1")).token == ""
    assert with_token(Settings(host="localhost")).token == ""
    assert with_token(Settings(host="127.0.0.1", token="chosen")).token == "chosen"
    assert with_token(Settings(host="0.0.0.0", token="chosen")).token == "chosen"
    first, second = with_token(Settings(host="0.0.0.0")).token, with_token(Settings(host="::")).token
    assert len(first) >= 32
    assert first != second


def test_who_listens_under_a_name_may_be_asked_for_by_it():
    assert with_own_name(Settings(host="lab-7.local")).allowed_hosts == ("lab-7.local",)
    assert with_own_name(Settings(host="0.0.0.0", allowed_hosts=("a",))).allowed_hosts == ("a",)


def test_the_address_to_open_carries_the_token():
    assert address(Settings(port=81)) == "http://127.0.0.1:81/"
    assert address(Settings(host="::1", port=81, token="t")) == "http://[::1]:81/?token=t"
    assert "0.0.0.0" not in address(Settings(host="0.0.0.0"))


def test_the_address_that_was_given_for_others_is_printed_and_the_own_one_is_opened():
    behind = Settings(port=81, token="a&b", url="https://lab.example/tools", prefix="/tools")
    assert address(behind) == "https://lab.example/tools/?token=a%26b"
    assert local_address(behind) == "http://127.0.0.1:81/tools/?token=a%26b"
    assert address(Settings(port=81, prefix="/tools")) == "http://127.0.0.1:81/tools/"


def test_a_busy_port_is_a_sentence():
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe, match=rf"port {port} of 127\.0\.0\.1 is in use; choose another"):
            listen("127.0.0.1", port)
    assert "choose one above 1023" in why_not("127.0.0.1", 80, PermissionError(13, "Permission denied"))
    with pytest.raises(CannotServe, match=r"oscope cannot listen on 203\.0\.113\.1, port 81: Cannot assign"):
        listen("203.0.113.1", 81)


def test_resources_are_found_in_the_checkout():
    assert (paths.resource("templates") / "bench.html").is_file()
    assert (paths.resource("static") / "js").is_dir()


async def test_health_is_one_plain_object(app, caplog):
    caplog.set_level(logging.WARNING)
    async with client_of(app) as client:
        health = json.loads((await client.get("/api/health")).content)
    assert (health["status"], health["quiet"], health["notices"]) == ("ok", False, [])
    assert caplog.text == ""


def worker_of(server: int) -> int:
    """Wait for the process that measures: a grandchild of the server. A descriptor of it."""
    while True:
        for child in children_of(server):
            if grandchildren := children_of(child):
                return os.pidfd_open(grandchildren[0])
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_over(pidfd: int) -> bool:
    over = bool(select.select([pidfd], [], [], 30)[0])
    os.close(pidfd)
    return over


def wait_for_rows_on_disk(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{data / 'oscope.sqlite3'}?mode=ro", uri=True)) as store:
        while store.execute("select count(*) from chunks").fetchone() == (0,):
            time.sleep(0.01)


def test_a_server_that_is_killed_leaves_the_rows_and_no_process(tmp_path):
    with serve(tmp_path / "data") as served:
        run = served.run("threads.scaling", preset=None, work=20, repeats=20)
        worker = worker_of(served.process.pid)
        while not served.get(f"/api/runs/{run}")["rows"]:
            time.sleep(0.05)
        wait_for_rows_on_disk(served.data)
        served.kill()
        assert is_over(worker)
    with serve(tmp_path / "data") as served:
        found = served.get(f"/api/runs/{run}")
        assert (found["state"], found["why"]) == ("failed", "the server stopped during the run")
        assert sum(found["rows"].values()) > 0
        table = next(iter(found["rows"]))
        assert len(served.get(f"/api/runs/{run}/rows/{table}")["rows"]) == found["rows"][table]


def test_the_server_runs_on_the_loop_of_the_standard_library(tmp_path):
    """Whatever else is installed, to be measured: uvicorn would take uvloop by itself."""
    with serve(tmp_path / "data") as served:
        served.get("/api/health")
        loaded = Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "_asyncio" in loaded
    assert "uvloop" not in loaded
    assert "gevent" not in loaded


def test_a_server_that_is_asked_to_end_ends_its_run_first(tmp_path):
    with serve(tmp_path / "data") as served:
        run = served.run("threads.scaling", preset=None, work=200, repeats=20)
        worker = worker_of(served.process.pid)
        served.process.terminate()
        served.process.wait(30)
        assert is_over(worker)
    with serve(tmp_path / "data") as served:
        found = served.get(f"/api/runs/{run}")
        assert (found["state"], found["why"]) == ("stopped", "oscope was closed")
