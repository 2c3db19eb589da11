"""Is there a text at all, and does the text column look like one."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SHOWN = 5
_FEW_TEXTS = 10
_LOOKED_AT = 5000
_NEARLY_ALL = 0.9
_LETTER = re.compile(r"[^\W\d_]")
_PLACEHOLDERS = frozenset(
    (
        *("nan", "<na>", "#n/a", "n/a", "null", "<null>", "none", "nil", "no text"),
        *("[deleted]", "[removed]", "[deleted by user]", "[removed by reddit]"),
        *("[blank]", "(blank)", "[empty]", "(empty)", "[no text]", "(no text)"),
    )
)
_WORDLESS = re.compile(r"[\W_]*")
_SYMBOLS = re.compile("[\u2190-\u2bff\u3200-\u33ff\U0001f000-\U0001faff]")


def says_something(text: str) -> bool:
    """Tell whether there is anything in a text that a label could be about.

    There is not where it is empty or holds white space and punctuation only, and where it is what
    other tools write for a missing text ("NaN", "N/A", "[deleted]"). An emoji says something.
    """
    if _WORDLESS.fullmatch(text):
        return _SYMBOLS.search(text) is not None
    return text.strip().casefold() not in _PLACEHOLDERS


def no_prose_warning(texts: Sequence[str], where: str) -> list[str]:
    """Warn where nearly all texts are numbers, dates or ids.

    Args:
        texts: (N,) texts.
        where: file and column, for messages.
    """
    said = [text.strip() for text in texts[:_LOOKED_AT] if says_something(text)]
    odd = [text for text in said if not _LETTER.search(text) or _is_id(text)]
    if len(said) < _FEW_TEXTS or len(odd) < _NEARLY_ALL * len(said):
        return []
    return [
        f"{where}: the texts are numbers, dates or ids such as {odd[0][:40]!r}; if this is not "
        "the text column, name another with --text-column"
    ]


def _is_id(text: str) -> bool:
    return len(text.split()) == 1 and text.isascii() and any(map(str.isdigit, text))


class EmptyTexts:
    """Counts texts that say nothing, block by block."""

    def __init__(self) -> None:
        self._n_rows = 0
        self._n_empty = 0
        self._rows: list[str] = []

    def add(self, texts: Sequence[str]) -> None:
        """Take the texts of the next rows."""
        for row, text in enumerate(texts, self._n_rows + 1):
            if not says_something(text):
                self._n_empty += 1
                if len(self._rows) < _SHOWN:
                    self._rows.append(str(row))
        self._n_rows += len(texts)

    def warnings(self, where: str) -> list[str]:
        """Return what to say of them; ``where`` is file and column."""
        if not self._n_empty:
            return []
        more = ", ..." if self._n_empty > _SHOWN else ""
        noun = "row has" if self._n_empty == 1 else "rows have"
        return [
            f"{where}: {self._n_empty:,} {noun} no text ({', '.join(self._rows)}{more}); kept as "
            "they are, but nothing can be said of them"
        ]
