"""How edited texts go into the input: new rows or other cells, and what the ledger says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.cleaning.ledger import Change
from noisefix.cleaning.options import ApplyOptions
from noisefix.cleaning.rewrites import ADD, REWRITE, Rewrite, Rewrites, split_column
from noisefix.tables.changes import NewRow
from noisefix.tables.formulas import defused

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source

ADDED_WEIGHT = "0.5000"
"""What an edited text counts with --strategy weight."""


@dataclass(frozen=True)
class RewriteEdits:
    """What edited texts change: cells and new rows, the added columns, and what the ledger says."""

    edits: dict[tuple[int, str], str]
    new_rows: tuple[NewRow, ...]
    added: dict[str, list[str]]
    changes: tuple[Change, ...]


NO_EDITS = RewriteEdits({}, (), {}, ())


def rewrite_edits(
    folder: RunFolder,
    source: Source,
    rewrites: Rewrites,
    added: dict[str, list[str]],
    options: ApplyOptions,
) -> RewriteEdits:
    """Return how edited texts go into a source.

    A new row holds the edited text, the given label, an id of its own and its split; all else is
    not known of it, and empty. Where a text is replaced, the row's verdict is about the old one,
    and goes.

    Args:
        folder: the run folder.
        source: the input.
        rewrites: the edited texts.
        added: (N,) values of the columns that are added for other reasons.
        options: strategy and names of columns.
    """
    columns, prefix = folder.read()["input"]["columns"], options.column_prefix
    text, label, key = columns["text"], columns["label"], columns["id"]
    origin = f"{prefix}source"
    added = {**added, origin: ["input"] * len(source)}
    of = f"{prefix}rewrite_of"
    if rewrites.how == ADD:
        added[of] = [""] * len(source)
    ids = new_ids(folder.load(source).ids, [rewrite.id for rewrite in rewrites.chosen])
    kept = frozenset(name for name in (label, split_column(source.columns)) if name)
    edits: dict[tuple[int, str], str] = {}
    new_rows, changes = [], []
    for rewrite, new_id in zip(rewrites.chosen, ids, strict=True):
        edited = _harmless(rewrite, source)
        why = f"edited so that {rewrite.given_label} is right; similarity {rewrite.similarity:.2f}"
        cells = {origin: REWRITE, **_verdict(rewrite, why, prefix, added)}
        is_new = rewrites.how == ADD
        if is_new:
            values = {text: edited, of: rewrite.id, **cells} | ({key: new_id} if key else {})
            new_rows.append(NewRow(rewrite.row_number, values, kept))
        else:
            edits[rewrite.row_number, text] = edited
            for name, value in cells.items():
                added[name] = [*added[name]]
                added[name][rewrite.row_number - 1] = value
        changes.append(
            Change(
                id=new_id if is_new else rewrite.id,
                row_number=rewrite.row_number,
                column=text,
                old=None if is_new else rewrite.text,
                new=edited,
                action=REWRITE,
                reasons=(why,),
                p_error=rewrite.p_error,
                annotator=rewrite.annotator,
                cost_usd=rewrite.cost_usd,
            )
        )
    return RewriteEdits(edits, tuple(new_rows), added, tuple(changes))


def _harmless(rewrite: Rewrite, source: Source) -> str:
    """Return the edited text; in CSV no formula, unless the text was one."""
    is_formula = source.format == "csv" and defused(rewrite.text) == rewrite.text
    return defused(rewrite.edited_text) if is_formula else rewrite.edited_text


def _verdict(
    rewrite: Rewrite, why: str, prefix: str, added: dict[str, list[str]]
) -> dict[str, str]:
    values = {
        "is_issue": "false",
        "suggested_label": rewrite.given_label,
        "p_error": "",
        "reasons": why,
        "weight": ADDED_WEIGHT,
    }
    named = {f"{prefix}{name}": value for name, value in values.items()}
    return {name: value for name, value in named.items() if name in added}


def new_ids(known: Sequence[str], of: Sequence[str]) -> list[str]:
    """Return ids for new rows that no row has: numbers where all are, else "ID-rewrite".

    Args:
        known: (N,) the ids that there are.
        of: (R,) ids of the rows that the new ones are made of.
    """
    if all(re.fullmatch(r"\d{1,18}", key, re.ASCII) for key in known):
        first = max(map(int, known), default=0) + 1
        return [str(first + place) for place in range(len(of))]
    taken = set(known)
    found = []
    for key in of:
        new, n = f"{key}-rewrite", 2
        while new in taken:
            new, n = f"{key}-rewrite-{n}", n + 1
        taken.add(new)
        found.append(new)
    return found
