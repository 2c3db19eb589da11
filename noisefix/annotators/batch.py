"""The OpenAI Batch format: questions as a file of requests, half the price, some hours later.

The responses go into the store as if they had been asked one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from noisefix.annotators.budget import Prices
from noisefix.annotators.exchange import answer_of
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.openai_complaint import complaint_of
from noisefix.annotators.openai_reply import read_completion
from noisefix.annotators.protocol import Answer, Question, key_maker
from noisefix.annotators.store import AnswerStore
from noisefix.documents import parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import atomic_path

ENDPOINT = "/v1/chat/completions"
MOST_REQUESTS = 50_000
LARGEST_FILE = 190 * 10**6
"""The service takes 50,000 requests and 200 MB a file."""


@dataclass(frozen=True)
class BatchExport:
    """What was written.

    Attributes:
        paths: the files; more than one when one would be too large for the service.
        requests: requests in them.
        reused: questions left out because they have a stored answer, or are asked by another line.
        characters: characters of prompt, for an estimate of the tokens.
    """

    paths: tuple[Path, ...]
    requests: int
    reused: int
    characters: int


def export_batch(
    path: Path,
    questions: Iterable[Question],
    annotator: OpenAIAnnotator,
    store: AnswerStore | None = None,
    *,
    check: Callable[[Path], None] = lambda path: None,
) -> BatchExport:
    """Write the questions that have no stored answer as batch requests.

    A request's ``custom_id`` is its store key, so that responses can come in any order, in parts,
    and long after. Files are complete or not there at all.

    Args:
        path: the file; further ones, when needed, get ``-2``, ``-3`` in their names.
        questions: taken one at a time.
        annotator: says which model is asked with which parameters.
        store: answers that are there already.
        check: called with each file's name before it is written.

    Raises:
        DataError: a file cannot be written; and whatever ``check`` raises.
    """
    make_key, features = key_maker(annotator.identity), annotator.features()
    seen: set[bytes] = set()
    requests = reused = characters = 0
    with _Parts(path, check) as parts:
        for question in questions:
            key = make_key(question)
            if key in seen or (store is not None and store.find([key])):
                reused += 1
                continue
            seen.add(key)
            body = annotator.request_body(question, features, most=features.room.most)
            parts.write({"custom_id": key.hex(), "method": "POST", "url": ENDPOINT, "body": body})
            requests += 1
            characters += sum(len(message.content) for message in question.prompt)
    return BatchExport(tuple(parts.paths), requests, reused, characters)


class _Parts:
    """Writes JSON lines into as many files as their limits ask for, all at once at the end."""

    def __init__(self, path: Path, check: Callable[[Path], None]) -> None:
        self.paths: list[Path] = []
        self._path, self._check = path, check
        self._whole, self._open_file = ExitStack(), ExitStack()
        self._file: BinaryIO | None = None
        self._lines = self._bytes = 0

    def __enter__(self) -> _Parts:
        self._open()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open_file.close()
        self._whole.__exit__(*error)

    def write(self, value: dict[str, Any]) -> None:
        line = json.dumps(value).encode() + b"\n"
        if self._lines >= MOST_REQUESTS or self._bytes + len(line) > LARGEST_FILE:
            self._open()
        assert self._file is not None
        self._file.write(line)
        self._lines, self._bytes = self._lines + 1, self._bytes + len(line)

    def _open(self) -> None:
        self._open_file.close()
        number = len(self.paths) + 1
        name = f"{self._path.stem}-{number}{self._path.suffix}"
        path = self._path if number == 1 else self._path.with_name(name)
        self._check(path)
        temporary = self._whole.enter_context(atomic_path(path))
        self._file = self._open_file.enter_context(temporary.open("wb"))
        self.paths.append(path)
        self._lines = self._bytes = 0


_STORE_AT_ONCE = 500


@dataclass(frozen=True)
class BatchImport:
    """What was read.

    Attributes:
        stored: answers that are new in the store.
        known: answers that were there already.
        failed: requests that the service could not answer; they can be asked again.
        unknown: lines that answer none of the questions.
        unreadable: lines that are no JSON, such as the last one of a download cut short.
        input_tokens: tokens sent for the new answers.
        output_tokens: tokens received for them.
        cost_usd: price of the new answers; None when no prices are known.
        first_failure: what the service said to the first failed request; empty when there is none.
    """

    stored: int
    known: int
    failed: int
    unknown: int
    unreadable: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    first_failure: str


def import_batch(
    paths: Iterable[Path],
    questions: Iterable[Question],
    annotator: OpenAIAnnotator,
    store: AnswerStore,
    prices: Prices | None = None,
) -> BatchImport:
    """Put the responses of a batch into the store; importing a file twice changes nothing.

    An answer outside of what was offered is ``invalid`` at once: a batch cannot ask again.

    Args:
        paths: response files and error files, complete or not, in any order.
        questions: the questions as they were exported (more or fewer do no harm).
        annotator: the annotator they were exported for.
        store: where the answers go.
        prices: the service's ordinary prices; half of them is booked.

    Raises:
        DataError: a file cannot be read, or holds no batch responses at all.
    """
    make_key = key_maker(annotator.identity)
    offered = {make_key(q).hex(): Question(q.id, q.label_pool, (), q.vote) for q in questions}
    reader = _Reader(offered, annotator, prices.halved() if prices else None)
    pending: dict[bytes, Answer] = {}
    for path in paths:
        for key, answer in reader.answers(path):
            pending.setdefault(key, answer)
            if len(pending) >= _STORE_AT_ONCE:
                reader.count(_put_new(store, pending))
    reader.count(_put_new(store, pending))
    store.sync()
    return reader.summary()


def _put_new(store: AnswerStore, pending: dict[bytes, Answer]) -> list[Answer]:
    """Store what is not there yet, return it, and empty ``pending``."""
    known = store.find(list(pending))
    new = {key: answer for key, answer in pending.items() if key not in known}
    store.put_many(new.items())
    pending.clear()
    return list(new.values())


class _Reader:
    """Makes answers of response lines, and counts the others."""

    def __init__(
        self, offered: dict[str, Question], annotator: OpenAIAnnotator, prices: Prices | None
    ) -> None:
        self._offered = offered
        self._annotator = annotator
        self._prices = prices
        self._found = self._failed = self._unknown = self._unreadable = 0
        self._stored = self._tokens_in = self._tokens_out = 0
        self._first_failure = ""

    def answers(self, path: Path) -> Iterator[tuple[bytes, Answer]]:
        """Yield the keys and answers of one file."""
        lines = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if not line.strip():
                        continue
                    value = _decoded(line)
                    if not isinstance(value, dict) or "custom_id" not in value:
                        self._unreadable += 1
                        continue
                    lines += 1
                    answer = self._answer(value)
                    if answer is not None:
                        yield answer
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        if not lines and path.stat().st_size:
            raise DataError(
                f"{path}: no line of it is a batch response",
                "give the output file of the batch (JSON lines with a custom_id)",
            )

    def count(self, stored: list[Answer]) -> None:
        """Take note of what was new."""
        self._stored += len(stored)
        self._tokens_in += sum(answer.input_tokens or 0 for answer in stored)
        self._tokens_out += sum(answer.output_tokens or 0 for answer in stored)

    def summary(self) -> BatchImport:
        """Return what has been read."""
        cost = None
        if self._prices is not None:
            cost = self._prices.cost_usd(self._tokens_in, self._tokens_out)
        return BatchImport(
            self._stored,
            self._found - self._stored,
            self._failed,
            self._unknown,
            self._unreadable,
            self._tokens_in,
            self._tokens_out,
            cost,
            self._first_failure,
        )

    def _answer(self, value: dict[str, Any]) -> tuple[bytes, Answer] | None:
        question = self._offered.get(str(value["custom_id"]))
        if question is None:
            self._unknown += 1
            return None
        response = value.get("response")
        response = response if isinstance(response, dict) else {}
        body = response.get("body")
        completion = read_completion(body) if response.get("status_code", 200) == 200 else None
        if completion is None:
            self._failed += 1
            said = complaint_of(value) or complaint_of(body) or "no reason given"
            self._first_failure = self._first_failure or self._annotator.redactor.clean(said)
            return None
        self._found += 1
        reply = self._annotator.reply(completion, question)
        key = bytes.fromhex(str(value["custom_id"]))
        return key, answer_of(
            reply, question, self._annotator.identity, key, completion.usage, self._prices
        )


def _decoded(line: bytes) -> Any:
    try:
        return parse_json(line)
    except ValueError:
        return None
