"""What a person's review makes of the rows of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noisefix.annotators.protocol import HUMAN
from noisefix.cleaning.decide import Decision
from noisefix.cleaning.review import Review, Word
from noisefix.run.decisions import CLASS, DROP, KEEP, NOT, REJECT, PersonDecision, decision_key, now
from noisefix.run.parquet import with_columns

if TYPE_CHECKING:
    import pyarrow as pa


def review_of(decided: Mapping[str, PersonDecision]) -> Review:
    """Return the decisions of a run, by id, as a review."""
    labels = {key: word.label for key, word in decided.items() if word.label is not None}
    choices = {key: word.decision for key, word in decided.items()} | labels
    return Review(choices, frozenset(labels))


def decisions_of(
    review: Review,
    issues: pa.Table,
    known: Mapping[str, PersonDecision],
    who: str = "",
    lines: Iterable[PersonDecision] = (),
) -> list[PersonDecision]:
    """Return what a review says beyond what is decided already, to be appended.

    Args:
        review: what was read.
        issues: the rows, with id, text and given_label.
        known: what is decided, by id.
        who: the person, where the review names nobody.
        lines: all that was ever decided: what a person named in the review said last is not said
            again.
    """
    moment = now()
    last = {(line.key, line.who): (line.decision, line.label) for line in lines}
    spoken = review.words or tuple(
        Word(key, choice, key in review.labels) for key, choice in review.choices.items()
    )
    rows = {row["id"]: row for row in issues.select(["id", "text", "given_label"]).to_pylist()}
    place = {key: k for k, key in enumerate(rows)}
    found = []
    for word in sorted((w for w in spoken if w.id in rows), key=lambda w: place[w.id]):
        text, given = rows[word.id]["text"], rows[word.id]["given_label"]
        kind = word.choice if not word.is_label else KEEP if word.choice == given else CLASS
        label = word.choice if kind == CLASS else None
        if word.rejects:
            kind, label = NOT, None if word.choice in (REJECT, given) else word.choice
            if label is None and given is None:
                continue
        key, old = decision_key(text, given), known.get(word.id)
        before = last.get((key, word.who)) if word.who else old and (old.decision, old.label)
        if before != (kind, label):
            person, when = word.who or who, word.when or moment
            found.append(PersonDecision(key, word.id, kind, label, person, when))
    return found


def reviewed_issues(issues: pa.Table, review: Review) -> pa.Table:
    """Return the table with what the person decided in place of what was thought before.

    Rows decided on are not flagged any more, their suggested label is the one chosen, it is wrong
    with probability 0, and the reason says so. Rows to drop stay as they are.
    """
    names = ("suggested_label", "p_error", "is_issue", "reasons")
    columns: dict[str, list[Any]] = {name: issues[name].to_pylist() for name in names}
    given = issues["given_label"].to_pylist()
    for row, key in enumerate(issues["id"].to_pylist()):
        choice = review.choices.get(key)
        if choice is None or (choice == DROP and key not in review.labels):
            continue
        label = choice if key in review.labels else given[row]
        if label is not None:
            columns["suggested_label"][row] = label
        columns["p_error"][row] = None if label is None else 0.0
        columns["is_issue"][row] = False
        columns["reasons"][row] = [_reason(review, key)]
    return with_columns(issues, columns)


def overruled(decisions: Sequence[Decision], issues: pa.Table, review: Review) -> list[Decision]:
    """Put the person's decisions in place of all others on the same rows.

    Args:
        decisions: what would become of the rows.
        issues: the table before ``reviewed_issues``.
        review: what the person decided.

    Returns:
        The decisions in the order of the rows.
    """
    kept = [d for d in decisions if d.id not in review.choices]
    columns = ["id", "row_number", "given_label", "suggested_label", "p_error"]
    for index, row in enumerate(issues.select(columns).to_pylist()):
        choice = review.choices.get(row["id"])
        if choice is None:
            continue
        is_label, given = row["id"] in review.labels, row["given_label"]
        if (is_label and choice == given) or (not is_label and choice == KEEP):
            continue
        action = DROP if not is_label else "fill" if given is None else "relabel"
        kept.append(
            Decision(
                index=index,
                id=row["id"],
                row_number=row["row_number"],
                action=action,
                given_label=given,
                new_label=choice if is_label else None,
                suggested_label=choice if is_label else row["suggested_label"],
                reasons=(_reason(review, row["id"]),),
                p_error=row["p_error"],
                annotator=HUMAN,
            )
        )
    return sorted(kept, key=lambda decision: decision.index)


def _reason(review: Review, key: str) -> str:
    if key in review.labels:
        return f"a person says {review.choices[key] or 'none of the labels'}"
    return "a person keeps it" if review.choices[key] == KEEP else "a person leaves it out"
