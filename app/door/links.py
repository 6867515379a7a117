"""Under which address others reach this oscope, and that address as a code for their cameras."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Any

from app.ground import addresses
from app.ground.addresses import is_loopback
from app.ground.settings import Settings

EVERYWHERE = ("0.0.0.0", "::", "")


def shared(settings: Settings, path: str) -> str:
    """The link to a path for others, without the token; empty where nobody else reaches this server.

    The address under which somebody has come is one that works; the socket's own may be that of a
    container, which the network does not know.
    """
    if settings.url:
        return settings.url + path
    visited = addresses.visited()
    if visited.name and not is_loopback(visited.name.host):
        return visited.url(path)
    if settings.host not in EVERYWHERE and is_loopback(settings.host):
        return ""
    host = own_address() if settings.host in EVERYWHERE else settings.host
    return "" if is_loopback(host) else f"http://{in_url(host)}:{settings.port}{settings.prefix}{path}"


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def own_address() -> str:
    """The address under which the network knows this machine; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


@lru_cache(maxsize=256)  # a page is asked for often, its link never changes
def code(link: str) -> dict[str, Any]:
    """A QR code as an SVG path over `size` × `size` modules, without the quiet zone around it."""
    import segno  # only where there is a network to share on

    rows = segno.make_qr(link, error="m").matrix
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return {"size": len(rows), "path": path}
