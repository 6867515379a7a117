"""Which language a request is answered in: what its reader chose here, or what their browser asks for."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.ground import addresses
from app.text.languages import COOKIE, LANGUAGES, Words, preferred, speaking

YEAR_S = 365 * 24 * 3600


class Readers:
    """Wraps the app. `?lang=zh` at any page chooses a language for good, and leaves the address."""

    def __init__(self, app: ASGIApp, words: Mapping[str, Words]) -> None:
        self.app = app
        self.words = words

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if answer := chosen(scope):
            await answer(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        with speaking(self.words[preferred(cookie, headers.get("accept-language", ""))]):
            await self.app(scope, receive, send)


def chosen(scope: Scope) -> Response | None:
    """To the same page in the language that its address names, if it names one."""
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    wish = dict(query).get("lang", "")
    if scope["method"] not in ("GET", "HEAD") or wish not in LANGUAGES or scope["path"].startswith("/api/"):
        return None
    rest = urlencode([(name, value) for name, value in query if name != "lang"])
    response = Response(status_code=303, headers={"location": addresses.location(scope["path"], rest)})
    response.set_cookie(COOKIE, wish, max_age=YEAR_S, samesite="lax")
    return response
