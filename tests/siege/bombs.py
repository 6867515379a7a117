"""Files that are no runs, or too much of one: what the server answers, and what it weighs meanwhile."""

import gzip
import json
import time
from collections.abc import Callable

import httpx

from tests.served import Served
from tests.siege.ground import answer_s, ground, report, resident_mb

MB = 1 << 20
BOMBS: dict[str, Callable[[], bytes]] = {
    "nested a million deep": lambda: b"[" * 1_000_000,
    "nested objects": lambda: b'{"a":' * 400_000 + b"1" + b"}" * 400_000,
    "a number of a million digits": lambda: b'{"oscope": ' + b"9" * 1_000_000 + b"}",
    "a number too large": lambda: b'{"oscope": "0.1.0", "format": 1e999}',
    "nan": lambda: b'{"oscope": NaN}',
    "the same member twice": lambda: b'{"oscope": "0.1.0", "oscope": "0.1.0"}',
    "a million members": lambda: json.dumps({str(n): n for n in range(300_000)}).encode(),
    "60 MB of brackets": lambda: b"[" + b"[]," * (20 * MB) + b"[]]",
    "60 MB of one text": lambda: b'{"a": "' + b"x" * (60 * MB) + b'"}',
    "60 MB of numbers": lambda: b"[" + b"1," * (30 * MB) + b"1]",
    "65 MB of blanks": lambda: b" " * (65 * MB),
    "a gzip bomb": lambda: gzip.compress(bytes(50 * MB)),
    "nul bytes": lambda: bytes(MB),
    "not utf-8": lambda: b'{"a": "\xff\xfe"}',
    "lone surrogates": lambda: b'{"oscope": "\\ud800"}',
    "hostile names": lambda: json.dumps({"../../etc/passwd": 1, "__class__": 2, "\u202e": 3}).encode(),
    "nothing": lambda: b"",
}


def besiege(served: Served, *kinds: str) -> dict[str, object]:
    """Every one is refused with a sentence, and the server answers meanwhile and afterwards."""
    before = resident_mb(served.process.pid)
    figures: dict[str, object] = {"resident before, MB": before}
    for kind in kinds or BOMBS:
        begun = time.monotonic()
        answer = httpx.post(
            f"{served.url}/api/runs/import",
            content=BOMBS[kind](),
            headers={"origin": served.url, "content-type": "application/json"},
            timeout=120,
        )
        figures[kind] = (
            f"{answer.status_code} in {time.monotonic() - begun:.2f} s: {answer.json()['detail'][:80]}"
        )
    figures["resident afterwards, MB"] = resident_mb(served.process.pid)
    figures["answer afterwards, s"] = answer_s(served)
    return figures


if __name__ == "__main__":
    with ground() as own:
        report(besiege(own))
