"""Answers are compressed for whoever takes that, pages and programs alike."""

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.app.test_roles import inside

PACKED = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packing")
    app = create_app(Settings(data=folder, cache=folder))
    yield app
    inside(app).state.store.close()


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/experiments/threads.race", "/api/experiments", "/openapi.json"])
async def test_large_answers_are_packed_once_for_pages_and_programs(client, path):
    plain = await client.get(path, headers=PLAIN)
    packed = await client.get(path, headers=PACKED)
    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.text[:15] == plain.text[:15]
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/api/health", "/api/runs", "/favicon.ico"])
async def test_what_is_small_or_packed_already_is_left_alone(client, path):
    answer = await client.get(path, headers=PACKED)
    assert answer.headers.get_list("content-encoding") in ([], ["gzip"])
    assert answer.content


async def test_a_page_says_on_what_it_depends(client):
    vary = (await client.get("/", headers=PACKED)).headers["vary"]
    assert {part.strip().lower() for part in vary.split(",")} == {
        "accept-language",
        "cookie",
        "accept-encoding",
    }
