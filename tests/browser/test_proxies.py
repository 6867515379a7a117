"""Behind a real nginx, with the configuration of docs/deploying.md, in a real browser."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints
from tests.browser.pages import RUN_URL, press_run, run_button, skip_guess, wait_until_measuring
from tests.browser.test_run_flow import DRAWN_WHILE_RUNNING
from tests.served import PATIENCE_S, ROOT, Served, free_port, serve

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
AT_ROOT, UNDER_A_PATH = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/deploying.md").read_text(), re.DOTALL)
MAP, _, SERVER = AT_ROOT.partition("server {")
LEFT_ON = UNDER_A_PATH.replace("127.0.0.1:8000/;", "127.0.0.1:8000;")
WAYS = {
    "at the root": (SERVER, ""),
    "path taken off": (f"listen 443 ssl;\n{UNDER_A_PATH}}}", "/tools/oscope"),
    "path left on": (f"listen 443 ssl;\n{LEFT_ON}}}", "/tools/oscope"),
}
MAIN = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {blocks}
}}
"""


@dataclass(frozen=True)
class Front:
    """An oscope as its visitors see it, and the server behind."""

    url: str
    server: Served


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Front]]:
    if NGINX is None:
        message = "nginx is not installed, so nothing was tried behind it (sudo apt-get install nginx-light)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("nginx")
    ports = {way: free_port() for way in WAYS}
    with serve(folder / "data", "--proxy", "--allow-host", "lab.example") as served:
        behind = served.url.removeprefix("http://")
        servers = [
            "server {" + block.replace("443 ssl", f"127.0.0.1:{ports[way]}").replace("127.0.0.1:8000", behind)
            for way, (block, _) in WAYS.items()
        ]
        with Nginx(folder, MAP + "\n".join(servers), ports.values()):
            yield {
                way: Front(f"http://127.0.0.1:{ports[way]}{prefix}", served)
                for way, (_, prefix) in WAYS.items()
            }


class Nginx:
    """The proxy as a child of the tests, in a folder of their own."""

    def __init__(self, folder: Path, blocks: str, ports) -> None:
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, blocks=blocks))
        self.folder, self.ports = folder, list(ports)

    def __enter__(self) -> None:
        command = [NGINX, "-e", str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")]
        self.process = subprocess.Popen([*command, "-p", str(self.folder)])
        give_up = time.monotonic() + PATIENCE_S
        for port in self.ports:
            while not self.answers(port):
                assert self.process.poll() is None, (self.folder / "error.log").read_text()
                assert time.monotonic() < give_up
                time.sleep(0.05)

    def answers(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)


@pytest.fixture(params=WAYS)
def front(fronts: dict[str, Front], request: pytest.FixtureRequest) -> Front:
    return fronts[request.param]


@pytest.fixture
def page(chromium: Browser, front: Front) -> Iterator[Page]:
    """A visitor; whatever a page asks for has to lie under the address that they opened."""
    complaints = Complaints(f"{front.url}/")
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.on("page", complaints.listen)
    yield context.new_page()
    context.close()
    assert complaints.heard == []


def test_a_run_is_opened_started_watched_live_and_stopped(page: Page, front: Front):
    page.goto(f"{front.url}/")
    page.locator("a.exp[href$='/experiments/processes.states']").click()
    skip_guess(page)
    page.get_by_role("spinbutton", name="seconds").fill("30")  # longer than any machine needs to press Stop
    run = press_run(page)
    assert page.url == f"{front.url}/runs/{run}"
    wait_until_measuring(page)  # told over the websocket
    page.wait_for_function(DRAWN_WHILE_RUNNING)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-part=verdict] .answer")).to_have_text("Stopped.")
    assert front.server.get(f"/api/runs/{run}")["state"] == "stopped"
    expect(run_button(page)).to_be_enabled()
    page.reload()
    expect(page.locator("[data-part=verdict] .answer")).to_have_text("Stopped.")
    page.locator("header nav a", has_text="Runs").click()
    page.locator(f"#list a[href$='/runs/{run}']").click()
    assert RUN_URL.search(page.url)
    assert page.url == f"{front.url}/runs/{run}"
    page.go_back()
    assert page.url == f"{front.url}/runs"


def test_the_live_list_of_processes_leads_to_pages_of_the_same_address(page: Page, front: Front):
    page.goto(f"{front.url}/processes")
    expect(page.locator("#lamp")).to_have_attribute("data-state", re.compile("live|quiet"))
    pid = os.getpid()
    page.locator(f"tr[data-pid='{pid}'] a").click()
    assert page.url == f"{front.url}/processes/{pid}"
