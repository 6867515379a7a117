"""The colours and fonts of both themes, read from the stylesheet that the pages use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from app.ground import paths

THEMES = ("light", "dark")
RULE = re.compile(r'^:root(\[data-theme="dark"\])?\s*\{(.*?)^\}', re.DOTALL | re.MULTILINE)
DECLARATION = re.compile(r"--([a-z0-9-]+):\s*(.*?);", re.DOTALL)
ROLE = re.compile(r"\$([a-z][a-z0-9-]*)(?:/([0-9.]+))?")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@cache
def themes() -> Mapping[str, Mapping[str, str]]:
    """Theme → token → value; dark has all that light has."""
    css = (paths.resource("static") / "css" / "tokens.css").read_text(encoding="utf-8")
    return read(css)


def read(css: str) -> dict[str, dict[str, str]]:
    """The two rules at the top of the stylesheet, without those inside media queries."""
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    for dark, body in RULE.findall(COMMENT.sub("", css)):
        found["dark" if dark else "light"] |= {
            name: " ".join(value.split()) for name, value in DECLARATION.findall(body)
        }
    return {"light": found["light"], "dark": found["light"] | found["dark"]}


def declarations(theme: str, names: re.Pattern[str] = re.compile("")) -> str:
    """The tokens of a theme as CSS declarations; of dark only what differs from light."""
    light = themes()["light"]
    own = {
        name: value
        for name, value in themes()[theme].items()
        if names.match(name) and (theme == "light" or light.get(name) != value)
    }
    return "".join(f"--{name}:{value};" for name, value in own.items())


def resolve(role: str, theme: str | None) -> tuple[str, float]:
    """`$st-ready/0.3` as a colour and an opacity: a value of the theme, or without one a CSS variable."""
    match = ROLE.fullmatch(role)
    if not match:
        return role, 1.0
    name, alpha = match[1], float(match[2] or 1)
    return (themes()[theme].get(name, "currentColor") if theme else f"var(--{name})"), alpha
