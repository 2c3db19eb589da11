"""Rows of a data file that cannot be read: stopped at, or left out, counted and listed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noisefix.errors import UsageError

BAD_ROWS = ("stop", "skip")
"""What to do with a row that cannot be read: end with an error, or leave it out."""

SKIP_HINT = "--bad-rows skip leaves such rows out, and lists them"
_SHOWN = 5
_TEXT = 2000


@dataclass(frozen=True)
class BadRow:
    """A row that was left out.

    Attributes:
        line: where it begins, 1 = first line of the file.
        last_line: where it ends.
        reason: why it cannot be read, in words.
        text: the row as it stands in the file, without its line end.
    """

    line: int
    last_line: int
    reason: str
    text: str


def skips(bad_rows: str) -> bool:
    """Tell whether rows that cannot be read are left out.

    Raises:
        UsageError: the word is none of ``BAD_ROWS``.
    """
    if bad_rows not in BAD_ROWS:
        raise UsageError(
            f"--bad-rows {bad_rows}: there is no such way", f"choose {' or '.join(BAD_ROWS)}"
        )
    return bad_rows == "skip"


def bad_rows_warning(bad: Sequence[BadRow], name: str) -> str:
    """Say how many rows were left out, and where the first of them are."""
    lines = ", ".join(str(row.line) for row in bad[:_SHOWN])
    more = ", ..." if len(bad) > _SHOWN else ""
    noun = "row that cannot be read is" if len(bad) == 1 else "rows that cannot be read are"
    place = "line" if len(bad) == 1 else "lines"
    return f"{name}: {len(bad):,} {noun} left out ({place} {lines}{more}): {bad[0].reason}"


def bad_rows_lines(bad: Sequence[BadRow]) -> bytes:
    """Return a JSON Lines file: line, last_line, reason and the first characters of each row."""
    rows = (
        {"line": r.line, "last_line": r.last_line, "reason": r.reason, "text": r.text[:_TEXT]}
        for r in bad
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(
        errors="backslashreplace"
    )


def write_bad_rows(bad: Sequence[BadRow], path: str | Path) -> tuple[str, ...]:
    """Write the list of rows left out, or remove an older one where there are none.

    Returns:
        What to say of it.

    Raises:
        DataError: it cannot be written.
    """
    from noisefix.tables.atomic import write_bytes

    target = Path(path)
    if not bad:
        target.unlink(missing_ok=True)
        return ()
    write_bytes(target, bad_rows_lines(bad))
    return (f"the rows left out are listed in {target}",)


def list_beside(output: str | Path) -> Path:
    """Return where the rows left out are listed for an output that is not a run folder."""
    path = Path(output)
    return path.with_name(f"{path.name}.bad_rows.jsonl")
