"""What people have decided, line by line: appended, never changed, final.

A line is a JSON object without any text: ``key`` (SHA-256 of text and given label), ``id``,
``decision``, ``label``, ``who``, ``when``, ``note``. The file of a run folder and one that was
exported beside the data are the same. A page of very many rows knows only the first 16 digits of
some keys, and so do its decisions.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.documents import parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import write_error
from noisefix.tables.lock import hold

if TYPE_CHECKING:
    import pyarrow as pa

KEEP, CLASS, DROP, UNSURE, UNDO = "keep", "class", "drop", "unsure", "undo"
NOT = "not"
REJECT = "reject"
"""In a file that people fill in: the given label is wrong, whichever is right."""

KINDS = (KEEP, CLASS, DROP, UNSURE, NOT, UNDO)
FILE_NAME = "decisions.jsonl"

KEY_DIGITS, SHORT_KEY_DIGITS = 64, 16

_PATIENCE_S = 10.0
_HINT = "give a file that noisefix has written: review, report, audit or apply --review"


@dataclass(frozen=True)
class PersonDecision:
    """One person's word on one row.

    Attributes:
        key: SHA-256 of text and given label, see ``decision_key``; or its first 16 digits.
        id: the row's id in the run in which it was decided.
        decision: "keep" (the given label is right), "class" (another is), "drop" (the row belongs
            to no class), "unsure", "not" (this class is wrong; the row stays open), or "undo" (what
            this person said of the row before is void).
        label: the class, with "class"; with "not" too, where it is not the given one; else None.
        who: the person; may be empty.
        when: ISO 8601 in UTC.
        note: what the person wrote.
        is_random: the row was drawn at random, not for its suspicion.
    """

    key: str
    id: str
    decision: str
    label: str | None = None
    who: str = ""
    when: str = ""
    note: str = ""
    is_random: bool = False


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


def decision_key(text: str | None, given_label: str | None) -> str:
    """Return the SHA-256 of a text and its given label, in hex: 64 digits."""
    return hashlib.sha256(
        f"{text or ''}\0{given_label or ''}".encode(errors="surrogatepass")
    ).hexdigest()


def now() -> str:
    """Return the time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_decisions(path: Path) -> tuple[PersonDecision, ...]:
    """Read a file of decisions; none where there is no file.

    A last line without an end is one whose writing was cut off, and counts as not written.

    Raises:
        DataError: the file cannot be read, or a line is no decision.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
    lines = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")  # an editor may have put the mark there
    if raw and lines[-1] and _is_decision(lines[-1]):
        lines.append(b"")  # a file made elsewhere, whose last line has no end
    return tuple(
        _parsed(line, f"{path}, line {number}")
        for number, line in enumerate(lines[:-1], start=1)
        if line.strip()
    )


def append_decisions(path: Path, decisions: Iterable[PersonDecision]) -> None:
    """Add decisions to a file; they are on the disk when this returns.

    Several processes may do so at once: none of their lines is lost or torn.

    Raises:
        DataError: the file cannot be written.
    """
    added = "".join(_line(decision) for decision in decisions).encode()
    if not added:
        return
    with hold(path.with_name(f".{path.name}.lock"), "noisefix", wait_s=_PATIENCE_S):
        try:
            with path.open("ab") as file:
                _cut_torn_line(path, file.fileno())
                file.write(added)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_error(error, path) from error


def read_named(path: Path) -> tuple[PersonDecision, ...]:
    """Read a file of decisions that somebody named.

    Raises:
        DataError: there is no such file; and as ``read_decisions``.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file of decisions", _HINT)
    return read_decisions(path)


def import_decisions(path: Path, others: Iterable[PersonDecision]) -> int:
    """Add those decisions that are not there yet; return how many.

    Raises:
        DataError: the file cannot be read or written.
    """
    known = set(read_decisions(path))
    fresh = [decision for decision in dict.fromkeys(others) if decision not in known]
    append_decisions(path, fresh)
    return len(fresh)


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
    ids: Sequence[str],
    texts: Sequence[str | None],
    given_labels: Sequence[str | None],
    decisions: Mapping[str, PersonDecision],
) -> dict[int, PersonDecision]:
    """Return which of N rows are decided, and how; rows that are only "unsure" or "not" are not.

    A decision holds for every row of the same text and given label, so also where the ids are
    others, and in another run. "keep" means nothing where no label was given.

    Args:
        ids: (N,) row ids; not used to match.
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
    decided = decided_rows((), texts, given_labels, standing(said))
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


def _line(decision: PersonDecision) -> str:
    return json.dumps(asdict(decision), ensure_ascii=True, separators=(",", ":")) + "\n"


def _is_decision(line: bytes) -> bool:
    try:
        _parsed(line, "")
    except DataError:
        return False
    return True


def _parsed(line: bytes, where: str) -> PersonDecision:
    try:
        found = parse_json(line.decode())
    except ValueError as error:
        raise DataError(f"{where}: is no JSON object", _HINT) from error
    if not isinstance(found, dict):
        raise DataError(f"{where}: is no JSON object", _HINT)
    known = {
        field.name: found[field.name] for field in fields(PersonDecision) if field.name in found
    }
    key, decision, label = known.get("key"), known.get("decision"), known.get("label")
    if not (isinstance(key, str) and len(key) in (KEY_DIGITS, SHORT_KEY_DIGITS)):
        raise DataError(f"{where}: key is no SHA-256, nor the first 16 digits of one", _HINT)
    if decision not in KINDS:
        raise DataError(f"{where}: the decision is none of {', '.join(KINDS)}", _HINT)
    named = isinstance(label, str)
    if (decision != NOT and (decision == CLASS) != named) or not (named or label is None):
        raise DataError(
            f"{where}: a class is named with the decision 'class' or 'not', and only there", _HINT
        )
    texts = {name: known.get(name) or "" for name in ("id", "who", "when", "note")}
    if not all(isinstance(value, str) for value in texts.values()):
        raise DataError(f"{where}: id, who, when and note must be texts", _HINT)
    return PersonDecision(
        key=key, decision=decision, label=label, is_random=known.get("is_random") is True, **texts
    )


def _cut_torn_line(path: Path, handle: int) -> None:
    """Cut off a line without an end, which a killed writer left."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size or (file.seek(size - 1) >= 0 and file.read(1) == b"\n"):
            return
    raw = path.read_bytes()
    end = raw.rfind(b"\n") + 1
    if _is_decision(raw[end:]):  # whole but for its end
        os.write(handle, b"\n")
    else:
        os.ftruncate(handle, end)


def read_said(decisions: str | Path | None) -> tuple[PersonDecision, ...]:
    """Read a file of decisions, before anything is written; none where no file is named.

    What is read is kept with ``import_decisions`` once nothing can be refused any more.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    return () if decisions is None else read_named(Path(decisions))
