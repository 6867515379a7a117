"""The report with live figures, opened from disk by a browser without a network."""

from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect

from tests.served import Served

LARGEST_B = 2_200_000


@pytest.fixture(scope="module")
def run(server: Served) -> str:
    run = server.run("threads.scaling")
    assert server.ended(run)["state"] == "done"
    return run


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_from_disk_draws_every_figure_live_and_asks_nobody(
    chromium: Browser, server: Served, run: str, tmp_path: Path, language: str
):
    figures = server.get(f"/api/runs/{run}/figures")["figures"]
    content = download(server, f"/api/runs/{run}/export/interactive", language)
    assert len(content) < LARGEST_B
    file = tmp_path / "run.html"
    file.write_bytes(content)

    context = chromium.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if is_elsewhere(request.url) else None)
    page.goto(file.as_uri())
    expect(page.locator("html[data-live]")).to_be_attached(timeout=30_000)
    for figure in figures:
        host = page.locator(f"#{figure['id']} .host")
        expect(host.locator(DRAWN[figure["kind"]]).first).to_be_visible(timeout=30_000)
    expect(page.locator(".plot .scatterlayer .trace").first).to_be_attached(timeout=30_000)

    timeline = page.locator("#timeline")
    zoom = timeline.get_by_role("button", name={"en": "Zoom in", "zh": "放大"}[language])
    zoom.click()
    expect(timeline.locator(".view")).not_to_be_empty()
    assert heard == []
    context.close()


DRAWN = {"plotly": ".plot svg", "timeline": "canvas", "cells": "table", "shares": "svg", "states": "svg"}


def is_elsewhere(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def download(server: Served, path: str, language: str) -> bytes:
    with urlopen(Request(server.url + path, headers={"accept-language": language})) as answer:
        content: bytes = answer.read()
        return content
