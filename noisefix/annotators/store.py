"""Every answer that was ever paid for, found again by what was asked.

One SQLite file in the run folder. An answer is committed the moment it arrives, before anything
else happens with it: a process killed at any time loses the requests in flight and nothing else.
(In WAL mode a commit is a write to the operating system; ``sync`` puts it on the disk, which the
engine asks for about once a second, for the case that the machine itself goes down.)
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError, ServiceError
from noisefix.redaction import redact

STORE_NAME = "annotations.sqlite"
LONGEST_RAW_ANSWER = 20_000

_STORE_VERSION = 1
_LOOKUP_AT_ONCE = 500
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY,
    annotator TEXT NOT NULL,
    model TEXT NOT NULL,
    answer TEXT NOT NULL,
    is_label INTEGER NOT NULL,
    confidence REAL,
    probabilities TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL,
    latency_s REAL,
    attempts INTEGER NOT NULL,
    raw_answer TEXT,
    answered_at REAL NOT NULL
)
"""
_INSERT = "INSERT OR IGNORE INTO answers VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_SELECT = (
    "SELECT key, answer, is_label, confidence, probabilities, input_tokens, output_tokens,"
    " cost_usd, latency_s, attempts, raw_answer FROM answers WHERE key IN "
)

_MOVE_AWAY = "move the file away to start a new one (what it holds would be asked again)"

StoredRow = tuple[Any, ...]
"""A row as ``find`` returns it; ``restore`` makes an answer of it."""


@dataclass(frozen=True)
class _Stored:
    """Kinds of the values that a sound row holds."""

    answer: str
    is_label: int
    confidence: float | None
    probabilities: dict[str, float] | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_s: float | None
    attempts: int
    raw_answer: str | None


