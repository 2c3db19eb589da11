"""Questions as a file of requests in the OpenAI Batch format: half the price, some hours later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from noisefix.annotators.keys import key_maker
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Question
from noisefix.annotators.store import AnswerStore
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
