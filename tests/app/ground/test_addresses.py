"""Where oscope is for a visitor: what headers say of it, what is believed, and what it is used for."""

import httpx
import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from app.cli import commands, server
from app.door import links
from app.door.guard import Guard
from app.ground import addresses
from app.ground.addresses import Address, Misaddressed, Name, read_forwarded, read_name, read_prefix, read_url
from app.ground.settings import Settings
from tests.app.door.test_guard import greet, knock, raw

HUB = "https://lab.example"
HERE = "127.0.0.1:8000"


async def where(request: Request) -> Response:
    address = addresses.visited()
    told = {"origins": address.origins(), "prefix": address.prefix, "path": request.url.path}
    return JSONResponse(told | {"share": links.shared(Settings(), "/runs/1")})


async def away(request: Request) -> Response:
    answer = RedirectResponse(request.query_params["to"], 303)
    answer.set_cookie("a", "1")
    return answer


APP = Starlette(
    routes=[
        Route("/", where, methods=["GET", "POST"]),
        Route("/runs/{id}", where, methods=["GET", "POST"]),
        Route("/away", away),
        WebSocketRoute("/ws", greet),
    ]
)


async def ask(path: str = "/", method: str = "GET", *, to: Guard, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(to, client=("127.0.0.1", 50000))
    named = {"host": HERE} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HERE}") as http:
        return await http.request(method, path, headers=named)


async def shake(guard: Guard, path: str = "/ws", **headers: str) -> int:
    """The status of a websocket's handshake; 0 where it is let in."""
    given = {"host": HERE} | {name.replace("_", "-"): value for name, value in headers.items()}
    first = await knock(guard, type="websocket", path=path, scheme="ws", headers=raw(given))
    return int(first.get("status", 0))


# -- what a proxy may say ---------------------------------------------------------------------

FORWARDS = [  # what the proxy sends, and the Origin of a page that the visitor sees
    ({"host": "lab.example"}, HUB),
    ({"host": "lab.example"}, "http://lab.example"),  # nobody tells the scheme: either may be
    ({"host": "lab.example:443", "x_forwarded_proto": "https"}, HUB),
    ({"host": "lab.example:8443", "x_forwarded_proto": "https"}, f"{HUB}:8443"),
    ({"host": "lab.example", "x_forwarded_proto": "https", "x_forwarded_port": "8443"}, f"{HUB}:8443"),
    ({"host": "lab.example", "x_forwarded_proto": "https", "x_forwarded_port": "443"}, HUB),
    ({"host": "lab.example", "x_forwarded_proto": "https", "x_forwarded_port": "80"}, HUB),  # the inner one's
    ({"host": "lab.example:9000", "x_forwarded_port": "80"}, "http://lab.example:9000"),
    ({"x_forwarded_host": "lab.example"}, HUB),
    ({"x_forwarded_host": "LAB.example", "x_forwarded_proto": "HTTPS"}, HUB),
    ({"x_forwarded_host": "lab.example:8443", "x_forwarded_proto": "https"}, f"{HUB}:8443"),
    ({"x_forwarded_host": "lab.example", "x_forwarded_port": "8443, 80"}, f"{HUB}:8443"),
    ({"x_forwarded_host": "lab.example", "x_forwarded_proto": "https, http"}, HUB),
    ({"x_forwarded_host": "lab.example, 127.0.0.1:8080", "x_forwarded_proto": "https"}, HUB),
    ({"x_forwarded_host": "lab.example", "x_forwarded_proto": "wss"}, HUB),
    ({"forwarded": "for=192.0.2.7;proto=https;host=lab.example"}, HUB),
    (
        {"forwarded": 'For="[2001:db8::7]:4711"; Proto=https ;Host="lab.example:8443", for=10.0.0.1'},
        f"{HUB}:8443",
    ),
    ({"forwarded": "for=_a;host=lab.example;proto=https, for=b;host=127.0.0.1;proto=http"}, HUB),
    ({"forwarded": "host=evil.example", "x_forwarded_host": "lab.example"}, HUB),
]


@pytest.mark.parametrize(("told", "page"), FORWARDS)
async def test_a_page_behind_a_proxy_is_ours_by_whatever_header_says_so(told, page):
    guard = Guard(APP, proxy=True, allowed_hosts=["lab.example"])
    assert (await ask(method="POST", to=guard, origin=page, **told)).status_code == 200
    assert await shake(guard, origin=page, **told) == 0