@dataclass(frozen=True)
class StoreTotals:
    """What a store holds, and what it once cost."""

    answers: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class AnswerStore:
    """Answers in a SQLite file; a context manager.

    One thread may look up while another one writes. A second process that opens the same store
    is turned away, so that two runs never pay for the same questions.

    Args:
        path: the file; made when it is not there, in a folder that is.

    Raises:
        DataError: the file is not a store, is damaged, or cannot be written.
        ServiceError: another process is asking with this store.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._connections: list[sqlite3.Connection] = []
        try:
            self._lock()
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._check_version()
            self._writer.execute(_TABLE)
            self._reader, self._syncer = self._connect(), self._connect()
        except sqlite3.Error as error:
            self.close()
            raise DataError(
                f"{self.path}: cannot be used as a store of answers: {error}", _MOVE_AWAY
            ) from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Put everything on the disk and let go of the file; may be called twice."""
        while self._connections:
            self._connections.pop().close()

    def find(self, keys: Sequence[bytes]) -> dict[bytes, StoredRow]:
        """Return the stored rows among these keys.

        Raises:
            DataError: the file is damaged, or one of these rows is.
        """
        found: dict[bytes, StoredRow] = {}
        for start in range(0, len(keys), _LOOKUP_AT_ONCE):
            part = keys[start : start + _LOOKUP_AT_ONCE]
            marks = ",".join("?" * len(part))
            with self._reading():
                rows = self._reader.execute(f"{_SELECT}({marks})", part).fetchall()
            for row in rows:
                self._check(row)
                found[row[0]] = row
        return found

    def _check(self, row: StoredRow) -> None:
        values = dict(zip(_Stored.__dataclass_fields__, row[1:], strict=True))
        try:
            if values["probabilities"] is not None:
                values["probabilities"] = parse_json(values["probabilities"])
            wrong = misfit(_Stored, values)
        except (ValueError, TypeError) as error:
            wrong = f"probabilities: {error}"
        if wrong is not None:
            raise DataError(
                f"{self.path}: a stored answer is damaged: {wrong}",
                'have it asked again: sqlite3 annotations.sqlite "DELETE FROM answers WHERE '
                f"key = x'{row[0].hex()}'\"; or move the file away (then all is asked again)",
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DataError(f"{self.path}: cannot be read: {error}", _MOVE_AWAY) from error

    def put(self, key: bytes, answer: Answer) -> bool:
        """Store an answer for good; False when the key had one already, which stays.

        Args:
            key: from ``keys.key_maker``.
            answer: one with an answer; failures are not stored, they are to be asked again.

        Raises:
            DataError: the file cannot be written, for example because the disk is full.
        """
        row = _row(key, answer)
        with self._writing():
            return self._writer.execute(_INSERT, row).rowcount == 1

    def put_many(self, answers: Iterable[tuple[bytes, Answer]]) -> int:
        """Store several answers in one go, all or none; return how many were new."""
        rows = [_row(key, answer) for key, answer in answers]
        with self._writing():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                stored = self._writer.executemany(_INSERT, rows).rowcount
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
        return max(stored, 0)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DataError(
                f"{self.path}: an answer cannot be stored: {error}",
                "make room on the disk, then run again: what is stored will not be asked again",
            ) from error

    def sync(self) -> None:
        """Put what is committed on the disk, against a loss of power; safe from any thread."""
        with self._writing():
            self._syncer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def totals(self) -> StoreTotals:
        """Return what the store holds."""
        with self._reading():
            return StoreTotals(
                *self._reader.execute(
                    "SELECT count(*), coalesce(sum(input_tokens), 0),"
                    " coalesce(sum(output_tokens), 0), coalesce(sum(cost_usd), 0.0) FROM answers"
                ).fetchone()
            )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=30.0, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection

    def _lock(self) -> None:
        """Hold a lock that the operating system takes back when the process ends in any way."""
        lock = sqlite3.connect(
            self.path.with_suffix(".lock"),
            timeout=0.0,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connections.append(lock)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise ServiceError(
                f"{self.path}: another noisefix process is asking with this store",
                "wait until it is done, or stop it; two at once would pay twice",
            ) from None

    def _check_version(self) -> None:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if version > _STORE_VERSION:
            raise DataError(
                f"{self.path}: written by a newer noisefix (store version {version}, this one"
                f" knows {_STORE_VERSION})",
                "update noisefix, or move the file away",
            )
        self._writer.execute(f"PRAGMA user_version={_STORE_VERSION}")


def _row(key: bytes, answer: Answer) -> tuple[Any, ...]:
    if answer.answer is None:
        raise ValueError("an answer without an answer is not stored")
    probabilities = None
    if answer.probabilities is not None:
        probabilities = json.dumps(answer.probabilities, ensure_ascii=False)
    return (
        key,
        answer.annotator,
        answer.model,
        answer.answer,
        answer.is_label,
        answer.confidence,
        probabilities,
        answer.input_tokens,
        answer.output_tokens,
        answer.cost_usd,
        answer.latency_s,
        answer.attempts,
        _storable(answer.raw_answer),
        time.time(),
    )


def _storable(text: str | None) -> str | None:
    """Take out what looks like a key, and halves of surrogate pairs, which SQLite cannot hold."""
    return None if text is None else redact(text).encode("utf-8", "replace").decode()


def restore(row: StoredRow, question: Question, identity: Identity) -> Answer:
    """Make the answer to a question from its stored row.

    Raises:
        DataError: the label was not among those offered.
    """
    key, answer, is_label, confidence, probabilities, tokens_in, tokens_out, *rest = row
    if is_label and not question.takes(answer):
        raise DataError(
            f"{STORE_NAME}: the stored answer to row {question.id} is no label that was offered:"
            f" {answer[:80]!r}",
            _MOVE_AWAY,
        )
    cost_usd, latency_s, attempts, raw_answer = rest
    return replace(
        question.blank(identity),
        answer=answer,
        is_label=bool(is_label),
        confidence=confidence,
        probabilities=None if probabilities is None else json.loads(probabilities),
        prompt_sha256=key.hex(),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost_usd=cost_usd,
        latency_s=latency_s,
        attempts=attempts,
        raw_answer=raw_answer,
        reused=True,
        rejected=question.rejected_by(answer, is_label=bool(is_label)),
    )


def shortened(raw: str) -> str:
    """Cut a raw answer to what is worth keeping."""
    if len(raw) <= LONGEST_RAW_ANSWER:
        return raw
    return f"{raw[:LONGEST_RAW_ANSWER]}… [cut, {len(raw)} characters in all]"
