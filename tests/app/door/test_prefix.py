"""Under a path of a proxy's: every address that oscope gives leads back to it, whoever takes the path off."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.door.guard import Guard
from app.door.language import Readers
from app.ground import addresses, paths
from app.ground.settings import Settings
from app.main import build
from tests.app.web.test_pages import keep, never_ends

PREFIX = "/user/ann%40lab/proxy/8000"
HOST = "https://hub.example"
KEPT, OTHER = "aaaaaaaaa1", "aaaaaaaaa2"
JSON = {"origin": HOST, "content-type": "application/json"}
LINKS = (
    "href",
    "src",
    "action",
    "formaction",
    "srcset",
    "poster",
    "data",
    "data-at",
    "data-from",
    "data-link",
    "data-plotly",
)
SEEDS = [
    "/",
    f"/runs/{KEPT}",
    f"/runs/{KEPT}/parts",
    f"/compare?runs={KEPT},{OTHER}",
    "/runs?q=nothing",
]
SEEDS += [
    f"/experiments/threads.scaling?repeat={KEPT}",
    "/processes/1",
    "/processes/1/parts",
    "/openapi.json",
]
ERRORS = ["/nothing", "/not/here/at/all", "/runs/ffffffffff", "/experiments/no.such", "/processes/999999999"]
ERRORS += ["/compare?runs=ffffffffff", "/routes/none", "/api/nothing"]
MOST = 2  # pages of one kind that are followed; there are hundreds of processes
EVERY = "/static/"  # of these every one is


@dataclass(frozen=True)
class Front:
    """A proxy that shows oscope under the prefix and knows nothing else."""

    app: ASGIApp
    strips: bool
    tells: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, prefix = scope["path"], unquote(PREFIX)
        assert path == prefix or path.startswith(f"{prefix}/"), f"{path} is not under the prefix"
        told = {"x-forwarded-host": "hub.example", "x-forwarded-proto": "https", "host": "127.0.0.1:8000"}
        told |= {"x-forwarded-prefix": PREFIX} if self.tells else {}
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        headers += [(name.encode(), value.encode()) for name, value in told.items()]
        passed = path[len(prefix) :] or "/" if self.strips else path
        await self.app({**scope, "scheme": "http", "path": passed, "headers": headers}, receive, send)


WAYS = {  # what the proxy does, and whether oscope is told the prefix by the command line or by a header
    "left on": (False, False),
    "taken off": (True, False),
    "left on and told": (False, True),
    "taken off and told": (True, True),
}


@pytest.fixture(params=WAYS)
async def client(request, tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    strips, tells = WAYS[request.param]
    settings = Settings(data=tmp_path / "data", cache=tmp_path / "cache", prefix="" if tells else PREFIX)
    app = build(settings)
    app.state.bench.run_child = never_ends
    keep(app, KEPT)
    keep(app, OTHER, origin={"id": KEPT, "host": "lab-9", "oscope": "0.1.0"})
    readers = Readers(app, app.state.words)
    guard = Guard(readers, proxy=True, allowed_hosts=["hub.example"], prefix=settings.prefix)
    transport = httpx.ASGITransport(Front(guard, strips, tells), client=("127.0.0.1", 50000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=HOST, timeout=60) as client,
    ):
        yield client


class Links(HTMLParser):
    """Every address in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, bool]] = set()  # the address, and whether a click asks for it
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        if tag == "a" and given.get("href", "").startswith("https://"):
            return  # what an article names as its source
        self.found |= {(given[name], tag != "form") for name in LINKS if given.get(name)}
        self.found |= {(link, True) for link in addresses_in_styles(given.get("style", ""))}


def addresses_in_styles(text: str) -> list[str]:
    return re.findall(r"url\(\s*['\"]?([^'\")]+)", text) + re.findall(r"@import\s+['\"]([^'\"]+)", text)


def addresses_in(answer: httpx.Response) -> set[tuple[str, bool]]:
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        return Links(answer.text).found
    if kind.startswith("text/css"):
        return {(link, True) for link in addresses_in_styles(answer.text)}
    if kind.startswith("text/javascript") and "plotly" not in answer.url.path:
        imports = re.findall(r"(?:from|import)\s*\(?\s*[\"'](\.{1,2}/[^\"']+)[\"']", answer.text)
        return {(link, True) for link in imports}
    return set()


def kind_of(path: str) -> str:
    """What a page is: its path with the part that names one of many taken out."""
    return re.sub(r"(?<=/)[^/]*\d[^/]*|(?<=experiments/)[^/]+|(?<=routes/)[^/]+", "*", path)


@pytest.mark.parametrize("client", ["taken off", "left on and told"], indirect=True)
async def test_every_address_on_every_page_leads_back_under_the_prefix(client):
    waiting = [(f"{PREFIX}{seed}", seed in SEEDS) for seed in SEEDS + ERRORS]
    seen: dict[str, int] = {}
    while waiting:
        path, is_fine = waiting.pop()
        asked = path.removeprefix(PREFIX)
        kind = asked if asked.startswith(EVERY) else kind_of(asked)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > (1 if kind == asked else MOST) or "/interactive" in path:
            continue
        answer = await client.get(path, follow_redirects=True)
        assert str(answer.url).startswith(f"{HOST}{PREFIX}/"), path
        may_be_gone = asked.startswith("/processes/")  # a process that has ended meanwhile
        assert answer.status_code == 200 or may_be_gone or not is_fine, path
        if "/export/" not in path:
            waiting += [(link.removeprefix(HOST), answer.status_code == 200) for link in ours_in(answer)]
    kinds = {kind.partition("?")[0] for kind in seen}
    assert {"/", "/runs", "/compare", "/experiments/*", "/routes/*", "/processes/*", "/runs/*"} <= kinds
    assert any(kind.endswith("place.js") for kind in kinds)