NOT_OURS = [
    ({"x_forwarded_host": "lab.example", "x_forwarded_proto": "https"}, "http://lab.example", 403),
    ({"x_forwarded_host": "lab.example", "x_forwarded_proto": "http, https"}, HUB, 403),
    ({"x_forwarded_host": "lab.example"}, f"{HUB}:8443", 403),
    ({"x_forwarded_host": "lab.example:8443"}, HUB, 403),
    ({"x_forwarded_host": "lab.example", "x_forwarded_port": "8443"}, HUB, 403),
    ({"x_forwarded_host": "lab.example"}, "https://evil.example", 403),
    ({"x_forwarded_host": "lab.example"}, "null", 403),
    ({"x_forwarded_host": "lab.example"}, f"http://{HERE}", 403),  # the proxy's own word goes over Host
    ({"x_forwarded_host": "evil.example"}, "https://evil.example", 421),
    ({"x_forwarded_host": "evil.example, lab.example"}, "https://evil.example", 421),
    ({"x_forwarded_host": "lab.example, evil.example"}, HUB, 421),
    ({"x_forwarded_host": "lab.example@evil.example"}, HUB, 421),
    ({"x_forwarded_host": "lab.example/x"}, HUB, 421),
    ({"x_forwarded_host": "2130706433"}, "http://2130706433", 421),
    ({"x_forwarded_host": "lab.example", "host": "evil.example"}, HUB, 421),  # a name made to point here
    ({"forwarded": "host=evil.example"}, "https://evil.example", 421),
    ({"forwarded": "host=lab.example;host=lab.example"}, HUB, 403),
    ({"forwarded": 'host="lab.example'}, HUB, 403),
    ({"x_forwarded_proto": "gopher"}, f"http://{HERE}", 400),
    ({"x_forwarded_port": "0"}, f"http://{HERE}", 400),
    ({"x_forwarded_port": "8²"}, f"http://{HERE}", 400),
    ({"x_forwarded_prefix": "//evil.example"}, f"http://{HERE}", 400),
]


@pytest.mark.parametrize(("told", "page", "status"), NOT_OURS)
async def test_what_a_proxy_passes_on_makes_no_foreign_page_ours(told, page, status):
    guard = Guard(APP, proxy=True, allowed_hosts=["lab.example"])
    latin = {name: value.encode("latin-1") for name, value in told.items()}
    assert (await ask(method="POST", to=guard, origin=page, **latin)).status_code == status
    if status == 421:
        assert (await ask(to=guard, **latin)).status_code == 421  # not even to look


@pytest.mark.parametrize("told", [told for told, _ in FORWARDS[8:]])
async def test_nobody_is_believed_who_speaks_like_a_proxy_where_none_is_expected(told):
    guard = Guard(APP, allowed_hosts=["lab.example"], token="sesame")
    entry = {"authorization": "Bearer sesame"}
    assert (await ask(method="POST", to=guard, origin=HUB, **entry, **told)).status_code == 403
    assert (await ask(method="POST", to=guard, origin=f"http://{HERE}", **entry, **told)).status_code == 200
    seen = (await ask(to=guard, x_forwarded_prefix="/tools", **entry, **told)).json()
    assert (seen["origins"], seen["prefix"]) == ([f"http://{HERE}"], "")


