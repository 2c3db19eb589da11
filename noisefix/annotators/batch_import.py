"""The responses of an OpenAI Batch, put into the store as if they had been asked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noisefix.annotators.budget import Prices
from noisefix.annotators.exchange import answer_of
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.openai_complaint import complaint_of
from noisefix.annotators.openai_reply import read_completion
from noisefix.annotators.outstanding import Outstanding
from noisefix.annotators.protocol import Answer, Question, key_maker
from noisefix.annotators.store import AnswerStore
from noisefix.documents import parse_json
from noisefix.errors import DataError

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
        outstanding: requests that still lie in a batch.
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
    outstanding: int = 0


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
    offered = {make_key(q).hex(): replace(q, prompt=()) for q in questions}
    reader = _Reader(offered, annotator, prices.halved() if prices else None)
    out = Outstanding(store, annotator.identity.model)
    pending: dict[bytes, Answer] = {}
    for path in paths:
        for key, answer in reader.answers(path):
            pending.setdefault(key, answer)
            if len(pending) >= _STORE_AT_ONCE:
                reader.count(_put_new(store, pending))
    reader.count(_put_new(store, pending))
    store.sync()
    out.came_back(reader.back)  # once its answer is on the disk, not before
    return reader.summary(sum(out.files().values()))


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
        self.back: set[bytes] = set()  # keys of requests with a response, good or bad

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

    def summary(self, outstanding: int) -> BatchImport:
        """Return what has been read; so many requests still lie in a batch."""
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
            outstanding,
        )

    def _answer(self, value: dict[str, Any]) -> tuple[bytes, Answer] | None:
        question = self._offered.get(str(value["custom_id"]))
        if question is None:
            self._unknown += 1
            return None
        key = bytes.fromhex(str(value["custom_id"]))
        self.back.add(key)
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
        return key, answer_of(
            reply, question, self._annotator.identity, key, completion.usage, self._prices
        )


def _decoded(line: bytes) -> Any:
    try:
        return parse_json(line)
    except ValueError:
        return None
