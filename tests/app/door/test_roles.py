"""Who may do what: every address of the app, for a stranger, a viewer and the presenter."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import connect

from app.ground.settings import Settings
from tests.app.serving import inside, serving, whole_app

SAFE = {"GET", "HEAD"}
TOKENS = {"presenter": "sesame", "viewer": "peephole"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roles")
    return Settings(
        data=folder, cache=folder, host="0.0.0.0", token=TOKENS["presenter"], viewer_token=TOKENS["viewer"]
    )


@pytest.fixture(scope="module")
def app(settings):
    with whole_app(settings) as app:
        yield app


@pytest.fixture(scope="module")
def addresses(app):
    """Every method and path of the app."""
    return sorted({(method, filled(path)) for method, path in described(inside(app).router)})


def described(router: Any) -> Iterator[tuple[str, str]]:
    for route in router.routes:
        if hasattr(route, "original_router"):  # how FastAPI includes one router in another
            yield from described(route.original_router)
        elif not isinstance(route, WebSocketRoute):
            yield from ((method, route.path) for method in route.methods or {"GET"})


def filled(path: str) -> str:
    return "/".join("0123456789" if part.startswith("{") else part for part in path.split("/"))


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, client=("203.0.113.5", 5000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def ask(client: httpx.AsyncClient, method: str, path: str, token: str = "") -> int:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = b""
    if method not in SAFE:
        body = b"{}" if path.startswith("/api/") else b"a=1"
        headers["content-type"] = "application/json" if path.startswith("/api/") else FORM
    answer = await client.request(method, path, headers=headers, content=body)
    if answer.status_code == 403:
        assert "presenter" in answer.text
    return answer.status_code


async def test_every_address_is_there(addresses):
    assert ("DELETE", "/api/runs/0123456789") in addresses
    assert ("POST", "/api/stir/0123456789") in addresses
    assert ("POST", "/runs/0123456789/delete") in addresses
    assert len(addresses) > 45


async def test_every_address_and_every_role(client, addresses):
    for method, path in addresses:
        refused = {401, 403}
        assert await ask(client, method, path) == 401, (method, path)
        seen = await ask(client, method, path, TOKENS["viewer"])
        assert (seen not in refused) if method in SAFE else seen == 403, (method, path, seen)
        assert await ask(client, method, path, TOKENS["presenter"]) not in refused, (method, path)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "MOVE"])
async def test_a_viewer_changes_nothing_by_any_method(client, method):
    assert await ask(client, method, "/api/runs", TOKENS["viewer"]) == 403


async def test_the_address_of_the_viewers_lets_people_watch(client):
    answer = await client.get("/runs?token=peephole&q=a")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?q=a")
    page = await client.get("/experiments/threads.race")
    assert "You are watching: only the presenter starts" in page.text
    assert (await client.post("/api/runs", json={})).status_code == 403


async def test_the_presenter_who_opens_the_address_of_the_viewers_stays_the_presenter(client):
    await client.get("/?token=sesame")
    assert "set-cookie" not in (await client.get("/?token=peephole")).headers
    assert (await client.post("/api/runs", json={})).status_code == 422


async def test_a_viewer_who_gets_the_token_of_the_presenter_becomes_one(client):
    await client.get("/?token=peephole")
    await client.get("/?token=sesame")
    assert (await client.post("/api/runs", json={})).status_code == 422


async def test_the_socket_tells_the_role_that_its_reader_has(app):
    async def without_life(scope, receive, send):
        """The app as it is; nothing begins and ends with this server."""
        if scope["type"] != "lifespan":
            await app(scope, receive, send)

    async with serving(without_life) as port:
        for role, token in TOKENS.items():
            headers = {"authorization": f"Bearer {token}"}
            async with connect(f"ws://127.0.0.1:{port}/ws", additional_headers=headers) as page:
                assert json.loads(await page.recv())["role"] == role
