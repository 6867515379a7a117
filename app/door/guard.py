"""Who may come in: everything that reaches the app, pages, programs and sockets alike, passes here.

oscope starts processes, so a foreign web page must not be able to talk to it through somebody's
browser. Against names that are made to point here (DNS rebinding) stands the check of Host, against
forms and sockets of foreign pages the check of Origin, against neighbours on the network the token.
It is plain ASGI, because middleware made for HTTP does not see websockets.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
from collections.abc import Collection, Iterable, Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ground import addresses
from app.ground.addresses import Address, Forwarded, Misaddressed, Name, is_loopback, read_name
from app.ground.limits import BODY_B, IMPORT_B
from app.text.languages import COOKIE, ENGLISH, TAGS, Words, preferred

BODY_S = 10.0  # for a body of BODY_B to arrive
IMPORT = "/api/runs/import"  # the one address that takes a file
SAFE = ("GET", "HEAD", "OPTIONS")
Role = Literal["presenter", "viewer"]
ROLES: tuple[Role, Role] = ("presenter", "viewer")
FORM = "application/x-www-form-urlencoded"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>oscope: {status}</title>
<style>
:root {{ color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif }}
body {{ max-width: 34em; margin: 15vh auto; padding: 0 1.5em }}
</style>
<main>
<h1>{title}</h1>
<p>{detail}</p>
</main>
</html>
"""


