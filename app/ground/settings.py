"""What can be set when oscope starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.ground import paths


@dataclass(frozen=True)
class Settings:
    """The command line's choices. A token is asked for wherever `token` is not empty."""

    data: Path = field(default_factory=lambda: paths.data_dir() or Path())
    cache: Path | None = field(default_factory=paths.cache_dir)
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    viewer_token: str = ""  # lets people watch and change nothing
    allowed_hosts: tuple[str, ...] = ()  # names beside the loopback ones that a request may ask for
    url: str = ""  # the address that others know oscope by, with its path; without a last slash
    prefix: str = ""  # the path that a proxy shows oscope under
    proxy: bool = False  # whether a reverse proxy in front of oscope is expected and trusted
    slots: int = 1  # runs measured at the same time: more than one disturb each other

    @property
    def shared(self) -> bool:
        """Whether others can reach it: they need a token then, and what a run may cost is less."""
        return bool(self.token)
