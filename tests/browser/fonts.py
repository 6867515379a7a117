"""Sets of fonts for the browser, so that no layout depends on the fonts of the machine that tests it.

A set is a folder of font files and a fontconfig file that knows nothing else: a machine that has only them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PLACES = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
HAN = ("wqy-microhei.ttc", "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf")
CONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/files</dir>
  <cachedir>{folder}/cache</cachedir>
{aliases}
</fontconfig>
"""
ALIAS = '  <alias binding="same"><family>{wanted}</family><prefer><family>{family}</family></prefer></alias>'


class Fonts(NamedTuple):
    """Files by their names, of which the first that is there is taken; the families of the generic names."""

    files: tuple[tuple[str, ...], ...]
    sans: str
    serif: str
    mono: str
    package: str


# What most Linux systems have, and one of the widest there is.
DEJAVU = Fonts(
    tuple((f"DejaVu{name}.ttf",) for name in ("Sans", "Sans-Bold", "Serif", "SansMono", "SansMono-Bold")),
    "DejaVu Sans",
    "DejaVu Serif",
    "DejaVu Sans Mono",
    "fonts-dejavu-core",
)
# Only its bold cut: everything is a tenth wider still.
BOLD = DEJAVU._replace(
    files=(("DejaVuSans-Bold.ttf",), ("DejaVuSerif-Bold.ttf",), ("DejaVuSansMono-Bold.ttf",))
)
NARROW = Fonts(
    (("NimbusSansNarrow-Regular.otf",), ("NimbusSansNarrow-Bold.otf",)),
    *["Nimbus Sans Narrow"] * 3,
    "fonts-urw-base35",
)
SETS = {"DejaVu": DEJAVU, "only bold": BOLD, "narrow": NARROW}


def fontconfig(name: str, folder: Path) -> dict[str, str]:
    """The environment of a browser that knows this set; skips aloud where a font is missing."""
    fonts = SETS[name]
    (folder / "files").mkdir(parents=True)
    for names in (*fonts.files, HAN):
        found = next(filter(None, map(find_font, names)), None)
        if found is None:
            package = "fonts-wqy-microhei" if names is HAN else fonts.package
            miss(f"the font {names[0]} is not on this machine; install the package `{package}`")
        (folder / "files" / found.name).symlink_to(found)
    # Also by the first name of each list in tokens.css: what comes later there is the font for Chinese.
    families = {"sans-serif": fonts.sans, "system-ui": fonts.sans, "Inter": fonts.sans}
    families |= {"serif": fonts.serif, "Iowan Old Style": fonts.serif}
    families |= {"monospace": fonts.mono, "JetBrains Mono": fonts.mono}
    aliases = "\n".join(ALIAS.format(wanted=wanted, family=family) for wanted, family in families.items())
    (folder / "fonts.conf").write_text(CONFIG.format(folder=folder, aliases=aliases))
    return {"FONTCONFIG_FILE": str(folder / "fonts.conf")}


def find_font(name: str) -> Path | None:
    return next(every_file(name), None)


def every_file(name: str) -> Iterator[Path]:
    for place in PLACES:
        yield from Path(place).expanduser().rglob(name)


def miss(message: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
