"""Static files: versioned, compressed, and Plotly from its wheel."""

import gzip
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from app.ground import paths
from app.web.assets import Assets


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "css" / "app.css").write_text("body { color: black }\n" * 40)
    (root / "favicon.svg").write_text("<svg/>")
    return root


@pytest.fixture
def assets(root: Path, tmp_path: Path) -> Assets:
    return Assets(cache=tmp_path / "cache", root=root)


@pytest.fixture
async def client(assets: Assets):
    transport = httpx.ASGITransport(Starlette(routes=assets.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_a_file_travels_compressed_and_stays_for_ever(client, assets):
    answer = await client.get(assets.url("css/app.css"))
    assert answer.text == "body { color: black }\n" * 40
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 100
    assert "immutable" in answer.headers["cache-control"]


async def test_who_cannot_unpack_gets_it_plain(client, assets):
    answer = await client.get(assets.url("css/app.css"), headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.text.startswith("body")


async def test_an_edit_is_a_new_version_at_the_next_page(client, assets, root):
    before = assets.url("css/app.css")
    (root / "css" / "app.css").write_text("body { color: red }")
    assets.refresh()
    assert assets.url("css/app.css") != before
    assert (await client.get(assets.url("css/app.css"))).text == "body { color: red }"


async def test_a_file_that_cannot_be_read_now_changes_nothing(client, assets, root, monkeypatch):
    (root / "css" / "app.css").write_text("body { color: red }")
    monkeypatch.setattr(Path, "read_bytes", lambda path: path.joinpath("gone").stat())
    before = assets.url("css/app.css")
    assets.refresh()
    assert assets.url("css/app.css") == before
    assert (await client.get(before)).text.startswith("body { color: black }")


async def test_a_page_that_outlived_an_update_gets_what_there_is_but_may_not_keep_it(client):
    answer = await client.get("/static/0123456789ab/css/app.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["css/none.css", "%2e%2e/secret", "css"])
async def test_only_files_of_the_folder_are_served(client, assets, root, path):
    (root.parent / "secret").write_text("secret")
    assert (await client.get(assets.url(path))).status_code == 404


async def test_the_icon_is_where_browsers_look_for_it(client):
    answer = await client.get("/favicon.ico")
    assert answer.headers["content-type"] == "image/svg+xml"


async def test_plotly_comes_from_its_wheel_and_is_compressed_once(client, assets):
    first = await client.get(assets.plotly_url)
    assert first.headers["content-encoding"] == "gzip"
    assert first.content == paths.plotly().read_bytes()
    (packed,) = assets.cache.iterdir()
    made = packed.stat().st_mtime_ns
    await client.get(assets.plotly_url)
    assert packed.stat().st_mtime_ns == made
    assert gzip.decompress(packed.read_bytes()) == paths.plotly().read_bytes()


async def test_plotly_comes_plain_where_the_cache_cannot_be_written(client, assets):
    assets.cache.write_text("a file where the folder should be")
    answer = await client.get(assets.plotly_url)
    assert "content-encoding" not in answer.headers
    assert len(answer.content) == paths.plotly().stat().st_size
