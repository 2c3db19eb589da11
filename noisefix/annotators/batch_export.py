"""The OpenAI Batch format: questions as files of requests, half the price, some hours later."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.outstanding import Outstanding
from noisefix.annotators.protocol import Question, key_maker
from noisefix.annotators.store import AnswerStore
from noisefix.tables.atomic import atomic_path

ENDPOINT = "/v1/chat/completions"
MOST_REQUESTS = 50_000
LARGEST_FILE = 190 * 10**6
"""OpenAI takes 50,000 requests and 200 MB a file (its guide to the Batch API)."""

_LOOKUP_AT_ONCE = 256


@dataclass(frozen=True)
class BatchExport:
    """What was written.

    Attributes:
        paths: the files; more than one when one would be too large for the service; none where
            there is nothing to ask.
        requests: requests in them.
        reused: questions left out because they have a stored answer, or are asked by another line.
        characters: characters of prompt, for an estimate of the tokens.
        outstanding: questions left out because they lie in a batch already.
        earlier: the files in which they went out.
    """

    paths: tuple[Path, ...]
    requests: int
    reused: int
    characters: int
    outstanding: int = 0
    earlier: tuple[str, ...] = ()


def export_batch(
    path: Path,
    questions: Iterable[Question],
    annotator: OpenAIAnnotator,
    store: AnswerStore | None = None,
    *,
    check: Callable[[Path], None] = lambda path: None,
) -> BatchExport:
    """Write the questions that have no stored answer and lie in no batch as batch requests.

    A request's ``custom_id`` is its store key, so that responses can come in any order, in parts,
    and long after. Files are complete or not there at all.

    Args:
        path: the file; further ones, when needed, get ``-2``, ``-3`` in their names.
        questions: taken one at a time.
        annotator: says which model is asked with which parameters.
        store: answers that are there already, and what lies in batches; what is written is noted.
        check: called with each file's name before it is written.

    Raises:
        DataError: a file cannot be written; and whatever ``check`` raises.
    """
    out = None if store is None else Outstanding(store, annotator.identity.model)
    sorter = _Sorter(key_maker(annotator.identity), store, out)
    features, characters = annotator.features(), 0
    with _Parts(path, check, out) as parts:
        for key, question in sorter.new(questions):
            body = annotator.request_body(question, features, most=features.room.most)
            line = {"custom_id": key.hex(), "method": "POST", "url": ENDPOINT, "body": body}
            parts.write(key, line)
            characters += sum(len(message.content) for message in question.prompt)
    return BatchExport(
        tuple(parts.paths),
        len(sorter.seen),
        sorter.reused,
        characters,
        sorter.outstanding,
        () if out is None or not sorter.outstanding else tuple(out.files()),
    )


class _Sorter:
    """Picks the questions that nobody has asked yet."""

    def __init__(
        self,
        make_key: Callable[[Question], bytes],
        store: AnswerStore | None,
        out: Outstanding | None,
    ) -> None:
        self.seen: set[bytes] = set()
        self.reused = self.outstanding = 0
        self._make_key, self._store, self._out = make_key, store, out

    def new(self, questions: Iterable[Question]) -> Iterator[tuple[bytes, Question]]:
        source = iter(questions)
        while some := list(islice(source, _LOOKUP_AT_ONCE)):
            keys = [self._make_key(question) for question in some]
            stored = {} if self._store is None else self._store.find(keys)
            out = set() if self._out is None else self._out.among(keys)
            for key, question in zip(keys, some, strict=True):
                if key in self.seen or key in stored:
                    self.reused += 1
                elif key in out:
                    self.outstanding += 1
                else:
                    self.seen.add(key)
                    yield key, question


class _Parts:
    """Writes JSON lines into as many files as their limits ask for, all at once at the end."""

    def __init__(self, path: Path, check: Callable[[Path], None], out: Outstanding | None) -> None:
        self.paths: list[Path] = []
        self._path, self._check, self._out = path, check, out
        self._whole, self._open_file = ExitStack(), ExitStack()
        self._file: BinaryIO | None = None
        self._keys: list[list[bytes]] = []
        self._bytes = 0

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        try:
            self._open_file.close()
            if kind is None and self._out is not None:
                self._out.add(zip(self.paths, self._keys, strict=True))
        except BaseException:
            self._whole.__exit__(*sys.exc_info())
            raise
        self._whole.__exit__(kind, *error)
        if kind is None and self._out is not None:
            self._out.placed()

    def write(self, key: bytes, value: dict[str, Any]) -> None:
        line = json.dumps(value).encode() + b"\n"
        is_full = self._file is None or len(self._keys[-1]) >= MOST_REQUESTS
        if is_full or self._bytes + len(line) > LARGEST_FILE:
            self._open()
        assert self._file is not None
        self._file.write(line)
        self._keys[-1].append(key)
        self._bytes += len(line)

    def _open(self) -> None:
        self._open_file.close()
        path = part_path(self._path, len(self.paths) + 1)
        self._check(path)
        temporary = self._whole.enter_context(atomic_path(path))
        self._file = self._open_file.enter_context(temporary.open("wb"))
        self.paths.append(path)
        self._keys.append([])
        self._bytes = 0


def part_path(path: Path, number: int) -> Path:
    """Return the file of a part of a large batch; the first is the file that was named."""
    name = f"{path.stem}-{number}{path.suffix}"
    return path if number == 1 else path.with_name(name)
