"""Asks an annotator in several goes that share one budget and one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from noisefix.annotators.engine import UnansweredError, ask
from noisefix.annotators.give_up import NothingUsableError, remedy, what_came
from noisefix.annotators.votes import majority

if TYPE_CHECKING:
    from noisefix.annotators.budget import Budget
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.protocol import Annotator, Answer, Question
    from noisefix.annotators.store import AnswerStore
    from noisefix.relabelling.options import AskOptions


class Asker:
    """What one go has spent is not there for the next.

    Args:
        annotator: who is asked.
        options: the budget, the votes and the seed.
        store: where answers are kept and found.
        progress: called with how far a go has come.
    """

    def __init__(
        self,
        annotator: Annotator,
        options: AskOptions,
        store: AnswerStore,
        progress: Callable[[AskProgress], None] | None = None,
    ) -> None:
        self._annotator, self._options, self._store = annotator, options, store
        self._progress = progress
        self._spent_tokens, self._spent_usd = 0, 0.0
        self._kinds: Counter[str] = Counter()
        self._last_useless: Answer | None = None

    def ask(
        self, questions: Iterable[Question], n_rows: int, votes: int | None = None
    ) -> Iterator[Answer]:
        """Yield one answer a row.

        Args:
            questions: of all votes on these rows.
            n_rows: how many rows they are about.
            votes: votes a row; None: as the options say.

        Raises:
            NothingUsableError: not one answer, of all goes so far, can be used.
            ServiceError: see ``engine.ask``.
        """
        votes = self._options.votes if votes is None else votes
        answers = ask(
            self._annotator,
            questions,
            store=self._store,
            budget=self._left(),
            total=n_rows * votes,
            progress=None if self._progress is None else self._tell,
            seed=self._options.seed,
        )
        try:
            yield from majority(self._counted(answers), votes)
        except UnansweredError:
            self._look_at_all()
            raise
        self._look_at_all()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the answers so far; empty when there is nothing to say."""
        kinds, total = self._kinds, self._kinds.total()
        notes = []
        if kinds["cut off"]:
            notes.append(
                f"{kinds['cut off']:,} of {total:,} answers were cut off before they came to a "
                "label: raise --max-output-tokens, or switch the model's reasoning off"
            )
        useless = total - kinds["usable"]
        if useless == total:
            return ()  # an error says it
        if self._last_useless is not None and useless - kinds["cut off"] > total / 2:
            last = self._last_useless
            notes.append(
                f"{useless:,} of {total:,} answers cannot be used ({what_came(last)}): "
                f"{remedy(last)}"
            )
        return tuple(notes)

    def _tell(self, step: AskProgress) -> None:
        assert self._progress is not None
        self._progress(replace(step, notes=self.notes))

    def _look_at_all(self) -> None:
        """Raise when there are answers, and none can be used."""
        kinds, last = self._kinds, self._last_useless
        if last is None or kinds["usable"]:
            return
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        raise NothingUsableError(
            f"none of {kinds.total():,} answers can be used ({counts}); {what_came(last)}",
            remedy(last),
        )

    def _counted(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if not answer.reused:
                self._spent_tokens += (answer.input_tokens or 0) + (answer.output_tokens or 0)
                self._spent_usd += answer.cost_usd or 0.0
            if answer.is_useless:
                self._last_useless = answer
                kind = answer.answer or "without an answer"
                self._kinds["cut off" if answer.is_cut else kind] += 1
            else:
                self._kinds["usable"] += 1
            yield answer

    def _left(self) -> Budget:
        budget = self._options.budget()
        tokens, dollars = budget.max_tokens_total, budget.max_cost_usd
        return replace(
            budget,
            max_tokens_total=None if tokens is None else max(tokens - self._spent_tokens, 0),
            max_cost_usd=None if dollars is None else max(dollars - self._spent_usd, 0.0),
        )