def ours_in(answer: httpx.Response) -> Iterator[str]:
    """The addresses that a page leads to; all of them are under the prefix."""
    for link, followed in addresses_in(answer):
        whole = urldefrag(urljoin(str(answer.url), link.split(" ")[0])).url
        if not whole.startswith(("data:", "blob:")):
            assert whole.startswith(f"{HOST}{PREFIX}/"), f"{link} on {answer.url}"
            if followed:
                yield whole


async def test_what_a_form_answers_leads_back_under_the_prefix_and_its_cookies_stay_there(client):
    ours = {"origin": HOST, "content-type": "application/x-www-form-urlencoded"}
    begun = await client.post(f"{PREFIX}/routes/gil/begin", headers=ours)
    assert begun.headers["location"] == f"{PREFIX}/routes/gil"
    chosen = await client.get(f"{PREFIX}/runs?lang=zh")
    assert chosen.headers["location"] == f"{PREFIX}/runs"
    for answer in (begun, chosen):
        assert {"Path=" + PREFIX, "Secure"} <= set(answer.headers["set-cookie"].split("; "))
    kept = await client.post(f"{PREFIX}/runs/{KEPT}/keep", content="name=x", headers=ours)
    assert kept.headers["location"] == f"{PREFIX}/runs/{KEPT}"
    started = await client.post(f"{PREFIX}/experiments/threads.scaling", content="preset=quick", headers=ours)
    assert re.fullmatch(f"{PREFIX}/runs/[0-9a-f]{{10}}", started.headers["location"])


async def test_what_a_program_is_answered_leads_back_under_the_prefix(client):
    order = {"experiment": "threads.scaling", "preset": "quick"}
    begun = await client.post(f"{PREFIX}/api/runs", json=order, headers={"origin": HOST})
    url = begun.json()["url"]
    assert (begun.status_code, begun.headers["location"]) == (201, url.replace("/runs/", "/api/runs/"))
    assert url == f"{PREFIX}/runs/{begun.json()['id']}"
    record = (await client.get(f"{PREFIX}/api/runs/{KEPT}/export/json")).content
    taken = await client.post(f"{PREFIX}/api/runs/import", content=record, headers=JSON)
    assert taken.json()["url"] == f"{PREFIX}/runs/{taken.json()['id']}"
    assert (await client.get(f"{PREFIX}/openapi.json")).json()["servers"] == [{"url": PREFIX}]


async def test_a_slash_too_many_leads_back_under_the_prefix_and_one_too_few_is_none(client):
    for path in ("/runs/", "/processes/", "/api/runs/"):
        answer = await client.get(PREFIX + path)
        assert (answer.status_code, answer.headers["location"]) == (307, PREFIX + path.rstrip("/"))
    for path in (PREFIX, f"{PREFIX}/", f"{PREFIX}?q=lock"):
        page = await client.get(path)
        assert (page.status_code, f'href="{PREFIX}/runs"' in page.text) == (200, True)


@pytest.mark.parametrize("client", ["taken off", "left on and told"], indirect=True)
async def test_a_link_to_share_is_the_address_that_the_visitor_sees(client):
    page = await client.get(f"{PREFIX}/runs/{KEPT}")
    assert f'data-link="{HOST}{PREFIX}/runs/{KEPT}"' in page.text


@pytest.mark.parametrize("client", ["left on"], indirect=True)
async def test_an_offline_report_leads_nowhere_on_the_server(client):
    for form in ("html", "interactive"):
        report = (await client.get(f"{PREFIX}/api/runs/{KEPT}/export/{form}")).text
        assert {link for link, _ in Links(report).found if not link.startswith(("#", "data:"))} == set()


def test_what_a_prefix_may_not_begin_with_is_what_our_own_paths_begin_with(tmp_path):
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    tops = {route.path.split("/")[1] for route in every_route(app)}
    app.state.store.close()
    assert tops - {""} == set(addresses.OWN)


def every_route(app: FastAPI | APIRouter) -> Iterator[Any]:
    for route in app.routes:
        yield from every_route(route.original_router) if hasattr(route, "original_router") else [route]


ABSOLUTE = re.compile(r"""["'`(]/[a-z$]""")


def test_no_script_has_an_absolute_path_but_by_way_of_the_one_module():
    for path in sorted((paths.resource("static") / "js").rglob("*.js")):
        for line in path.read_text().splitlines():
            code = line.partition("// ")[0]
            if ABSOLUTE.search(code) and not re.search(r"[\"'`]/\.|replace\(|\.test\(|exec\(", code):
                assert re.search(r"\bto\(|pathHere\(", code), f"{path.name}: {line.strip()}"


def test_no_template_has_an_absolute_path_but_by_way_of_the_one_function():
    for path in sorted(paths.resource("templates").glob("*.html")):
        found = re.findall(r"""\b(?:href|src|action|data-[a-z-]+)=\\?["']/[^"']*""", path.read_text())
        assert found == [], path.name
