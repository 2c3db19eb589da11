"""What stands of all that people have said: of a row, of a person, and where people differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    KEY_DIGITS,
    NOT,
    SHORT_KEY_DIGITS,
    UNDO,
    UNSURE,
    PersonDecision,
    decision_key,
)

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Conflict:
    """A row of which people say different things; the newest word counts.

    Attributes:
        key: as in the decisions.
        id: of the row.
        words: what each person says of it, the oldest first.
    """

    key: str
    id: str
    words: tuple[PersonDecision, ...]


def standing(decisions: Iterable[PersonDecision]) -> dict[str, PersonDecision]:
    """Return what stands of each row, by key: the newest word that was not taken back.

    A label that was chosen stands above a later "not" of another person that does not contradict
    it. ``word_on`` finds the word on a row in it.
    """
    return {key: _standing(words) for key, words in words_of_people(decisions).items()}


def _standing(words: list[PersonDecision]) -> PersonDecision:
    newest = max(words, key=_when)
    sure = [word for word in words if word.decision not in (NOT, UNSURE)]
    if newest.decision != NOT or not sure:
        return newest
    latest = max(sure, key=_when)
    later = (word for word in words if word.decision == NOT and _when(word) >= _when(latest))
    return newest if any(_contradicts(word, latest) for word in later) else latest


def _contradicts(rejection: PersonDecision, word: PersonDecision) -> bool:
    """Say whether a "not" rules out what somebody decided."""
    if rejection.label is None:
        return word.decision == KEEP
    return word.decision == CLASS and word.label == rejection.label


def rejections(decisions: Iterable[PersonDecision]) -> dict[str, list[PersonDecision]]:
    """Return every "not" that stands, by key: of one person several may stand on a row.

    Whatever else a person says of the row takes the place of their "not".
    """
    ruled_out: dict[str, dict[str, list[PersonDecision]]] = {}
    for key, decision in _by_whole_key(decisions):
        mine = ruled_out.setdefault(key, {}).setdefault(decision.who, [])
        if decision.decision != NOT:
            mine.clear()
        else:
            mine.append(decision)
    found = {
        key: [w for mine in people.values() for w in mine] for key, people in ruled_out.items()
    }
    return {key: words for key, words in found.items() if words}


def word_on(said: Mapping[str, PersonDecision], key: str) -> PersonDecision | None:
    """Return what stands of a row; None where nobody has said anything.

    Args:
        said: what stands, by key, see ``standing``.
        key: of the row, whole.
    """
    return said.get(key) or said.get(key[:SHORT_KEY_DIGITS])


def whole_key(key: str, known: Mapping[str, str]) -> str:
    """Return the key that a short one is the beginning of, or the key itself.

    Args:
        key: 64 or 16 digits.
        known: whole keys by their first 16 digits.
    """
    return key if len(key) == KEY_DIGITS else known.get(key, key)


def words_of_people(decisions: Iterable[PersonDecision]) -> dict[str, list[PersonDecision]]:
    """Return the newest word of each person on each row, where it was not taken back."""
    newest: dict[str, dict[str, PersonDecision]] = {}
    for key, decision in _by_whole_key(decisions):
        by_person = newest.setdefault(key, {})
        if decision.decision == UNDO:
            by_person.pop(decision.who, None)
        elif decision.who not in by_person or _when(decision) >= _when(by_person[decision.who]):
            by_person[decision.who] = decision
    return {key: list(by_person.values()) for key, by_person in newest.items() if by_person}


def _by_whole_key(
    decisions: Iterable[PersonDecision],
) -> Iterator[tuple[str, PersonDecision]]:
    decisions = tuple(decisions)
    known = {d.key[:SHORT_KEY_DIGITS]: d.key for d in decisions if len(d.key) == KEY_DIGITS}
    for decision in decisions:
        yield whole_key(decision.key, known), decision


def conflicts(decisions: Iterable[PersonDecision]) -> tuple[Conflict, ...]:
    """Return the rows on which people differ, "unsure" set aside.

    A "not" differs from a word that it rules out, never from another "not".
    """
    found = []
    for key, words in words_of_people(decisions).items():
        said = sorted((word for word in words if word.decision != UNSURE), key=_when)
        sure = [word for word in said if word.decision != NOT]
        ruled_out = [word for word in said if word.decision == NOT]
        if len({(word.decision, word.label) for word in sure}) > 1 or any(
            _contradicts(one, other) for one in ruled_out for other in sure
        ):
            found.append(Conflict(key, said[-1].id, tuple(said)))
    return tuple(found)


def decided_rows(
    texts: Sequence[str | None],
    given_labels: Sequence[str | None],
    decisions: Mapping[str, PersonDecision],
) -> dict[int, PersonDecision]:
    """Return which of N rows are decided, and how; rows that are only "unsure" or "not" are not.

    A decision holds for every row of the same text and given label, so also where the ids are
    others, and in another run. "keep" means nothing where no label was given.

    Args:
        texts: (N,) texts.
        given_labels: (N,) given labels, None = unlabelled.
        decisions: what stands, by key.
    """
    if not decisions:
        return {}
    found = {}
    for row, (text, label) in enumerate(zip(texts, given_labels, strict=True)):
        decision = word_on(decisions, decision_key(text, label))
        if decision is None or decision.decision in (UNSURE, NOT):
            continue
        if decision.decision == KEEP and label is None:
            continue
        found[row] = decision
    return found


def rejected_rows(
    texts: Sequence[str | None],
    given_labels: Sequence[str | None],
    decisions: Iterable[PersonDecision],
) -> dict[int, frozenset[str]]:
    """Return which labels people have ruled out in which of N rows; decided rows are left out.

    Args:
        texts: (N,) texts.
        given_labels: (N,) given labels, None = unlabelled.
        decisions: all that was said.
    """
    said = tuple(decisions)
    ruled_out = rejections(said)
    if not ruled_out:
        return {}
    decided = decided_rows(texts, given_labels, standing(said))
    found = {}
    for row, (text, given) in enumerate(zip(texts, given_labels, strict=True)):
        key = decision_key(text, given)
        words = ruled_out.get(key) or ruled_out.get(key[:SHORT_KEY_DIGITS]) or []
        labels = frozenset(label for w in words if (label := w.label or given) is not None)
        if labels and row not in decided:
            found[row] = labels
    return found


def verified_table(
    ids: Sequence[str],
    given_labels: Sequence[str | None],
    decided: Mapping[int, PersonDecision],
) -> pa.Table:
    """Return decided rows as verified rows: id, verified_label (null: to be dropped)."""
    import pyarrow as pa

    labels = [
        None if d.decision == DROP else d.label if d.decision == CLASS else given_labels[row]
        for row, d in decided.items()
    ]
    keys = [ids[row] for row in decided]
    return pa.table(
        {
            "id": pa.array(keys, pa.string()),
            "verified_label": pa.array(labels, pa.string()),
            "is_dropped": pa.array([d.decision == DROP for d in decided.values()], pa.bool_()),
        }
    )


def _when(decision: PersonDecision) -> str:
    return decision.when
