"""Who gets in, who does not, and what each is told."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from app.door.guard import CONTENT_SECURITY_POLICY, Guard
from tests.app.serving import ask, serving

HERE = "http://127.0.0.1:8000"
OURS = {"origin": HERE}
THEIRS = {"origin": "http://evil.example"}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
RUN = "/runs/0123456789"


async def page(request: Request) -> Response:
    return PlainTextResponse("a page", headers={"x-content-type-options": "its own"})


async def echo(request: Request) -> Response:
    return JSONResponse({"body": (await request.body()).decode(), "role": request.state.role})


async def weigh(request: Request) -> Response:
    """How the body came: the number of its pieces, and their bytes."""
    sizes = [len(piece) async for piece in request.stream()]
    return JSONResponse({"pieces": sum(map(bool, sizes)), "bytes": sum(sizes)})


async def greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


APP = Starlette(
    routes=[
        Route("/", page),
        Route("/runs/{id}", page),
        Route("/experiments/x", echo, methods=["POST"]),
        Route("/api/runs", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/api/runs/import", weigh, methods=["POST"]),
        WebSocketRoute("/ws", greet),
    ]
)


class Visitor:
    """A browser or a program that comes from an address; it keeps its cookies."""

    def __init__(self, client: str = "127.0.0.1", **settings: Any) -> None:
        self.guard = Guard(APP, **settings)
        transport = httpx.ASGITransport(self.guard, client=(client, 50000))
        self.http = httpx.AsyncClient(transport=transport, base_url=HERE)

    async def get(self, path: str, **headers: Any) -> httpx.Response:
        return await self.http.get(path, headers=named(headers))

    async def post(self, path: str, body: Any = None, method: str = "POST", **headers: Any) -> httpx.Response:
        return await self.http.request(method, path, content=body, headers=named(headers))

    async def shake(self, **headers: str) -> int:
        """The status that a websocket's handshake is answered with; 0 where it is let in."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        given = {"host": "127.0.0.1:8000", "cookie": cookie} | headers
        first = await knock(self.guard, type="websocket", path="/ws", scheme="ws", headers=raw(given))
        return int(first.get("status", 0))


