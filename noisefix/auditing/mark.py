"""How the rows of a sample are marked: at a desk, or in a CSV file; blind in both.

Nobody is shown the given label, the suggested one or a probability: who sees them agrees too often,
and the sample would no longer measure them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.annotators.human import Desk, HumanAnnotator, RowFacts
from noisefix.annotators.protocol import NONE, Answer, Question
from noisefix.auditing.plan import AuditPlan, AuditRow
from noisefix.errors import UsageError
from noisefix.run.decisions import CLASS, DROP, KEEP, UNSURE, PersonDecision, append_decisions, now
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES
from noisefix.run.settled import run_decisions
from noisefix.tables.formulas import defused

if TYPE_CHECKING:
    from noisefix.cleaning.review import Review
    from noisefix.run.folder import RunFolder

OpenDesk = Callable[[int], AbstractContextManager[Desk]]
"""Opens a place where a person looks at so many rows."""

COLUMNS = ("id", "text", "decision")


def mark_at_desk(
    folder: RunFolder, plan: AuditPlan, open_desk: OpenDesk, reviewer: str = ""
) -> int:
    """Let a person mark what is not marked yet; each answer is stored as it is handed over.

    "none" means that the row belongs to no class: its label is wrong. "ambiguous" leaves it unsure.

    Args:
        folder: where the decisions go.
        plan: the sample.
        open_desk: where the person sits.
        reviewer: who it is.

    Returns:
        How many rows were answered.

    Raises:
        DataError: the decisions cannot be written.
        UsageError: there is no terminal.
    """
    rows = {row.id: row for row in plan.to_mark}
    if not rows:
        return 0
    count = 0
    with open_desk(len(rows)) as desk:
        person = HumanAnnotator(
            desk, lambda key: RowFacts(rows[key].text), plan.class_names, reviewer
        )
        questions = (Question(key, plan.class_names, ()) for key in rows)
        for answer in person.annotate(questions):
            append_decisions(folder.decisions, [_word(rows[answer.id], answer, reviewer)])
            count += 1
    return count


def _word(row: AuditRow, answer: Answer, reviewer: str) -> PersonDecision:
    kind = DROP if answer.answer == NONE else UNSURE
    if answer.is_label:
        kind = KEEP if answer.answer == row.given_label else CLASS
    return PersonDecision(
        key=row.key,
        id=row.id,
        decision=kind,
        label=answer.answer if kind == CLASS else None,
        who=reviewer,
        when=now(),
        is_random=row.is_random,
    )


def csv_bytes(rows: Sequence[AuditRow]) -> bytes:
    """Return the rows as CSV (UTF-8 with a byte order mark) with an empty column ``decision``.

    Cells that a spreadsheet program would take for a formula get an apostrophe in front.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([defused(row.id), defused(row.text), ""])
    return file.getvalue().encode("utf-8-sig")


def check_unfilled(path: str | Path) -> None:
    """Check, before any work, that nothing that somebody filled in would be replaced.

    Raises:
        UsageError: something is filled in there already, or it is another file.
    """
    from noisefix.cleaning.review import has_decisions

    if Path(path).is_file() and has_decisions(Path(path), COLUMNS):
        raise UsageError(
            f"--csv {path}: is there already, and may hold decisions",
            f"read it with --from {path}, or name another file",
        )


def write_csv(path: str | Path, rows: Sequence[AuditRow]) -> None:
    """Write the rows to be marked.

    Raises:
        DataError: it cannot be written.
    """
    from noisefix.tables.atomic import write_bytes

    write_bytes(path, csv_bytes(rows))


def read_marks(folder: RunFolder, path: str | Path) -> Review:
    """Read the decisions of a filled-in file.

    Args:
        folder: the run folder.
        path: the file.

    Raises:
        DataError: the file cannot be read, or says what is no decision.
    """
    from noisefix.cleaning.review import read_review

    issues, provenance = read_table(folder.issues, ISSUES, ("id",))
    return read_review(Path(path), issues["id"].to_pylist(), provenance.class_names)


def keep_marks(folder: RunFolder, plan: AuditPlan, review: Review, reviewer: str = "") -> int:
    """Keep what a file says; what is known already is not stored twice.

    Args:
        folder: where the decisions go.
        plan: the sample.
        review: of the file.
        reviewer: who filled it in.

    Returns:
        How many decisions are new.

    Raises:
        DataError: the decisions cannot be written.
    """
    from noisefix.cleaning.reviewed import decisions_of

    issues, _ = read_table(folder.issues, ISSUES, ("id", "text", "given_label"))
    at_random = {row.id for row in plan.rows if row.is_random}
    words = decisions_of(review, issues, run_decisions(folder), reviewer)
    append_decisions(
        folder.decisions, [replace(word, is_random=word.id in at_random) for word in words]
    )
    return len(words)
