"""The rows that a gate knows already: a text file of hashes, an issues table, or an old table.

The text file has one line a row, sorted, so that it shows in a diff which rows came, went or are
flagged now, and no text or label of the data::

    # noisefix baseline 1: ...
    0b6f0d7c9d4f1c1b5f0e7b3a3c6f9e21
    5d41402abc4b2a76b9719d911017c592 flagged
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.common_options import LabelledTableOptions
from noisefix.detection.embed import read_dataset
from noisefix.errors import DataError, UsageError
from noisefix.run.decisions import decision_key
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES
from noisefix.tables.atomic import read_bytes, read_error, write_bytes

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"# noisefix baseline "
_HEADER = (
    "# noisefix baseline 1: SHA-256 (32 digits) of text and label of every row, without either.\n"
    '# "flagged": looked wrong then. Written by noisefix check DATA --write-baseline FILE.\n'
)
_DIGITS = 32
_LINE = re.compile(r"([0-9a-f]{32})( flagged)?")
_FLAGGED = " flagged"
_HINT = "write it anew with --write-baseline; after a merge, keep the lines of both sides"


@dataclass(frozen=True)
class Baseline:
    """What was there before.

    Attributes:
        rows: keys of all rows, see ``row_key``.
        flagged: keys of those that were flagged; none of a table, of which it is not known.
    """

    rows: frozenset[str] = frozenset()
    flagged: frozenset[str] = frozenset()

    def __or__(self, other: Baseline) -> Baseline:
        return Baseline(self.rows | other.rows, self.flagged | other.flagged)


def row_key(text: str | None, given_label: str | None) -> str:
    """Return what stands for a text with its label: 32 hex digits of their SHA-256."""
    return decision_key(text, given_label)[:_DIGITS]


def row_keys(issues: pa.Table) -> list[str]:
    """Return (N,) the keys of the rows of an issues table; a row keeps its key wherever it goes."""
    columns = (issues[name].to_pylist() for name in ("text", "given_label"))
    return [row_key(text, label) for text, label in zip(*columns, strict=True)]


def baseline_of(issues: pa.Table, keys: Sequence[str]) -> Baseline:
    """Return the baseline that an issues table is, given the keys of its rows."""
    flags = issues["is_issue"].to_pylist()
    return Baseline(
        frozenset(keys), frozenset(key for key, flag in zip(keys, flags, strict=True) if flag)
    )


def new_issues(
    issues: pa.Table, keys: Sequence[str], baseline: Baseline, class_names: Sequence[str]
) -> list[int]:
    """Return the positions of the new flagged rows, in table order.

    A row is new where no row of the baseline has both its text and its label. Rows that were there
    are never new, whatever is found out about them: others changed around them, another seed,
    another precision. Nor is a text new whose label was changed, where that was flagged (the
    baseline has it so, and the row is gone): there was an issue before.

    Args:
        issues: (N rows) issues table with text and is_issue.
        keys: (N,) the keys of its rows.
        baseline: what was there before.
        class_names: the classes that there are.
    """
    texts, flags = (issues[name].to_pylist() for name in ("text", "is_issue"))
    settled = baseline.flagged.difference(keys)
    return [
        i
        for i, flag in enumerate(flags)
        if flag
        and keys[i] not in baseline.rows
        and settled.isdisjoint(row_key(texts[i], name) for name in class_names)
    ]


def read_baseline(path: str | Path, options: LabelledTableOptions) -> Baseline:
    """Read a baseline: what ``write_baseline`` wrote, an issues table, or an earlier table.

    Args:
        path: the file.
        options: how the columns of a table are found.

    Raises:
        DataError: it cannot be read, or is none of these.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise read_error(error, path) from error
    if head == _MAGIC:
        return _parsed(read_bytes(path), path)
    if head.startswith(b"PAR1"):
        issues, _ = read_table(Path(path), ISSUES, ("text", "given_label", "is_issue"))
        return baseline_of(issues, row_keys(issues))
    data = read_dataset(path, options, None, needs_labels=True)
    return Baseline(frozenset(map(row_key, data.texts, data.given_labels)))


def check_baseline_output(path: str | Path, inputs: Iterable[str | Path | None]) -> None:
    """Check, before the long work, that a baseline may be written.

    Raises:
        UsageError, DataError: as ``check_output``; or something else is there.
    """
    from noisefix.run.outputs import check_output

    check_output(path, inputs, option="--write-baseline")
    target = Path(path)
    if target.exists() and not read_bytes(target).startswith(_MAGIC):
        raise UsageError(
            f"--write-baseline {path}: is there already, and no baseline", "choose another name"
        )


def write_baseline(baseline: Baseline, path: str | Path) -> None:
    """Write a baseline as text, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    lines = (f"{key}{_FLAGGED if key in baseline.flagged else ''}\n" for key in baseline.rows)
    write_bytes(path, (_HEADER + "".join(sorted(lines))).encode())


def _parsed(raw: bytes, path: str | Path) -> Baseline:
    rows, flagged = set(), set()
    lines = raw.decode("utf-8", errors="replace").splitlines()
    if not lines[0].startswith(_HEADER[: len(_MAGIC) + 2]):
        raise DataError(f"{path}: a baseline of another version of noisefix", _HINT)
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise DataError(f"{path}, line {number}: no line of a baseline", _HINT)
        rows.add(found[1])
        if found[2]:
            flagged.add(found[1])
    return Baseline(frozenset(rows), frozenset(flagged))
