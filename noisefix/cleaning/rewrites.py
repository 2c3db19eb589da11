"""``apply --rewrites``: edited texts of rare classes as new rows, or in the place of the old ones.

Only of rows whose label is wrong by the estimate, whose given class is rare, and whose text had to
change much before the label was right. How much is much, this data's similarities say: the valley
between two normals fitted to them, else the quantile at the rate of wrong labels.
Source: Zheng, Han, Yin, Gao, Liu, EchoAlign, 2024, arXiv 2405.12969 (known from its code); its
thresholds are of pictures and not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.cleaning.options import DEFAULT_PREFIX, ApplyOptions
from noisefix.errors import DataError, UsageError
from noisefix.training.two_normals import valley

if TYPE_CHECKING:
    from noisefix.cleaning.settle import Settled
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source

ADD, REPLACE = "add", "replace"
REWRITE = "rewrite"
RARE_ROWS = 20
"""A class with fewer given rows is rare."""

_SPLIT_COLUMNS = ("split", "subset", "partition", "set")
_HELD_OUT = {"test", "testing", "valid", "validation", "val", "dev", "eval", "holdout", "heldout"}
_NOT_FOR_ROWS = {"xlsx": "a workbook", "fasttext": "lines for fastText"}


@dataclass(frozen=True)
class Rewrite:
    """An edited text, and the row that it was made of."""

    row_number: int
    id: str
    given_label: str
    text: str
    edited_text: str
    similarity: float
    p_error: float
    annotator: str
    cost_usd: float


@dataclass(frozen=True)
class Rewrites:
    """What becomes of the edited texts.

    Attributes:
        how: "add" or "replace".
        chosen: those used, in the order of the rows.
        threshold: similarity up to which an edited text is used.
        is_valley: the threshold lies between two hills; False: it is a quantile.
        held_out: rows passed over because they belong to a test split.
    """

    how: str
    chosen: tuple[Rewrite, ...]
    threshold: float
    is_valley: bool
    held_out: int


def choose_rewrites(
    folder: RunFolder, source: Source, settled: Settled, options: ApplyOptions
) -> Rewrites | None:
    """Choose the edited texts to use; None where ``--rewrites`` is not said.

    Args:
        folder: the run folder.
        source: the input.
        settled: what was decided of its rows.
        options: what was chosen.

    Raises:
        DataError: there are no edited texts, or they are of an earlier issues table.
        UsageError: the input has no one column for texts or labels, or takes no new rows; or rows
            are handed over.
    """
    if options.rewrites is None:
        return None
    _check(folder, source, options)
    lines = _read(folder)
    issues = settled.issues.select(["id", "row_number", "given_label", "p_error"]).to_pylist()
    rows = {row["id"]: row for row in issues}
    strange = next((line["id"] for line in lines if line["id"] not in rows), None)
    if strange is not None:
        raise DataError(
            f"{folder.rewrites}: id {strange!r} is not in {folder.issues.name}",
            "the ids of both tables must be those of the same input",
        )
    counts = Counter(row["given_label"] for row in issues)
    measured = [line for line in lines if line["similarity"] is not None]
    p_errors = [rows[line["id"]]["p_error"] or 0.0 for line in measured]
    similarities = np.array([line["similarity"] for line in measured])
    threshold, is_valley = similarity_threshold(similarities, np.array(p_errors))
    held_out = _held_out_rows(source)
    found = []
    for line in measured:
        row = rows[line["id"]]
        is_rare = counts[row["given_label"]] < RARE_ROWS
        is_wrong = (row["p_error"] or 0.0) > 0.5 and line["id"] not in settled.review.choices
        if line["edited_text"] and is_rare and is_wrong and line["similarity"] <= threshold:
            found.append(
                Rewrite(
                    row["row_number"],
                    line["id"],
                    row["given_label"],
                    line["text"],
                    line["edited_text"],
                    line["similarity"],
                    row["p_error"],
                    line["model"] or line["annotator"] or "",
                    line["cost_usd"] or 0.0,
                )
            )
    chosen = tuple(rewrite for rewrite in found if rewrite.row_number not in held_out)
    n_held_out = len(found) - len(chosen)
    return Rewrites(options.rewrites, chosen, threshold, is_valley, n_held_out)


def similarity_threshold(similarities: np.ndarray, p_error: np.ndarray) -> tuple[float, bool]:
    """Return the similarity up to which an edit is a large one, and whether it is a valley.

    Args:
        similarities: (A,) of the rows asked; 1 where no edit was needed.
        p_error: (A,) probability that their labels are wrong, whose mean is the rate among them.
    """
    if not len(similarities):
        return float("-inf"), False
    found = valley(similarities)
    if found is not None:
        return found, True
    return float(np.quantile(similarities, float(p_error.mean()))), False


def _check(folder: RunFolder, source: Source, options: ApplyOptions) -> None:
    columns = folder.read()["input"]["columns"]
    for kind in ("text", "label"):
        if columns[kind] not in source.columns:
            raise UsageError(
                f"--rewrites: {source.name} has no one column for the {kind}s",
                "leave --rewrites out; edited texts are in rewrites.parquet",
            )
    if options.format is not None or options.only_flagged:
        raise UsageError(
            "--rewrites: is for the input written again, not for rows to hand over",
            "leave out --format and --only-flagged",
        )
    no_rows = _NOT_FOR_ROWS.get(folder.read()["input"]["format"])
    if no_rows is not None and options.rewrites == ADD:
        raise UsageError(
            f"--rewrites add: rows cannot be added to {no_rows}",
            "save the input as CSV, JSON Lines or Parquet, and run noisefix detect on that",
        )


def _read(folder: RunFolder) -> list[dict[str, Any]]:
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import REWRITES
    from noisefix.tables.atomic import sha256_file

    if not folder.rewrites.exists():
        raise DataError(
            f"{folder.path}: no edited texts in it",
            f"have them made first: noisefix relabel {folder.path} --rewrite --model NAME",
        )
    table, made = read_table(folder.rewrites, REWRITES)
    if not made.is_foreign and made.inputs.get("issues") != sha256_file(folder.issues):
        raise DataError(
            f"{folder.rewrites}: was made from an earlier issues.parquet",
            "run noisefix relabel --rewrite again: what was answered is stored and costs nothing",
        )
    lines: list[dict[str, Any]] = table.to_pylist()
    return lines


def is_held_out(name: str) -> bool:
    """Tell whether a split, or a file, is called like one for tests."""
    return not _HELD_OUT.isdisjoint(re.split(r"[\W_]+", name.casefold()))


def split_column(columns: Iterable[str]) -> str | None:
    """Return the column that says which split a row is in, if there is one."""
    return next((name for name in columns if name.casefold() in _SPLIT_COLUMNS), None)


def _held_out_rows(source: Source) -> set[int]:
    """Return the numbers of the rows in a test split: by a column, or by the name of their file."""
    held_out: set[int] = set()
    column = split_column(source.columns)
    if column is not None:
        cells = source.table[column].to_pylist()
        held_out = {row for row, cell in enumerate(cells, 1) if is_held_out(str(cell))}
    start = 0
    for part in source.parts:
        if is_held_out(Path(part.name).stem):
            held_out.update(range(start + 1, start + len(part) + 1))
        start += len(part)
    return held_out


def made_rows(source: Source) -> frozenset[int]:
    """Return the rows (0 = first) that ``apply --rewrites`` has made, which are none to test on."""
    column = f"{DEFAULT_PREFIX}source"
    if column not in source.columns:
        return frozenset()
    cells = source.table[column].to_pylist()
    return frozenset(row for row, cell in enumerate(cells) if cell == REWRITE)


def left_out_note(source: Source, made: frozenset[int]) -> list[str]:
    """Say that rows are left out of a test."""
    note = f"{source.name}: {len(made):,} edited texts left out: they test nothing"
    return [note] if made else []