def named(headers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def knock(guard: Guard, **scope: Any) -> dict[str, Any]:
    """The first thing that is answered to somebody without any client's manners."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    usual = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": "http"}
    usual |= {"client": ("127.0.0.1", 50000), "headers": raw({"host": "127.0.0.1:8000"})}
    await guard(usual | scope, receive, send)
    return sent[0]


async def pieces(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b" " * size


NAMES = ["127.0.0.1:8000", "127.0.0.1", "127.8.8.8:1", "[::1]:8000", "[::ffff:127.0.0.1]:8000", "demo.lan"]
NAMES += ["localhost:8000", "LOCALHOST", "localhost.:8000", "oscope.localhost:8000", "Demo.LAN:80"]
FOREIGN_NAMES = ["evil.example:8000", "evil", "127.0.0.1.nip.io", "localhost.evil.example", "192.168.1.5"]
FOREIGN_NAMES += [
    "evil.example/127.0.0.1",
    "2130706433",
    "0x7f.1",
    "[::2]",
    "",
    "a b",
    "127.0.0.1:1:1",
    "a@localhost",
]
FOREIGN_PAGES = [
    "http://evil.example",
    "null",
    "",
    "http://127.0.0.1:1",
    "http://127.0.0.1",
    "http://localhost:8000",
]
FOREIGN_PAGES += ["https://127.0.0.1:8000", "http://127.0.0.1:8000.evil.example", "http://127.0.0.1:8000/"]


@pytest.mark.parametrize("host", NAMES)
async def test_a_loopback_or_an_allowed_name_is_let_in(host):
    assert (await Visitor(allowed_hosts=["demo.lan"]).get("/", host=host)).status_code == 200


@pytest.mark.parametrize("host", FOREIGN_NAMES)
async def test_a_foreign_name_is_refused_even_with_its_own_origin(host):
    foreign = {"host": host, "origin": f"http://{host}"}
    assert (await Visitor().get("/", **foreign)).status_code == 421
    assert (await Visitor().post("/api/runs", **foreign)).status_code == 421
    assert await Visitor().shake(**foreign) == 421


async def test_the_address_that_was_connected_to_is_let_in():
    """Its network address cannot be a name made to point here."""
    guard, headers = Guard(APP), raw({"host": "192.168.1.5:8000"})
    right = await knock(guard, headers=headers, server=("192.168.1.5", 8000), client=("192.168.1.7", 4711))
    wrong = await knock(guard, headers=headers, server=("192.168.1.6", 8000), client=("192.168.1.7", 4711))
    assert (right["status"], wrong["status"]) == (401, 421)  # the first one only lacks the token


@pytest.mark.parametrize("hosts", [[], [b"127.0.0.1:8000", b"evil.example"], [b"localhost", b"localhost"]])
async def test_the_host_is_named_exactly_once(hosts):
    answer = await knock(Guard(APP), headers=[(b"host", host) for host in hosts])
    assert answer["status"] == 421


@pytest.mark.parametrize("origin", FOREIGN_PAGES)
async def test_a_foreign_page_changes_nothing_and_opens_no_socket(origin):
    browser = Visitor()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await browser.post("/api/runs", method=method, origin=origin)).status_code == 403
    assert (await browser.post("/experiments/x", b"a=1", origin=origin, **FORM)).status_code == 403
    assert await browser.shake(origin=origin) == 403


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200)])
async def test_a_foreign_page_that_hides_its_origin_is_known_by_its_site(site, status):
    assert (await Visitor().post("/api/runs", sec_fetch_site=site)).status_code == status


async def test_our_own_page_gets_in():
    browser = Visitor()
    answer = await browser.post("/api/runs", b"{}", **OURS, **JSON)
    assert answer.json() == {"body": "{}", "role": "presenter"}
    answer = await browser.post("/experiments/x", b"workers=2", **OURS, **FORM)
    assert answer.json()["body"] == "workers=2"
    assert await browser.shake(**OURS) == 0


async def test_a_program_without_origin_gets_in():
    assert (await Visitor().post("/api/runs", b"{}", **JSON)).status_code == 200
    assert await Visitor().shake() == 0


async def test_a_page_may_be_linked_from_anywhere():
    assert (await Visitor().get(RUN, **THEIRS)).status_code == 200


async def test_only_a_proxy_lets_our_pages_be_https():
    https = {"origin": "https://127.0.0.1:8000"}
    assert (await Visitor(proxy=True).post("/api/runs", **https)).status_code == 200
    assert (await Visitor().post("/api/runs", **https)).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", FORM["content-type"], "multipart/form-data", "application/jsonx", ""]
)
async def test_programs_speak_json_only(kind):
    answer = await Visitor().post("/api/runs", b"{}", content_type=kind)
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("this address takes application/json, not ")


async def test_json_may_name_its_charset():
    answer = await Visitor().post("/api/runs", b"{}", content_type="Application/JSON; charset=utf-8")
    assert answer.status_code == 200


async def test_forms_are_urlencoded_only():
    answer = await Visitor().post("/experiments/x", b"--1--", content_type="multipart/form-data; boundary=1")
    assert answer.status_code == 415
    assert (await Visitor().post("/experiments/x")).status_code == 200  # nothing to say, nothing to misread


async def test_a_body_of_64_kb_is_taken_and_one_byte_more_is_not():
    program = Visitor()
    assert len((await program.post("/api/runs", b" " * 65536, **JSON)).json()["body"]) == 65536
    answer = await program.post("/api/runs", b" " * 65537, **JSON)
    assert (answer.status_code, answer.json()) == (413, {"detail": "a request may carry 64 kB"})


async def test_a_length_that_is_no_number_is_refused():
    answer = await Visitor().post("/api/runs", b"{}", **JSON | {"content-length": b"\xb2"})
    assert answer.status_code == 413


async def test_a_body_that_does_not_tell_its_length_is_counted():
    program = Visitor()
    assert len((await program.post("/api/runs", pieces(30000, 30000), **JSON)).json()["body"]) == 60000
    assert (await program.post("/api/runs", pieces(30000, 40000), **JSON)).status_code == 413


@pytest.mark.parametrize("client", ["127.0.0.1", "192.168.1.7"])
async def test_with_a_token_nobody_gets_in_without_it(client):
    stranger = Visitor(client, token="sesame")
    answer = await stranger.get("/api/runs")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("Bearer open", "Bearer ", "Basic sesame", "sesame", b"Bearer \xff\xfe"):
        assert (await stranger.get("/api/runs", authorization=wrong)).status_code == 401
    for path in ("/", "/?token=open", "/?token=%ff%fe", "/?token="):
        assert (await stranger.get(path)).status_code == 401
    assert (await stranger.get("/", cookie="oscope-8000=1")).status_code == 401
    assert await stranger.shake(**OURS) == 401
    assert (await stranger.get("/api/runs", authorization="Bearer sesame")).status_code == 200


async def test_the_address_with_the_token_opens_the_door_for_good():
    browser = Visitor("192.168.1.7", token="sesame")
    answer = await browser.get(f"{RUN}?state=done&token=sesame&q=a+b")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{RUN}?state=done&q=a+b")
    name, _, value = answer.headers["set-cookie"].partition("=")
    assert (name, value.partition(";")[2]) == ("oscope-8000", " Path=/; HttpOnly; SameSite=Lax")
    assert "sesame" not in value
    assert (await browser.get("/")).status_code == 200
    assert (await browser.post("/api/runs", b"{}", **OURS, **JSON)).status_code == 200
    assert await browser.shake(**OURS) == 0


async def test_a_cookie_does_not_help_a_foreign_page():
    browser = Visitor(token="sesame")
    await browser.get("/?token=sesame")
    assert (await browser.post("/api/runs", b"{}", **THEIRS, **JSON)).status_code == 403
    assert await browser.shake(**THEIRS) == 403


async def test_the_cookie_is_found_among_those_of_others():
    ours = (await Visitor(token="sesame").get("/?token=sesame")).headers["set-cookie"].partition(";")[0]
    crumbs = f'broken="; [x]=1; {ours}; oscope-9000=other'
    assert (await Visitor(token="sesame").get("/", cookie=crumbs)).status_code == 200


async def test_the_way_out_of_a_token_leads_to_no_other_server():
    path = "//evil.example/a b\r\nx: 1"
    answer = await knock(Guard(APP, token="sesame"), path=path, query_string=b"token=sesame")
    assert dict(answer["headers"])[b"location"] == b"/evil.example/a%20b%0D%0Ax%3A%201"


async def test_without_a_token_only_this_machine_gets_in():
    assert (await Visitor("127.0.0.1").get("/")).status_code == 200
    assert (await Visitor("::ffff:127.0.0.1").get("/")).status_code == 200
    answer = await Visitor("192.168.1.7").get("/api/runs")
    assert (answer.status_code, "--token" in answer.json()["detail"]) == (401, True)


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"])
async def test_what_a_proxy_passed_on_counts_as_remote_unless_a_proxy_is_expected(header):
    assert (await Visitor().get("/", **{header: "127.0.0.1"})).status_code == 401
    assert (await Visitor(proxy=True).get("/", **{header: "127.0.0.1"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "host"), [("/", "localhost"), ("/nothing", "localhost"), ("/", "evil.example")]
)
async def test_every_answer_keeps_browsers_careful(path, host):
    answer = await Visitor().get(path, host=host)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


async def test_a_header_that_the_app_sets_itself_stays():
    assert (await Visitor().get("/")).headers.get_list("x-content-type-options") == ["its own"]
    assert (await Visitor().get("/nothing")).headers.get_list("x-content-type-options") == ["nosniff"]


async def test_what_programs_are_told_is_not_kept():
    assert (await Visitor().get("/api/runs")).headers["cache-control"] == "no-store"
    assert "cache-control" not in (await Visitor().get("/")).headers


async def test_people_are_refused_with_a_page_and_programs_with_json():
    answer = await Visitor(token="sesame").get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<p>this oscope asks for its token: open the address that it printed" in answer.text
    answer = await Visitor().get("/api/runs", host="evil.example")
    assert answer.json()["detail"].startswith(
        "evil.example is not a name of this oscope: open it as 127.0.0.1"
    )


async def test_a_file_to_import_may_be_larger_and_is_handed_on_as_it_comes():
    answer = await Visitor().post("/api/runs/import", pieces(70_000, 70_000, 70_000), **JSON)
    assert answer.json() == {"pieces": 3, "bytes": 210_000}
    assert (await Visitor().post("/api/runs", pieces(70_000), **JSON)).status_code == 413


async def test_a_file_that_is_too_large_is_refused_before_it_is_sent():
    answer = await Visitor().post("/api/runs/import", b"", **JSON | {"content-length": str(2**26 + 1)})
    assert (answer.status_code, answer.json()) == (413, {"detail": "a file to import may have 64 MB"})


async def test_a_file_that_does_not_tell_its_length_is_stopped_where_it_becomes_too_large():
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 2**20

    answer = await Visitor().post("/api/runs/import", endless(), **JSON)
    assert answer.status_code == 413
    assert sent == 65


@pytest.mark.parametrize("path", ["/api/runs/import/", "/api/runs/imports"])
async def test_only_the_one_address_takes_a_file(path):
    assert (await Visitor().post(path, pieces(70_000), **JSON)).status_code == 413


async def test_a_file_comes_from_our_own_pages_as_json_and_with_the_token_only():
    visitor = Visitor()
    assert (await visitor.post("/api/runs/import", b"{}", **JSON, **THEIRS)).status_code == 403
    assert (await visitor.post("/api/runs/import", b"{}", content_type="text/plain")).status_code == 415
    assert (await Visitor(token="secret").post("/api/runs/import", b"{}", **JSON)).status_code == 401
    assert (await visitor.post("/api/runs/import", b"{}", **JSON, **OURS)).status_code == 200


async def test_a_real_server_refuses_what_no_proper_client_sends():
    async with serving(Guard(APP)) as port:
        ours = b"Host: 127.0.0.1:%d\r\n" % port
        end = b"Connection: close\r\n\r\n"
        assert status(await ask(port, b"GET / HTTP/1.1\r\n" + ours + end)) == 200
        assert status(await ask(port, b"GET / HTTP/1.1\r\n" + ours + b"Host: evil\r\n" + end)) in (400, 421)
        assert status(await ask(port, b"GET / HTTP/1.0\r\n" + end)) in (400, 421)
        head = b"POST /api/runs HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n"
        chunks = b"".join(b"4000\r\n" + b" " * 0x4000 + b"\r\n" for _ in range(5)) + b"0\r\n\r\n"
        assert status(await ask(port, head + ours + end + chunks)) == 413


async def test_a_real_server_answers_the_handshake_of_a_foreign_page_with_the_reason(caplog):
    shake = (
        b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nHost: %s\r\nOrigin: http://%s\r\n\r\n"
    )
    async with serving(Guard(APP)) as port:
        ours = b"127.0.0.1:%d" % port
        foreign = await ask(port, shake % (ours, b"evil.example"))
        assert (status(foreign), b"only oscope's own pages" in foreign) == (403, True)
        rebound = await ask(port, shake % (b"evil.example", b"evil.example"))
        assert (status(rebound), b"evil.example is not a name" in rebound) == (421, True)
        async with connect(f"ws://127.0.0.1:{port}/ws", origin=f"http://127.0.0.1:{port}") as socket:
            assert await socket.recv() == "hello"
    assert "returned without" not in caplog.text


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