async def test_a_client_that_speaks_like_a_proxy_needs_the_token_all_the_same():
    guard = Guard(APP, proxy=True, allowed_hosts=["lab.example"], token="sesame")
    for told, _ in FORWARDS:
        assert (await ask(to=guard, **told)).status_code == 401
    bound = Guard(APP, proxy=True, allowed_hosts=["lab.example"])
    headers = raw({"host": HERE, "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "lab.example"})
    answer = await knock(bound, headers=headers, client=("192.0.2.7", 4711))
    assert answer["status"] == 401


async def test_a_refusal_names_the_two_addresses_that_differ_and_what_to_set():
    behind = Guard(APP, proxy=True, allowed_hosts=["lab.example"])
    said = (await ask(method="POST", to=behind, origin=HUB)).text
    assert HUB in said
    assert f"oscope is at https://{HERE}" in said
    assert "X-Forwarded-Host" in said
    assert "--url" in said
    said = (await ask(method="POST", to=Guard(APP), origin=HUB, x_forwarded_host="lab.example")).text
    assert f"oscope is at http://{HERE}; if a proxy stands between them, start it with --proxy" in said
    said = (await ask(method="POST", to=Guard(APP), origin=HUB)).text
    assert f"came from {HUB}, and oscope is at http://{HERE}." in said
    said = (await ask(to=behind, x_forwarded_host="other.example")).text
    assert "the proxy passes on other.example" in said
    assert "--allow-host other.example" in said


async def test_a_misdirected_visitor_gets_advice_that_is_right_where_they_are():
    async def advice(client: str, host: str, **more: str) -> str:
        transport = httpx.ASGITransport(Guard(APP), client=(client, 50000))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HERE}") as http:
            return (await http.get("/", headers={"host": host} | more)).text

    assert "open it as 127.0.0.1" in await advice("127.0.0.1", "lab-pc")
    for from_elsewhere in (
        await advice("192.0.2.7", "lab-pc"),
        await advice("127.0.0.1", "lab-pc", **{"x-forwarded-for": "192.0.2.7"}),
    ):
        assert "open it under the address that it printed" in from_elsewhere
        assert "--allow-host lab-pc" in from_elsewhere
        assert "127.0.0.1" not in from_elsewhere
    assert "start it with --token" in await advice("127.0.0.1", "192.168.1.20:8000")


# -- addresses that are no names --------------------------------------------------------------

LITERAL = ["192.168.1.20:8000", "10.1.2.3", "[2001:db8::5]:8000", "[::ffff:10.1.2.3]", "203.0.113.9:1"]
ODD = ["2130706433", "127.1", "0x7f.1", "0x7f000001", "017700000001", "127.0.0.01", "192.168.1", "0.0.0.0"]
ODD += ["[::]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "2001:db8::5", "[192.168.1.20]", "192.168.1.20.nip.io"]
ODD += ["a@192.168.1.20", "192.168.1.20:99999", "192.168.1.20:", "192.168.1.20.", "[2001:db8::5", "224.0.0.1"]
ODD += ["lab-pc", "lab-pc.local", "localhost.evil.example", "١٩٢.168.1.20", "[::ffff:0.0.0.0]"]


@pytest.mark.parametrize("host", LITERAL)
async def test_an_address_is_no_name_made_to_point_here_and_passes_where_the_token_is_asked_for(host):
    entry = {"authorization": "Bearer sesame", "origin": f"http://{host}"}
    guard = Guard(APP, token="sesame")
    assert (await ask(method="POST", to=guard, host=host, **entry)).status_code == 200
    assert await shake(guard, host=host, **entry) == 0
    assert (await ask(to=guard, host=host)).status_code == 401
    assert (await ask(to=Guard(APP), host=host)).status_code == 421


@pytest.mark.parametrize("host", ODD)
async def test_what_only_looks_like_an_address_is_a_foreign_name(host):
    entry = {"authorization": "Bearer sesame"}
    answer = await knock(Guard(APP, token="sesame"), headers=raw({"host": host} | entry))
    assert answer["status"] == 421


# -- what the address is used for -------------------------------------------------------------


async def test_a_page_of_the_printed_address_is_ours_even_where_the_proxy_says_nothing():
    guard = Guard(APP, proxy=True, public=read_url("https://lab.example/tools"))
    assert (await ask(method="POST", to=guard, origin=HUB)).status_code == 200
    assert (await ask(method="POST", to=guard, origin="http://lab.example")).status_code == 403
    seen = (await ask("/tools/runs/1", to=guard, host="lab.example")).json()
    assert (seen["prefix"], seen["path"], seen["origins"]) == ("/tools", "/runs/1", [HUB])


PREFIXED = [
    ("/tools/runs/1", "/runs/1"),
    ("/runs/1", "/runs/1"),
    ("/tools", "/"),
    ("/tools/", "/"),
    ("/", "/"),
]


@pytest.mark.parametrize(("asked", "path"), PREFIXED)
async def test_a_prefix_is_understood_on_and_off(asked, path):
    for guard, told in (
        (Guard(APP, prefix="/tools"), {}),
        (Guard(APP, proxy=True), {"x_forwarded_prefix": "/tools/"}),
        (Guard(APP, proxy=True, prefix="/tools"), {"x_forwarded_prefix": "/other"}),  # what was set holds
    ):
        seen = (await ask(asked, to=guard, **told)).json()
        assert (seen["prefix"], seen["path"]) == ("/tools", path)


async def test_the_prefixes_of_two_proxies_stand_one_after_the_other():
    seen = (await ask("/runs/1", to=Guard(APP, proxy=True), x_forwarded_prefix="/outer, /inner")).json()
    assert (seen["prefix"], seen["path"]) == ("/outer/inner", "/runs/1")


async def test_a_path_that_only_begins_like_the_prefix_is_another():
    assert (await ask("/toolshed", to=Guard(APP, prefix="/tools"))).status_code == 404


async def test_the_token_opens_the_door_under_the_prefix_and_its_cookie_stays_there():
    guard = Guard(APP, token="sesame", proxy=True, prefix="/tools", allowed_hosts=["lab.example"])
    told = {"x_forwarded_host": "lab.example", "x_forwarded_proto": "https"}
    for asked in ("/tools/runs/1?token=sesame&q=a", "/runs/1?token=sesame&q=a"):
        answer = await ask(asked, to=guard, **told)
        assert (answer.status_code, answer.headers["location"]) == (303, "/tools/runs/1?q=a")
        name, *attributes = answer.headers["set-cookie"].split("; ")
        assert set(attributes) == {"Path=/tools", "HttpOnly", "SameSite=Lax", "Secure"}
        assert name.startswith("oscope-default=")
        assert (await ask("/tools/", to=guard, cookie=name, **told)).status_code == 200


REDIRECTS = [
    ("/runs/1", "/tools/runs/1"),
    ("/tools/runs/1", "/tools/runs/1"),
    (f"http://{HERE}/runs/1", "/tools/runs/1"),
    (f"http://{HERE}//evil.example", "/tools/evil.example"),
    ("//evil.example/", "/tools/evil.example/"),
    ("https://docs.example/", "https://docs.example/"),
]


@pytest.mark.parametrize(("to", "location"), REDIRECTS)
async def test_a_redirect_and_its_cookies_stay_under_the_prefix(to, location):
    answer = await ask(f"/away?to={to}", to=Guard(APP, prefix="/tools"))
    assert answer.headers["location"] == location
    assert answer.headers["set-cookie"].split("; ")[1:] == ["Path=/tools", "SameSite=lax"]
    bare = await ask(f"/away?to={to}", to=Guard(APP))
    assert bare.headers["location"] == location.removeprefix("/tools") or to == "/tools/runs/1"


async def test_a_cookie_is_for_https_only_where_the_visitor_comes_by_it():
    guard = Guard(APP, proxy=True)
    by_https = await ask("/away?to=/", to=guard, x_forwarded_proto="https")
    by_http = await ask("/away?to=/", to=guard, x_forwarded_proto="http")
    unknown = await ask("/away?to=/", to=guard)
    assert ["Secure" in a.headers["set-cookie"] for a in (by_https, by_http, unknown)] == [True, False, False]


# -- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("", ""),
        ("/", ""),
        ("/a", "/a"),
        (" /a/b/ ", "/a/b"),
        ("/u/ann%40x", "/u/ann%40x"),
        ("/u/ä b", "/u/%C3%A4%20b"),
        ("/user/ann@x/proxy/8000/", "/user/ann@x/proxy/8000"),
        ("/runsx", "/runsx"),
    ],
)
def test_a_prefix_is_a_path_without_its_last_slash(text, prefix):
    assert read_prefix(text) == prefix


