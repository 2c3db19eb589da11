"""What people decide, as it is said: each word is on the disk before it is acknowledged."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.labels import ordered_set, set_labels
from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    NOT,
    SHORT_KEY_DIGITS,
    UNDO,
    UNSURE,
    PersonDecision,
    append_decisions,
    decision_key,
    now,
    read_decisions,
)
from noisefix.run.standing import standing, whole_key

if TYPE_CHECKING:
    from noisefix.reporting.data import RunTables

LEASE_S = 60.0
_MOST_SIGNS = {"who": 80, "note": 500, "label": 300}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_HINT = "reload the page"


class Board:
    """Decisions on N rows, of any number of people at once.

    Args:
        path: the file of decisions; what it holds counts.
        ids: (N,) row ids.
        texts: (N,) texts.
        given_labels: (N,) given labels, None = unlabelled.
        clock: seconds, for leases.
        classes: every class, where a row may have several labels (``set_text``); None: it has one.

    Raises:
        DataError: the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        ids: Sequence[str],
        texts: Sequence[str | None],
        given_labels: Sequence[str | None],
        clock: Callable[[], float] = time.monotonic,
        classes: Sequence[str] | None = None,
    ) -> None:
        self.changed = Condition()  # held while anything below is looked at
        self._path = path
        self._ids = ids
        self._given = given_labels
        self._clock = clock
        self._classes = classes
        self._keys = [decision_key(*row) for row in zip(texts, given_labels, strict=True)]
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, key in enumerate(self._keys):
            self._rows[key].append(row)
        self._log: list[PersonDecision] = []
        self._known: set[PersonDecision] = set()
        self._by_key: dict[str, list[PersonDecision]] = defaultdict(list)
        self._undoable: dict[str, list[str]] = defaultdict(list)
        self._leases: dict[int, tuple[str, float]] = {}
        whole = {key[:SHORT_KEY_DIGITS]: key for key in self._keys}
        for decision in read_decisions(path):
            self._note(replace(decision, key=whole_key(decision.key, whole)))

    def decide(self, row: int, said: dict[str, Any]) -> None:
        """Write one decision down; one that is there already is not written twice.

        Args:
            row: index of the row.
            said: what the page sent: decision, label, who, when, note, is_random.

        Raises:
            DataError: it is no decision on this row, or cannot be written.
        """
        decision = self._parsed(row, said)
        with self.changed:
            if decision in self._known:
                return
            append_decisions(self._path, [decision])
            self._note(decision)
            self._leases.pop(row, None)
            self.changed.notify_all()

    def undo(self, who: str) -> int | None:
        """Take back the last decision of a person; return its row, None where there is none.

        Raises:
            DataError: it cannot be written.
        """
        with self.changed:
            keys = self._undoable[who]
            if not keys:
                return None
            row = self._rows[keys[-1]][0]
            word = PersonDecision(keys[-1], self._ids[row], UNDO, who=who, when=now())
            append_decisions(self._path, [word])
            self._note(word)
            self.changed.notify_all()
            return row

    def lease(self, row: int, who: str) -> str | None:
        """Keep a row for a person for a minute; return who else has it, None where nobody has."""
        with self.changed:
            holder, until = self._leases.get(row, ("", 0.0))
            if until > self._clock() and holder != who:
                return holder or "somebody"
            self._leases[row] = (who, self._clock() + LEASE_S)
            return None

    def log(self) -> tuple[PersonDecision, ...]:
        """Return every line so far."""
        with self.changed:
            return tuple(self._log)

    def news(self, since: int = 0) -> dict[str, Any]:
        """Return what stands of the rows that lines after the first ``since`` are about."""
        with self.changed:
            keys = dict.fromkeys(decision.key for decision in self._log[max(since, 0) :])
            told = []
            for key in keys:
                word = standing(self._by_key[key]).get(key)
                for row in self._rows.get(key, ()):
                    record = None if word is None else {**asdict(word), "id": self._ids[row]}
                    told.append({"row": row, "record": record})
            return {"lines": len(self._log), "decisions": told}

    def _note(self, decision: PersonDecision) -> None:
        self._log.append(decision)
        self._known.add(decision)
        self._by_key[decision.key].append(decision)
        if decision.key in self._rows:
            mine = self._undoable[decision.who]
            if decision.key in mine:
                mine.remove(decision.key)
            if decision.decision != UNDO:
                mine.append(decision.key)

    def _parsed(self, row: int, said: dict[str, Any]) -> PersonDecision:
        decision, label = said.get("decision"), said.get("label")
        if not isinstance(row, int) or not 0 <= row < len(self._ids):
            raise DataError("there is no such row", _HINT)
        if decision not in (KEEP, CLASS, DROP, UNSURE, NOT):
            raise DataError("this is no decision", _HINT)
        if decision == KEEP and self._given[row] is None:
            raise DataError("this row has no label to keep or to rule out", "choose a class")
        checked = self._checked_label if self._classes is None else self._checked_set
        label = checked(decision, label, self._given[row])
        texts = {name: _text(said.get(name, ""), name) for name in ("who", "note")}
        when = said.get("when")
        if not (isinstance(when, str) and _TIME.fullmatch(when)):
            raise DataError("the time is missing", _HINT)
        return PersonDecision(
            key=self._keys[row],
            id=self._ids[row],
            decision=decision,
            label=label,
            when=min(when, now()),  # a clock that runs ahead may not win over later words
            is_random=said.get("is_random") is True,
            **texts,
        )

    def _checked_label(self, decision: str, label: Any, given: str | None) -> str | None:
        """Return the class that is decided on; None where none is, or it is the given one."""
        if decision != NOT and (decision == CLASS) != bool(label):
            raise DataError("this is no decision", _HINT)
        if decision == NOT and not label and given is None:
            raise DataError("this row has no label to keep or to rule out", "choose a class")
        if decision == NOT and label == given:
            return None
        return _text(label or "", "label") or None

    def _checked_set(self, decision: str, label: Any, given: str | None) -> str | None:
        """Return the labels that are decided on, in class order; None where none are."""
        if decision == NOT or (decision == CLASS) != isinstance(label, str):
            raise DataError("this is no decision on several labels", _HINT)
        if label is None or self._classes is None:
            return None
        chosen = set(set_labels(label))
        if not chosen <= set(self._classes):
            raise DataError("there is no such label", _HINT)
        return ordered_set(chosen, self._classes)


def board_of(tables: RunTables) -> Board:
    """Return the board of a run.

    Raises:
        DataError: its decisions cannot be read.
    """
    columns = (tables.issues[name].to_pylist() for name in ("id", "text", "given_label"))
    ids, texts, given = columns
    judged = tables.judged
    classes = judged.class_names if judged.has_several_labels else None
    return Board(tables.folder.decisions, ids, texts, given, classes=classes)


def _text(said: Any, name: str) -> str:
    most = _MOST_SIGNS[name]
    if not isinstance(said, str) or len(said) > most:
        raise DataError(f"the {name} is too long", f"{most} signs at most")
    return said
