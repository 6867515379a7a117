"""Words are looked for in folded texts: without case, and with full-width forms as plain ones."""

from __future__ import annotations

import unicodedata

LONGEST_SEARCH = 200  # characters that are looked for; more would be no help


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def words_of(q: str) -> list[str]:
    """What is looked for: each of these, folded, has to occur."""
    return list(dict.fromkeys(fold(q[:LONGEST_SEARCH]).split()))