NO_PREFIX = ["a", "a/b", "//evil.example", "/a//b", "/a/../b", "/..", "/%2e%2e/a", "/a%2fb", "/a?b", "/a#b"]
NO_PREFIX += ["/a;b", "/a,b", "/a\\b", "/%zz", "/a\nb", "/runs", "/api/x", "/static", "https://x/a"]


@pytest.mark.parametrize("text", NO_PREFIX)
def test_what_is_no_prefix_gets_a_sentence(text):
    with pytest.raises(Misaddressed):
        read_prefix(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://lab.example", "https://lab.example/"),
        ("https://lab.example:443/", "https://lab.example/"),
        ("HTTPS://Lab.Example:8443/tools/", "https://lab.example:8443/tools/"),
        ("http://192.168.1.20:9000", "http://192.168.1.20:9000/"),
        ("http://[2001:db8::5]:80", "http://[2001:db8::5]/"),
        ("https://läb.example", "https://xn--lb-via.example/"),
    ],
)
def test_the_address_for_others_is_read_and_written_alike(text, url):
    assert read_url(text).url("/") == url


NO_URL = [
    "lab.example",
    "//lab.example",
    "ftp://lab.example",
    "https://",
    "https://a b",
    "javascript:alert(1)",
]
NO_URL += ["https://ann:x@lab.example", "https://lab.example/?a", "https://lab.example/#a", "https://lab:x"]
NO_URL += ["https://[::1", "https://lab.example/runs", "https://lab.example:99999", "https://.."]