class Denied(Exception):
    """The status and the sentence of a refusal."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Gone(Exception):
    """Whoever asked went away before all was said."""


class Knock:
    """What a request or a socket says about itself before anybody lets it in."""

    def __init__(self, scope: Scope) -> None:
        self.path: str = scope["path"]
        self.client: str | None = scope["client"][0] if scope.get("client") else None
        self.here: str | None = scope["server"][0] if scope.get("server") else None
        self.socket = scope["type"] == "websocket"
        self.method: str = "GET" if self.socket else scope["method"]
        self.query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        self._headers: list[tuple[bytes, bytes]] = [*scope["headers"]]
        hosts = self.all("host")
        self.name = read_name(hosts[0]) if len(hosts) == 1 else None  # as the Host header has it
        self.scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"  # spoken with us
        self.address = Address(self.scheme, self.name)  # as the visitor sees it; a proxy may know better
        self.forwarded_hosts: tuple[str, ...] = ()

    @property
    def cookie(self) -> str:
        """A browser sends the cookies of one port to every port of a host, so its name has the port."""
        port = self.address.name.port if self.address.name else None
        return f"oscope-{port or 'default'}"

    @property
    def changes_something(self) -> bool:
        """Whether it must come from a page of ours: a browser lets foreign pages send these too."""
        return self.socket or self.method not in SAFE

    @property
    def for_programs(self) -> bool:
        return self.path.startswith("/api/") or self.socket

    @property
    def has_body(self) -> bool:
        length = self.header("content-length")
        return self.header("transfer-encoding") is not None or length not in (None, "0")

    @property
    def forwarded(self) -> bool:
        """Whether a proxy passed it on, so that its address is the proxy's."""
        return addresses.is_forwarded(self.names())

    def names(self) -> set[str]:
        return {name.decode("latin-1") for name, _ in self._headers}

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self._headers if key == name.encode()]

    def header(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


class Guard:
    """Wraps the app.

    `allowed_hosts` are names beside the loopback ones. Where there is a `token`, everybody needs it, or
    the `viewer_token` that lets people watch and change nothing; where there is none, only this machine
    comes in. `proxy` says that a reverse proxy is expected, so that its headers do not make a client a
    stranger, and what they say of the visitor's address counts. `prefix` is the path that a proxy shows
    oscope under, `public` the address that it is known by. `words` are the languages it can refuse in.

    Whoever connects can send a proxy's headers. They open no door: a host among them has to be one of
    ours, and all that they change is the address in the answer to this very request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Collection[str] = (),
        token: str = "",
        viewer_token: str = "",
        proxy: bool = False,
        prefix: str = "",
        public: Address | None = None,
        words: Mapping[str, Words] | None = None,
    ) -> None:
        self.app = app
        named = {addresses.read_allowed(host) for host in allowed_hosts}
        self.allowed_hosts = frozenset(named | ({public.name.host} if public and public.name else set()))
        self.token = token
        self.proxy = proxy
        self.prefix = prefix or (public.prefix if public else "")
        self.public = public
        self.words = words or {"en": ENGLISH}
        self.tokens = {role: given for role, given in zip(ROLES, (token, viewer_token), strict=True) if given}
        # Whoever has the cookie had the token, but cannot tell it; a restart with the same token keeps it.
        self._sessions = {role: session_of(given) for role, given in self.tokens.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        knock = Knock(scope)
        try:
            self._find_address(knock)
            self._check_host(knock)
            self._check_origin(knock)
            if role := self._brings_token(knock):
                await respond(send, knock, 303, b"", self._welcome(knock, role))
                return
            role = self._role_of(knock)
            check_role(knock, role)
            check_type(knock)
            receive = await with_whole_body(knock, receive)
        except Denied as denied:
            await deny(send, knock, denied, self._reader(knock))
            return
        except Gone:
            return
        scope.setdefault("state", {})["role"] = role
        placed = {**scope, "path": knock.path, "root_path": knock.address.prefix}
        with addresses.visiting(knock.address):
            await self.app(placed, receive, with_headers(send, knock))

    def _reader(self, knock: Knock) -> Words:
        """The language of who is refused."""
        cookie = cookie_parser(knock.header("cookie") or "").get(COOKIE, "")
        return self.words.get(preferred(cookie, knock.header("accept-language") or ""), ENGLISH)

    def _find_address(self, knock: Knock) -> None:
        """Where the visitor sees oscope, and which of its pages they ask for."""
        told = self._told(knock)
        prefix = self.prefix or told.prefix
        name = knock.name
        if told.hosts and name:  # a request without a proper Host stays one
            name = read_name(told.hosts[0])
        scheme = told.scheme or ("" if self.proxy and knock.scheme == "http" else knock.scheme)
        if name:
            name = addresses.with_port(name, scheme, told.port)
        if name and not scheme and self.public and self.public.name == name:
            scheme = self.public.scheme
        knock.forwarded_hosts = told.hosts
        knock.address = Address(scheme, name, prefix)
        knock.path = addresses.below(prefix, knock.path)

    def _told(self, knock: Knock) -> Forwarded:
        """What a proxy says, where one is expected."""
        if not self.proxy:
            return Forwarded()
        try:
            return addresses.read_forwarded({name: knock.all(name) for name in knock.names()})
        except Misaddressed as error:
            raise Denied(400, f"the proxy's header cannot be used: {error}") from None

    def _check_host(self, knock: Knock) -> None:
        if not knock.name:
            raise Denied(421, "a request has to name this server once, in its Host header")
        if not self._is_ours(knock.name, knock):
            raise Denied(421, self._misdirected(knock, knock.name))
        for host in knock.forwarded_hosts:  # all of them: none may bring in a name that is not ours
            name = read_name(host)
            if not name or not self._is_ours(name, knock):
                shown = name.host if name else host[:80]
                raise Denied(
                    421,
                    f"the proxy passes on {shown}, which is not a name of this oscope: "
                    f"start it with --allow-host {shown} if the name is yours",
                )

    def _is_ours(self, name: Name, knock: Knock) -> bool:
        if is_loopback(name.host) or name.host in self.allowed_hosts:
            return True
        # Against a name made to point here stands this check; an address is no name. The one that was
        # connected to is ours, and where everybody needs the token any other may be a way to us.
        return name.host == knock.here or (name.is_literal and bool(self.token))

    def _misdirected(self, knock: Knock, name: Name) -> str:
        """Advice that is right where the visitor is: elsewhere, 127.0.0.1 is another machine."""
        host, here = name.host, not self._is_stranger(knock) and not knock.forwarded
        if name.is_literal and here:
            return (
                f"{host} is not an address of this oscope: open it as 127.0.0.1, "
                "or start it with --token, and who has the token may use any address"
            )
        if name.is_literal:
            return (
                f"{host} is not an address of this oscope: open it under the address that it printed when it "
                "started, or start it with --token, and who has the token may use any address"
            )
        if here:
            return (
                f"{host} is not a name of this oscope: open it as 127.0.0.1, "
                f"or start it with --allow-host {host} if the name is yours"
            )
        return (
            f"{host} is not a name of this oscope: open it under the address that it printed when it "
            f"started, or start it with --allow-host {host} if the name is yours"
        )

    def _check_origin(self, knock: Knock) -> None:
        """Browsers name the page that asks; programs need not."""
        if not knock.changes_something:
            return
        ours = [*knock.address.origins(), *(self.public.origins() if self.public else ())]
        origins = knock.all("origin")
        for origin in origins:
            if origin.lower() not in ours:
                raise Denied(403, self._foreign(origin, ours, knock))
        if not origins and any(site not in ("same-origin", "none") for site in knock.all("sec-fetch-site")):
            raise Denied(403, "only oscope's own pages may do this; this request came from another one")

    def _foreign(self, origin: str, ours: Collection[str], knock: Knock) -> str:
        """Which two addresses differ, and what to set where both are meant to be oscope's."""
        shown = origin[:80] or "a page without a name"
        scheme = origin.partition(":")[0].lower()
        place = min(ours, key=lambda own: own.partition(":")[0] != scheme)
        if self.proxy:
            return (
                f"only oscope's own pages may do this; this request came from {shown}, "
                f"and oscope is at {place}; if that is one place, let the proxy send X-Forwarded-Host and "
                "X-Forwarded-Proto, or start oscope with --url"
            )
        if knock.forwarded:
            return (
                f"only oscope's own pages may do this; this request came from {shown}, "
                f"and oscope is at {place}; if a proxy stands between them, start it with --proxy"
            )
        return (
            f"only oscope's own pages may do this; this request came from {shown}, and oscope is at {place}"
        )

    def _brings_token(self, knock: Knock) -> Role | None:
        """The role that the address opens, as the addresses do that oscope prints."""
        if knock.socket or knock.method not in SAFE:
            return None
        given = [value for name, value in knock.query if name == "token"]
        return next((role for role, token in self.tokens.items() if any(same(g, token) for g in given)), None)

    def _welcome(self, knock: Knock, role: Role) -> dict[str, str]:
        """To the same page without the token in its address, where others could read it."""
        query = urlencode([(name, value) for name, value in knock.query if name != "token"])
        place = knock.address.prefix + addresses.location(knock.path, query)
        answer = {"location": place, "cache-control": "no-store"}
        if role == self._remembered(knock) or self._remembered(knock) == "presenter":
            return answer  # the presenter who tries the viewers' address stays the presenter
        cookie = f"{knock.cookie}={self._sessions[role]}; Path=/; HttpOnly; SameSite=Lax"
        return answer | {"set-cookie": placed_cookie(cookie, knock.address)}

    def _role_of(self, knock: Knock) -> Role:
        if not self.token:
            if not self._is_stranger(knock):
                return "presenter"
            raise Denied(
                401, "this oscope answers its own machine only; start it with --token to let others in"
            )
        kind, _, given = (knock.header("authorization") or "").partition(" ")
        for role, token in self.tokens.items():
            if kind.lower() == "bearer" and same(given.strip(), token):
                return role
        if remembered := self._remembered(knock):
            return remembered
        raise Denied(
            401,
            "this oscope asks for its token: open the address that it printed when it started, "
            "or send the token as 'Authorization: Bearer …'",
        )

    def _remembered(self, knock: Knock) -> Role | None:
        """The role of the cookie that it brings, if any."""
        given = cookie_parser(knock.header("cookie") or "").get(knock.cookie, "")
        return next((role for role, session in self._sessions.items() if same(given, session)), None)

    def _is_stranger(self, knock: Knock) -> bool:
        """Whether somebody else's machine asks, as far as can be seen."""
        if knock.forwarded and not self.proxy:
            return True
        return knock.client is not None and not is_loopback(knock.client)


def same(given: str, secret: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def session_of(token: str) -> str:
    return hmac.new(token.encode(), b"oscope session", hashlib.sha256).hexdigest()


def check_role(knock: Knock, role: Role) -> None:
    """A viewer looks on; a socket changes nothing either."""
    if role == "viewer" and not knock.socket and knock.method not in SAFE:
        raise Denied(403, "you are watching: only the presenter starts, changes and deletes")


def check_type(knock: Knock) -> None:
    """What a foreign page can send without asking the browser first is refused where programs talk."""
    if knock.method in SAFE or not knock.has_body:
        return
    wanted = "application/json" if knock.for_programs else FORM
    given = (knock.header("content-type") or "").partition(";")[0].strip().lower()
    if given != wanted:
        raise Denied(415, f"this address takes {wanted}, not {given or 'a body without a Content-Type'}")


async def with_whole_body(knock: Knock, receive: Receive) -> Receive:
    """Read the body, which is small, and hand it on in one piece; Denied where it is not small."""
    if knock.socket or not knock.has_body:
        return receive
    most = IMPORT_B if knock.path == IMPORT else BODY_B
    length = knock.header("content-length") or "0"
    if not length.isdecimal() or int(length) > most:
        raise Denied(413, too_large(most))
    if knock.path == IMPORT:
        return counted(receive, most)
    try:
        async with asyncio.timeout(BODY_S):
            messages = [await read_body(receive)]
    except TimeoutError:
        raise Denied(408, f"the rest of the request did not come within {BODY_S:.0f} s") from None

    async def receive_whole() -> Message:
        return messages.pop() if messages else await receive()

    return receive_whole


async def read_body(receive: Receive) -> Message:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        body += message.get("body", b"")
        if len(body) > BODY_B:
            raise Denied(413, too_large(BODY_B))
        if not message.get("more_body", False):
            return {"type": "http.request", "body": bytes(body), "more_body": False}


def counted(receive: Receive, most: int) -> Receive:
    """Hand a large body on as it comes, and stop it where it says more than it may."""
    passed = 0

    async def receive_counted() -> Message:
        nonlocal passed
        message = await receive()
        passed += len(message.get("body", b""))
        if passed > most:
            raise HTTPException(413, too_large(most))  # the app is reading by now: it answers
        return message

    return receive_counted


def too_large(most: int) -> str:
    if most == IMPORT_B:
        return f"a file to import may have {IMPORT_B // 2**20} MB"
    return f"a request may carry {most // 1024} kB"


def with_headers(send: Send, knock: Knock) -> Send:
    """What the app answers, with the headers that keep browsers careful. The app's own ones stay.

    The app speaks of its own paths; here they become what the visitor's browser can follow.
    """
    wanted = HEADERS | ({"cache-control": "no-store"} if knock.for_programs else {})

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, placed(name.lower(), value, knock)) for name, value in message.get("headers", [])
            ]
            known = {name.lower() for name, _ in headers}
            headers += [(n, v) for n, v in encoded(wanted.items()) if n not in known]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_headers


