"""Builds the parts of the app and connects them; nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match, Route

from app import __version__
from app.bench.bench import Bench
from app.children.runner import Spare
from app.children.scratch import sweep_scratch
from app.door.guard import Guard
from app.door.heads import Heads
from app.door.language import Readers
from app.ground import addresses, paths
from app.ground.limits import ALONE, SHARED
from app.ground.settings import Settings
from app.live import machine_feed as scope
from app.live import process_feed as watch
from app.live import sockets
from app.live.topics import Hub
from app.storage.store import Store
from app.system import interpreters
from app.text import languages
from app.web import errors
from app.web.api import PARTS, schema
from app.web.assets import Assets
from app.web.pages import PAGES
from app.web.pages.base import error_page
from experiments.kit.spec import Experiment, load_all

log = logging.getLogger(__name__)

PACKED_FROM_B = 4096  # of an answer; smaller ones fit a few packets anyway
PACKED_LEVEL = 4  # 250 kB in 3 ms; higher ones cost more than they save


def create_app(settings: Settings) -> Guard:
    """The whole app behind its guard. StorageFailed and SpecError say why it cannot be."""
    app = build(settings)
    return Guard(
        Heads(Readers(app, app.state.words)),
        allowed_hosts=settings.allowed_hosts,
        token=settings.token,
        viewer_token=settings.viewer_token,
        proxy=settings.proxy,
        prefix=settings.prefix,
        public=addresses.read_url(settings.url) if settings.url else None,
        words=app.state.words,
    )


def build(settings: Settings) -> FastAPI:
    """The app itself: its parts, and where they meet."""
    experiments = load_all()
    with ExitStack() as undo:  # the history is let go where the rest cannot be
        store = undo.enter_context(closing(Store(paths.database(settings.data))))
        for alarm in store.alarms():
            log.warning(alarm)
        app = assemble(settings, experiments, store)
        undo.pop_all()
    return app


def assemble(settings: Settings, experiments: Mapping[str, Experiment], store: Store) -> FastAPI:
    hub = Hub()
    app = FastAPI(title="oscope", version=__version__, docs_url=None, redoc_url=None, lifespan=live)
    app.state.settings = settings
    app.state.started_at = time.time()
    app.state.assets = Assets(cache=settings.cache)
    app.state.store = store
    app.state.words = {name: languages.load(name, experiments) for name in languages.LANGUAGES}
    app.state.scope = scope.feed(hub)
    app.state.watch = watch.feed(hub)
    app.state.bench = Bench(
        experiments,
        store,
        hub,
        interpreters.find(),
        languages=app.state.words,
        slots=settings.slots,
        spare=Spare(),
        limits=SHARED if settings.shared else ALONE,
    )
    connect(app)
    app.add_middleware(GZipMiddleware, minimum_size=PACKED_FROM_B, compresslevel=PACKED_LEVEL)
    schema.document(app, experiments)
    return app


def connect(app: FastAPI) -> None:
    """Every address of the app, and what answers where something goes wrong."""
    for part in (*PARTS, *PAGES):
        app.include_router(part.router)
    app.router.routes.extend(app.state.assets.routes())
    app.router.routes.extend(sockets.routes(app.state.bench.views.topic, server=__version__))
    for error in (HTTPException, RequestValidationError, *errors.STATUS):
        app.add_exception_handler(error, explain)
    app.add_exception_handler(Exception, apologise)


@asynccontextmanager
async def live(app: FastAPI) -> AsyncIterator[None]:
    """From the clearing away of what a dead server left to the end of the last run."""
    try:
        await asyncio.to_thread(app.state.store.recover)
        await asyncio.to_thread(sweep_scratch)
        await app.state.bench.start()
        yield
    finally:
        await app.state.bench.close()
        app.state.scope.stop()
        app.state.watch.stop()
        await asyncio.to_thread(app.state.store.close)


async def explain(request: Request, error: Exception) -> Response:
    """What went wrong, in a sentence: JSON for programs, a page for people."""
    known = errors.as_http(error, request.url.path)
    if known.status_code == 405:
        known.headers = {"Allow": ", ".join(sorted(allowed(request)))}
    known.detail = languages.t(str(known.detail))
    if request.url.path.startswith("/api/"):
        return errors.answer(known)
    page = error_page(request, known.status_code, known.detail)
    page.headers.update(known.headers or {})
    return page


def allowed(request: Request) -> set[str]:
    """All methods of this address; the framework names those of the first handler alone."""
    routes = [route for part in (*PARTS, *PAGES) for route in part.router.routes if isinstance(route, Route)]
    here = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    exact = [route for route in here if route.path == request.url.path]  # not also that of any run
    methods = {method for route in exact or here for method in route.methods or ()} or {"GET"}
    return methods | ({"HEAD"} if "GET" in methods else set())


async def apologise(request: Request, error: Exception) -> Response:
    """A mistake of ours; the server logs its traceback."""
    return await explain(request, HTTPException(500, "oscope made a mistake; its log says which"))