@pytest.mark.parametrize("text", NO_URL)
def test_what_is_no_address_for_others_gets_a_sentence(text):
    with pytest.raises(Misaddressed):
        read_url(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Lab.Example", "lab.example"),
        ("lab.example:8443", "lab.example"),
        ("::1", "::1"),
        ("[::1]:80", "::1"),
        ("läb.example.", "xn--lb-via.example"),
        ("192.168.1.20", "192.168.1.20"),
    ],
)
def test_a_name_is_allowed_however_it_is_typed(text, host):
    assert addresses.read_allowed(text) == host


@pytest.mark.parametrize("text", ["https://lab.example", "*.example", "", "a b", "a/b"])
def test_what_is_no_name_is_not_allowed(text):
    with pytest.raises(Misaddressed, match="no name of a server"):
        addresses.read_allowed(text)


def test_a_name_keeps_its_port_and_loses_its_case():
    assert read_name("LOCALHOST:8000") == Name("localhost", 8000)
    assert read_name("[::1]") == Name("[::1]")
    assert read_forwarded({}) == addresses.Forwarded()


# -- what others are given --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "visited", "link"),
    [
        (Settings(), Address("http", Name("127.0.0.1", 8000)), ""),
        (Settings(), Address("http", Name("oscope.localhost", 8000)), ""),
        (Settings(host="192.168.1.5"), addresses.ROOT, "http://192.168.1.5:8000/runs/1"),
        (Settings(host="192.168.1.5", prefix="/a"), addresses.ROOT, "http://192.168.1.5:8000/a/runs/1"),
        (
            Settings(host="0.0.0.0"),
            Address("http", Name("192.168.1.20", 9000)),
            "http://192.168.1.20:9000/runs/1",
        ),
        (Settings(), Address("", Name("lab.example"), "/a"), "http://lab.example/a/runs/1"),
        (Settings(), Address("https", Name("lab.example", 443), "/a"), "https://lab.example/a/runs/1"),
        (
            Settings(url="https://lab.example/a"),
            Address("http", Name("10.0.0.1")),
            "https://lab.example/a/runs/1",
        ),
    ],
)
def test_a_link_for_others_is_the_set_address_or_the_visitors_or_the_sockets(settings, visited, link):
    with addresses.visiting(visited):
        assert links.shared(settings, "/runs/1") == link


REFUSED = [
    (["--url", "lab.example"], "--url: 'lab.example' is no address of a server"),
    (["--prefix", "tools"], "--prefix: 'tools' does not begin with a slash"),
    (["--prefix", "/runs"], "--prefix: '/runs' begins like a page of oscope itself (/runs)"),
    (["--url", "https://lab.example/a", "--prefix", "/b"], "--prefix /b is not the path of --url, /a"),
    (["--allow-host", "https://lab.example"], "--allow-host: 'https://lab.example' is no name of a server"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_an_address_that_is_none_ends_the_start_with_a_sentence(options, sentence, tmp_path):
    done = CliRunner().invoke(commands.cli, ["serve", "--data", str(tmp_path), *options])
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("options", "environment", "address"),
    [
        (["--url", "https://Lab.example/a/"], {}, ("https://lab.example/a", "/a")),
        (["--url", "https://lab.example", "--prefix", "/a"], {}, ("https://lab.example/a", "/a")),
        (["--prefix", "/a/"], {}, ("", "/a")),
        ([], {"OSCOPE_URL": "https://lab.example", "OSCOPE_PREFIX": "/a"}, ("https://lab.example/a", "/a")),
        ([], {}, ("", "")),
    ],
)
def test_the_address_for_others_and_its_path_are_given_together_or_apart(
    options, environment, address, tmp_path, monkeypatch
):
    started = []
    monkeypatch.setattr(server, "serve", lambda settings, browse: started.append(settings))
    done = CliRunner().invoke(commands.cli, ["serve", "--data", str(tmp_path), *options], env=environment)
    assert (done.exit_code, done.stderr) == (0, "")
    assert (started[0].url, started[0].prefix) == address