def placed(name: bytes, value: bytes, knock: Knock) -> bytes:
    """The value of a header that leads to a page of ours, or is kept for our pages."""
    text = value.decode("latin-1")
    if name == b"location":
        return placed_location(text, knock).encode("latin-1")
    if name == b"set-cookie":
        return placed_cookie(text, knock.address).encode("latin-1")
    return value


def placed_location(location: str, knock: Knock) -> str:
    """A redirect of the app, under the prefix; the framework's own ones name the host as we were told it."""
    own = location.removeprefix(f"{knock.scheme}://{knock.header('host')}")
    prefix = knock.address.prefix
    if not own.startswith("/") or (prefix and own.startswith(f"{prefix}/")):
        return own
    return f"{prefix}/{own.lstrip('/')}"  # not //host, which leads elsewhere


def placed_cookie(cookie: str, address: Address) -> str:
    """For our pages only, and sent by https only where they come by it."""
    pairs = [f"Path={address.prefix or '/'}" if p.lower() == "path=/" else p for p in cookie.split("; ")]
    return "; ".join([*pairs, "Secure"] if address.scheme == "https" and "Secure" not in pairs else pairs)


async def deny(send: Send, knock: Knock, denied: Denied, words: Words = ENGLISH) -> None:
    """A refusal in the words of who asked: JSON for programs, a small page for people."""
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    body = refusal(denied, words).encode()
    if knock.for_programs:
        headers["content-type"] = "application/json"
        body = to_json({"detail": words(str(denied))})
    if denied.status == 401:
        headers["www-authenticate"] = "Bearer"
    await respond(send, knock, denied.status, body, headers)


def refusal(denied: Denied, t: Words) -> str:
    return PAGE.format(
        language=TAGS[t.language],
        status=denied.status,
        title=html.escape(t("oscope cannot let this through"), quote=False),
        detail=html.escape(t(str(denied)) + t(".")),
    )


async def respond(send: Send, knock: Knock, status: int, body: bytes, headers: dict[str, str]) -> None:
    """An answer of the guard itself; to a socket it is the answer to its handshake."""
    kind = "websocket.http.response" if knock.socket else "http.response"
    given = encoded((HEADERS | headers | {"content-length": str(len(body))}).items())
    await send({"type": f"{kind}.start", "status": status, "headers": given})
    await send({"type": f"{kind}.body", "body": b"" if knock.method == "HEAD" else body})
    await asyncio.sleep(0)  # uvicorn logs an error where the app returns before a refused socket is gone


def encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]
