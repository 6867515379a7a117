"""Under which address a visitor reaches oscope: what a request says, and what proxies say of it. Pure.

A proxy changes what arrives here: the Host header, the scheme, the port, the path. It can pass on what
the visitor asked for: X-Forwarded-Host, -Proto, -Port and -Prefix, or Forwarded (RFC 7239). Each proxy
appends to these lists, so the first value is what the visitor's browser knows.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

NAME = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
PAIR = re.compile(
    r"\s*(?P<name>[\w!#$%&'*+.^`|~-]+)=(?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*)\s*(?P<end>[;,]|$)"
)
SEGMENT = re.compile(
    r"(?:[A-Za-z0-9._~!$&'()*+=:@-]|%[0-9A-Fa-f]{2})+"
)  # no ; and no comma: they end a value
PORTS = {"http": 80, "https": 443}
SCHEMES = {
    "http": "http",
    "https": "https",
    "ws": "http",
    "wss": "https",
}  # a proxy may name that of a socket
# What the paths of oscope's own pages begin with; a prefix that did so too could not be told from them.
OWN = frozenset(
    {
        *("api", "compare", "experiments", "favicon.ico", "openapi.json"),
        *("processes", "routes", "runs", "static", "ws"),
    }
)


class Misaddressed(ValueError):
    """What was given is no address; the message is a sentence."""


@dataclass(frozen=True)
class Name:
    """A host with its port, as in a Host header; `text` is the host as it was written there."""

    text: str
    port: int | None = None

    @property
    def host(self) -> str:
        return self.text.strip("[]").rstrip(".")

    @property
    def is_literal(self) -> bool:
        """Whether it is the address of one machine. A browser looks no name up for it, so nobody can make
        a name of theirs point here (DNS rebinding). "127.1" and "0x7f.1" are not: they count as names."""
        address = read_ip(self.text.strip("[]"))
        return address is not None and not (address.is_unspecified or address.is_multicast)


@dataclass(frozen=True)
class Address:
    """Where oscope is for a visitor. `scheme` is empty where a proxy does not tell it."""

    scheme: str = "http"
    name: Name | None = None
    prefix: str = ""  # begins with a slash and does not end with one; empty at the root

    def origins(self) -> list[str]:
        """What a browser may call it in an Origin header: without a port where it is the scheme's own."""
        return [origin(scheme, self.name) for scheme in self._schemes() if self.name]

    def url(self, path: str) -> str:
        assert self.name
        return f"{origin(self._schemes()[0], self.name)}{self.prefix}{path}"

    def _schemes(self) -> Sequence[str]:
        return [self.scheme] if self.scheme else [*PORTS]


@dataclass(frozen=True)
class Forwarded:
    """What proxies say that the visitor asked for; empty where they say nothing."""

    hosts: tuple[str, ...] = ()
    scheme: str = ""
    port: int | None = None
    prefix: str = ""


def origin(scheme: str, name: Name) -> str:
    port = "" if name.port in (None, PORTS[scheme]) else f":{name.port}"
    return f"{scheme}://{name.text}{port}"


def read_name(text: str) -> Name | None:
    """A host and maybe a port; None where the text is neither a name nor an address."""
    match = NAME.fullmatch(text.strip().lower())
    if not match or int(match["port"] or 0) > 65535:
        return None
    name = match["name"]
    bracketed = name.startswith("[")
    if bracketed != (":" in name) or not name.strip("."):  # IPv6 is in brackets, and nothing else is
        return None
    return Name(name, int(match["port"]) if match["port"] else None)


def read_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as RFC 4291 and the four plain numbers of IPv4 write it; no shorter or other spelling."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = read_ip(host)
    return address is not None and address.is_loopback


def read_allowed(text: str) -> str:
    """A host as somebody types it, as requests name it: lower case, ASCII, without a port."""
    plain = text.strip()
    name = read_name(f"[{plain}]" if ":" in plain and read_ip(plain) else as_ascii(plain))
    if name is None:
        raise Misaddressed(f"{text!r} is no name of a server; it looks like lab.example or 192.168.1.20")
    return name.host


# -- what is given at the start ---------------------------------------------------------------


def read_prefix(text: str) -> str:
    """A path under which a proxy shows oscope, without its last slash; Misaddressed says what it is not."""
    path = text.strip().rstrip("/")
    if not path:
        return ""
    if not path.startswith("/"):
        raise Misaddressed(f"{text!r} does not begin with a slash; a prefix looks like /tools/oscope")
    path = quote(path, safe="/%;,?#\\!$&'()*+=:@~")
    segments = path[1:].split("/")
    for segment in segments:
        plain = unquote(segment)
        if not SEGMENT.fullmatch(segment) or plain in (".", "..") or "/" in plain or not plain.isprintable():
            raise Misaddressed(f"{text!r} is no path of plain names; a prefix looks like /tools/oscope")
    if segments[0] in OWN:
        raise Misaddressed(
            f"{text!r} begins like a page of oscope itself (/{segments[0]}); choose another prefix"
        )
    return path


