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
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from noisefix.documents import parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import write_error
from noisefix.tables.lock import hold

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
