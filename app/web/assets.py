"""The files a page asks for: our own from `static/`, Plotly from its installed wheel.

Our files live under a version that is a hash of them all (`/static/<version>/css/app.css`), so a
browser keeps them for ever and still sees every edit: the hash is taken anew when a file changed.
Modules import each other by relative paths and so inherit the version. Text travels compressed;
Plotly (4.8 MB) is compressed once and kept in the cache folder of the platform.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.ground import addresses, paths
from app.ground.files import write_whole

FOR_EVER = "public, max-age=31536000, immutable"
PLOTLY_VERSION = metadata.version("plotly")
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".map": "application/json"}


@dataclass(frozen=True)
class Asset:
    """One file in memory, plain and compressed."""

    path: str
    content: bytes

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.content, 9, mtime=0)

    @property
    def media_type(self) -> str:
        suffix = Path(self.path).suffix
        return TYPES.get(suffix) or mimetypes.guess_type(self.path)[0] or "application/octet-stream"


class Assets:
    """All static files, their common version, and the routes that serve them."""

    def __init__(self, cache: Path | None, root: Path | None = None) -> None:
        self.cache = cache
        self.root = root or paths.resource("static")
        self.plotly_url = f"/static/plotly-{PLOTLY_VERSION}.min.js"
        self._seen: dict[Path, tuple[int, int]] = {}
        self._files: dict[str, Asset] = {}
        self._version = ""
        self._compressing = threading.Lock()
        self._read()

    def url(self, path: str) -> str:
        return addresses.to(f"/static/{self._version}/{path}")

    def refresh(self) -> None:
        """Notice edits. A file that vanishes meanwhile is an editor saving; the next page sees its edit."""
        with suppress(OSError):
            self._read()

    def _read(self) -> None:
        seen = {path: stamp(path) for path in sorted(self.root.rglob("*")) if path.is_file()}
        if seen == self._seen:
            return
        files = [(path.relative_to(self.root).as_posix(), path.read_bytes()) for path in seen]
        self._files = {name: Asset(name, content) for name, content in files}
        self._version = digest(files)
        self._seen = seen

    def routes(self) -> list[Route]:
        return [
            Route(self.plotly_url, self.serve_plotly),
            Route("/static/{version}/{path:path}", self.serve),
            Route("/favicon.ico", self.serve_favicon),
        ]

    async def serve(self, request: Request) -> Response:
        asset = self._files.get(request.path_params["path"])
        if asset is None:
            return PlainTextResponse("There is no such file.", 404)
        current = request.path_params["version"] == self._version
        # A page that outlived an update still asks under its old version: it gets what there is.
        return respond(asset, request, FOR_EVER if current else "no-cache")

    async def serve_favicon(self, request: Request) -> Response:
        return respond(self._files["favicon.svg"], request, "public, max-age=86400")

    def serve_plotly(self, request: Request) -> Response:
        """Not a coroutine: Starlette gives it a thread, and the first request compresses for 0.3 s."""
        headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
        packed = self.packed_plotly() if accepts_gzip(request) else None
        if packed is not None:
            headers["Content-Encoding"] = "gzip"
        return FileResponse(packed or paths.plotly(), media_type="text/javascript", headers=headers)

    def packed_plotly(self) -> Path | None:
        """The compressed copy, made if it is not there; None where no cache can be written."""
        if self.cache is None:
            return None
        packed = self.cache / f"plotly-{PLOTLY_VERSION}.min.js.gz"
        with self._compressing:
            if os.path.isfile(packed):  # also where the folder may not be entered
                return packed
            try:
                packed.parent.mkdir(parents=True, exist_ok=True)
                write_whole(packed, gzip.compress(paths.plotly().read_bytes(), 6, mtime=0))
            except OSError:
                return None
            return packed


def stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def digest(files: list[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, content in files:
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:12]


def accepts_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def respond(asset: Asset, request: Request, caching: str) -> Response:
    headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    packed = accepts_gzip(request)
    if packed:
        headers["Content-Encoding"] = "gzip"
    body = asset.compressed if packed else asset.content
    return Response(body, media_type=asset.media_type, headers=headers)