def read_url(text: str) -> Address:
    """The address that oscope is known by; Misaddressed says what is wrong with it."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:  # a bracket too few
        parts = urlsplit("")
    name = read_name(as_ascii(parts.netloc))
    if parts.scheme not in PORTS or name is None or parts.query or parts.fragment:
        raise Misaddressed(
            f"{text!r} is no address of a server; it looks like https://lab.example or https://lab.example/tools"
        )
    return Address(parts.scheme, name, read_prefix(parts.path))


def as_ascii(netloc: str) -> str:
    try:
        return netloc if netloc.isascii() else netloc.encode("idna").decode()
    except UnicodeError:
        return ""


# -- what proxies say -------------------------------------------------------------------------


def read_forwarded(headers: Mapping[str, Sequence[str]]) -> Forwarded:
    """By lower-case names, each with all its values. What X-Forwarded-… says goes over Forwarded, because
    proxies that do not know Forwarded hand on what a visitor made up. Misaddressed where it is no sense."""
    elements = read_elements(",".join(headers.get("forwarded", ())))
    hosts = listed(headers, "x-forwarded-host") or [e["host"] for e in elements if "host" in e]
    schemes = listed(headers, "x-forwarded-proto") or [e["proto"] for e in elements if "proto" in e]
    return Forwarded(
        tuple(hosts),
        read_scheme(schemes[0]) if schemes else "",
        next(map(read_port, listed(headers, "x-forwarded-port")), None),
        "".join(read_forwarded_prefix(prefix) for prefix in listed(headers, "x-forwarded-prefix")),
    )


def is_forwarded(names: Iterable[str]) -> bool:
    """Whether a request with headers of these names was passed on by a proxy."""
    return any(name in ("forwarded", "x-real-ip") or name.startswith("x-forwarded-") for name in names)


def listed(headers: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """The values of a header that is a list, whether they come in one line or in several."""
    return [value for line in headers.get(name, ()) for part in line.split(",") if (value := part.strip())]


def read_elements(text: str) -> list[dict[str, str]]:
    """The hops of a Forwarded header, as in `for=192.0.2.7;proto=https;host="lab.example:8443", for=…`.

    One that is not as RFC 7239 has it says nothing.
    """
    elements: list[dict[str, str]] = [{}]
    place = 0
    while place < len(text.rstrip()):
        pair = PAIR.match(text, place)
        if not pair or pair["name"].lower() in elements[-1]:
            return []
        elements[-1][pair["name"].lower()] = re.sub(r"\\(.)", r"\1", pair["value"].strip('"'))
        if pair["end"] == ",":
            elements.append({})
        place = pair.end()
    return elements


def read_scheme(text: str) -> str:
    scheme = SCHEMES.get(text.lower())
    if scheme is None:
        raise Misaddressed(f"X-Forwarded-Proto: {text[:80]!r} is neither http nor https")
    return scheme


def read_port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:6]) < 65536:
        raise Misaddressed(f"X-Forwarded-Port: {text[:80]!r} is no port")
    return int(text)


def read_forwarded_prefix(text: str) -> str:
    try:
        return read_prefix(text[:400])
    except Misaddressed as error:
        raise Misaddressed(f"X-Forwarded-Prefix: {error}") from None


def with_port(name: Name, scheme: str, port: int | None) -> Name:
    """A name that carries no port, with the one that a proxy tells. A proxy behind one that speaks https
    tells its own port 80, which is not where the visitor went."""
    if name.port is not None or port is None or (scheme == "https" and port == PORTS["http"]):
        return name
    return Name(name.text, port)


def below(prefix: str, path: str) -> str:
    """A path as oscope knows it, whether a proxy has taken the prefix off or left it on."""
    taken = unquote(prefix)
    if taken and (path == taken or path.startswith(f"{taken}/")):
        return path[len(taken) :] or "/"
    return path


def location(path: str, query: str) -> str:
    """A path of oscope's own as a redirect names it: with one slash, for `//host` leads elsewhere."""
    quoted = "/" + quote(path.lstrip("/"))
    return f"{quoted}?{query}" if query else quoted


# -- who asks ---------------------------------------------------------------------------------

ROOT = Address()
_visited: ContextVar[Address] = ContextVar("address", default=ROOT)


def visited() -> Address:
    """Where oscope is for who asks now (see `visiting`)."""
    return _visited.get()


@contextmanager
def visiting(address: Address) -> Iterator[None]:
    """What is answered in here is answered to somebody who sees oscope there."""
    token = _visited.set(address)
    try:
        yield
    finally:
        _visited.reset(token)


def to(path: str) -> str:
    """The link to a path of ours, as the browser of who asks needs it."""
    return visited().prefix + path
