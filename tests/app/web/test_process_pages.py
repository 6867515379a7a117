"""The pages of processes, and the live list behind them."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest
from fastapi import FastAPI

from app.ground.settings import Settings
from app.live import process_feed as watch
from app.live.topics import Hub, Viewer
from app.main import build


@pytest.fixture
async def app(tmp_path) -> AsyncIterator[FastAPI]:
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    async with app.router.lifespan_context(app):
        yield app


def client_from(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_from(app, "127.0.0.1") as client:
        yield client


@pytest.fixture
def odd():
    """A process whose name is markup."""
    code = (
        "import ctypes\n"
        "ctypes.CDLL(None).prctl(15, b'<b>&\"x', 0, 0, 0)\n"  # PR_SET_NAME
        "print(1, flush=True)\ninput()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    yield child
    child.kill()
    child.communicate()


def cells(page: str, pid: int) -> list[str]:
    row = re.search(rf'<tr data-pid="{pid}">(.*?)</tr>', page, re.DOTALL)
    assert row
    return [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", row[1])]


async def test_the_list_has_this_very_process(client):
    answer = await client.get("/processes")
    assert answer.status_code == 200
    assert cells(answer.text, os.getpid())[0] == str(os.getpid())


async def test_a_name_cannot_become_html(client, odd):
    for path in ("/processes", f"/processes/{odd.pid}"):
        page = (await client.get(path)).text
        assert "<b>&" not in page
        assert "&lt;b&gt;&amp;" in page


async def test_one_process_is_seen_from_inside_without_a_script(client, odd):
    page = (await client.get(f"/processes/{odd.pid}")).text
    for heading in ("Identity", "Control", "Resources", "Processor context", "Address space", "Family"):
        assert f">{heading}</h2>" in page
    assert "thread stacks" not in page  # it has one thread
    assert "kernel&#39;s pages" in page or "kernel's pages" in page
    assert f'href="/processes/{os.getpid()}"' in page  # its parent
    assert "pipe:[" in page


async def test_the_parts_are_those_of_the_page(client, odd):
    page = (await client.get(f"/processes/{odd.pid}")).text
    parts = (await client.get(f"/processes/{odd.pid}/parts")).text
    found = re.findall(r'data-part="(\w+)"', page)
    assert found == re.findall(r'data-part="(\w+)"', parts)
    assert found == ["groups", "threads", "space", "family", "descriptors"]


async def test_who_looks_from_elsewhere_does_not_see_what_may_be_secret(app, odd):
    async with client_from(app, "192.0.2.7") as client:
        page = (await client.get(f"/processes/{odd.pid}")).text
    assert "shown on this machine only" in page
    assert "prctl" not in page
    assert "pipe:[" not in page


@pytest.fixture
def gone() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.mark.parametrize("path", ["/processes/{pid}", "/processes/{pid}/parts"])
async def test_a_process_that_is_gone_gets_a_sentence(client, gone, path):
    answer = await client.get(path.format(pid=gone))
    assert answer.status_code == 404
    assert f"There is no process {gone}; it may have ended" in unescape(answer.text)


@pytest.mark.parametrize("path", ["/processes/x", "/processes/-1", "/processes/99999999999999999999"])
async def test_a_number_that_is_none_is_refused(client, path):
    assert (await client.get(path)).status_code in (404, 422)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_changed_here(client, method):
    assert (await client.request(method, f"/processes/{os.getpid()}")).status_code == 405


async def test_nobody_is_counted_while_nobody_looks():
    hub = Hub()
    fed = watch.feed(hub)
    frames: asyncio.Queue[str] = asyncio.Queue()
    viewer = Viewer(frames.put)
    writing = asyncio.create_task(viewer.run())
    assert fed._task is None
    viewer.subscribe(fed.topic)
    told = json.loads(await asyncio.wait_for(frames.get(), 10))["v"]
    pids = [row[told["columns"].index("pid")] for row in told["rows"]]
    assert os.getpid() in pids
    viewer.close()
    assert fed._task is None
    writing.cancel()
