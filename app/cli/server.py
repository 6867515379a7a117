"""Puts the app on the network: one address, one worker, a quick end."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import socket
import webbrowser
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

import click
import uvicorn

from app.cli import streams
from app.door import links
from app.door.protocols import Connections
from app.door.visits import Listener, Visits
from app.ground.addresses import is_loopback
from app.ground.descriptors import limit_before, raise_limit
from app.ground.repeats import Repeats
from app.ground.settings import Settings
from app.live import sockets
from app.main import create_app
from app.storage.errors import StorageFailed
from experiments.kit.spec import SpecError

UNGUARDED = "whoever gets through the proxy may start runs: give --token, unless the proxy asks who they are"
FAREWELL_S = 1  # for requests that are still answered when the server ends


class CannotServe(Exception):
    """The address, the history or an experiment does not allow it; the message is a sentence."""


class Server(uvicorn.Server):
    """Says where it is once it answers."""

    def __init__(self, config: uvicorn.Config, visits: Visits, settings: Settings, browse: bool) -> None:
        super().__init__(config)
        self.server_state = Connections(visits)
        self.url = address(settings)
        self.local = local_address(settings)
        self.unguarded = settings.proxy and not settings.token
        viewers = replace(settings, token=settings.viewer_token)
        self.watching = address(viewers) if viewers.token else ""
        self.browse = browse

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        said = f"oscope is at {self.url}  (Ctrl-C ends it)"
        if self.watching:
            said += f"\nothers may watch at {self.watching}"
        if self.unguarded:
            click.echo(UNGUARDED, err=True)
        try:
            click.echo(said)
        except streams.StdoutFailed:  # nobody reads it there: no reason not to serve
            streams.silence()
            click.echo(said, err=True)
        if self.browse:
            await asyncio.to_thread(open_browser, self.local)


def open_browser(url: str) -> None:
    with limit_before():
        webbrowser.open(url)


def serve(settings: Settings, browse: bool) -> None:
    """Serve until somebody ends it."""
    start_log()
    raise_limit()
    settings = with_own_name(with_token(settings))
    listener = listen(settings.host, settings.port)
    settings = replace(settings, port=listener.getsockname()[1])
    with listener:
        run(listener, settings, browse)


def run(listener: Listener, settings: Settings, browse: bool) -> None:
    try:
        app = create_app(settings)
    except (StorageFailed, SpecError) as error:
        raise CannotServe(str(error)) from error
    config = uvicorn.Config(
        app,
        log_config=None,  # its lines go where ours go
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=FAREWELL_S,
        **sockets.UVICORN,
    )
    with suppress(KeyboardInterrupt):
        Server(config, listener.visits, settings, browse).run(sockets=[listener])


def start_log() -> None:
    """To stderr, where a line that is repeated comes once a second."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Repeats())


def with_token(settings: Settings) -> Settings:
    """Where others can reach it, nobody comes in without a token; another one lets people watch."""
    if not settings.token and is_loopback(settings.host):
        return settings
    token = settings.token or secrets.token_urlsafe(24)
    return replace(settings, token=token, viewer_token=settings.viewer_token or secrets.token_urlsafe(12))


def with_own_name(settings: Settings) -> Settings:
    """Who listens under a name may be asked for by it."""
    names = () if settings.host in links.EVERYWHERE else (settings.host.partition("%")[0],)
    return replace(settings, allowed_hosts=(*settings.allowed_hosts, *names))


def listen(host: str, port: int) -> Listener:
    """A socket bound to the address; CannotServe says why there is none."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = Listener(family, kind, protocol, visits=Visits())
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            sockets.forget_the_stalled(listener)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotServe(why_not(host, port, error)) from error
    return listener


def why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; choose another with --port, or --port 0 for any free one"
    if error.errno == errno.EACCES:
        return f"port {port} is for the administrator; choose one above 1023 with --port"
    return f"oscope cannot listen on {host}, port {port}: {error.strerror}"


def address(settings: Settings) -> str:
    """The URL to open; with the token, so that it opens the door."""
    return f"{settings.url}/{token_query(settings)}" if settings.url else local_address(settings)


def local_address(settings: Settings) -> str:
    """The URL that this machine can open, whatever stands between it and others."""
    host = links.in_url(links.own_address() if settings.host in links.EVERYWHERE else settings.host)
    return f"http://{host}:{settings.port}{settings.prefix}/{token_query(settings)}"


def token_query(settings: Settings) -> str:
    return f"?token={quote(settings.token, safe='')}" if settings.token else ""
