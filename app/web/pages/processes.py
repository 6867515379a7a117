"""The pages /processes: all of them, and one from inside. They read; nothing here can change a process."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from markupsafe import Markup

from app.ground.addresses import is_forwarded, is_loopback
from app.ground.whole import Whole
from app.svg import embedded
from app.system import anatomy
from app.system.anatomy import Anatomy, NoProcess
from app.system.census import Census
from app.text import languages
from app.text.values import size_of
from app.web.pages.base import is_watching, render

router = APIRouter(include_in_schema=False)

WIDTH = 460  # pixels of the drawing

PRIVATE = ("command line", "working folder", "program")  # may hold secrets; shown on this machine only


@router.api_route("/processes", methods=["GET", "HEAD"])
async def show_all(request: Request) -> Response:
    """As they are now; what needs two looks comes with the live list."""
    rows = await asyncio.to_thread(Census().sample)
    return render(request, "processes.html", here="processes", rows=rows, users=users(rows))


@router.api_route("/processes/{pid}", methods=["GET", "HEAD"])
async def show_one(request: Request, pid: Whole) -> Response:
    """Its control block, threads, address space, descriptors and family."""
    return render(request, "process.html", here="processes", **await told(request, pid))


@router.get("/processes/{pid}/parts")
async def show_parts(request: Request, pid: Whole) -> Response:
    """What the page swaps in while somebody looks."""
    return render(request, "_process.html", **await told(request, pid))


async def told(request: Request, pid: int) -> dict[str, Any]:
    try:
        found = await asyncio.to_thread(anatomy.examine, pid)
    except NoProcess as why:
        raise HTTPException(404, str(why)) from None
    return {"one": found, "private": PRIVATE, "here_only": is_here(request), "drawn": drawing_of(found)}


def drawing_of(found: Anatomy) -> Markup:
    """Its address space; empty where there is none to see."""
    parts = [(group.kind, group.size_b, group.resident_b) for group in found.spaces or ()]
    title = languages.t("Address space")
    summary = ", ".join(f"{languages.t(kind)} {size_of(size_b)}" for kind, size_b, _ in parts)
    figure = {"id": "space", "kind": "space", "title": title, "summary": summary, "layout": {}}
    label = languages.t("low addresses at the bottom")
    whole = figure | {"data": [{"id": "now", "label": label, "parts": parts}] if parts else []}
    return Markup(embedded(whole, WIDTH, alone=True))


def is_here(request: Request) -> bool:
    """Whether the page is looked at on this machine; behind a proxy nobody knows. Viewers count as others."""
    if is_watching(request) or request.app.state.settings.proxy or is_forwarded(request.headers):
        return False
    return bool(request.client and is_loopback(request.client.host))


def users(rows: list[Any]) -> dict[int, str]:
    known = {row.uid for row in rows if row.uid is not None}
    return {uid: anatomy.user_name(uid).partition(" ")[0] for uid in known}
