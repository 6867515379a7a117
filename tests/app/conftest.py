"""What several test files stand on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.ground.settings import Settings
from tests.app.serving import whole_app


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The whole app with an empty history."""
    folder = tmp_path_factory.mktemp("app")
    with whole_app(Settings(data=folder, cache=folder)) as app:
        yield app


@pytest.fixture
async def client(app):
    """Somebody on this machine."""
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "oscope-test", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
