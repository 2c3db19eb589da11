"""What ``relabel`` will ask, how, how much of it, and what that would cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED
from noisefix.relabelling.edit_requests import check_has_texts, edit_questions
from noisefix.relabelling.knowledge import Knowledge, read_knowledge
from noisefix.relabelling.questions import questions
from noisefix.relabelling.relabel_options import RelabelOptions
from noisefix.relabelling.rewriting import rewrite_requests, rewrite_rows
from noisefix.run.decisions import read_said
from noisefix.run.folder import RunFolder
from noisefix.run.outputs import check_not_foreign
from noisefix.run.rows import RunRows, read_run_rows
from noisefix.seeds import check_seed

if TYPE_CHECKING:
    import numpy as np

    from noisefix.annotators.prompts import PromptStyle
    from noisefix.annotators.protocol import Annotator
    from noisefix.run.decisions import PersonDecision

_SHOWN_PROMPTS = 3
_CHARS_PER_TOKEN = 4.0
_TOKENS_OF_AN_ANSWER = 12


@dataclass(frozen=True, eq=False)
class RelabelPlan:
    """What is to be asked.

    Attributes:
        folder: the run folder.
        rows: its rows.
        options: what was chosen.
        style: wording.
        asked: indices of the rows to ask about, in the order in which they would be asked if no
            answer changed it; the probe is among them.
        probe: indices of the random probe.
        n_most: rows that may be asked about.
        said: what ``--decisions`` holds; the rows are as it says, and the run folder keeps it once
            somebody is asked.
        knowledge: the passages shown with each question; None: there are none.
    """

    folder: RunFolder
    rows: RunRows
    options: RelabelOptions
    style: PromptStyle
    asked: np.ndarray
    probe: np.ndarray
    n_most: int
    said: tuple[PersonDecision, ...] = ()
    knowledge: Knowledge | None = None

    def questions(self, asked: np.ndarray | None = None) -> Iterator[Any]:
        """Yield the questions about some rows, in order; None: about all that are planned."""
        if self.options.rewrite:
            requests = rewrite_requests(self.rows, self.asked if asked is None else asked)
            shows = self.options.demonstrations
            return edit_questions(self.rows, requests, self.style, with_examples=shows)
        params = self.options.question_params()
        chosen = self.asked if asked is None else asked
        rows, style = self.rows, self.style
        return questions(rows, chosen.tolist(), style, params, knowledge=self.knowledge)

    def offers_all(self, annotator: Annotator) -> bool:
        """Say whether every class is offered for each row, not just what is plausible there."""
        from noisefix.annotators.column import ColumnAnnotator

        return self.options.pool == "all" or isinstance(annotator, ColumnAnnotator)

    @property
    def n_questions(self) -> int:
        """How many questions there are, votes counted."""
        return len(self.asked) * self.options.votes


@dataclass(frozen=True)
class PlanEstimate:
    """What a dry run shows.

    Attributes:
        rows: rows that would be asked about.
        requests: questions, votes counted; some may be answered already.
        tokens_in: estimated at four characters a token.
        tokens_out: estimated.
        cost_usd: None without prices.
        prompts: the first few, whole.
    """

    rows: int
    requests: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    prompts: tuple[str, ...]


def plan_relabel(run: str | Path, options: RelabelOptions) -> RelabelPlan:
    """Choose the rows to ask about.

    Args:
        run: run folder that ``detect`` has written.
        options: what was chosen.

    Raises:
        DataError: the run folder, labels.toml or the template cannot be used, or a label is too
            long to be asked about.
    """
    from noisefix.annotators.prompts import check_label_names
    from noisefix.relabelling.rounds import first_rows

    check_seed(options.seed)
    folder = RunFolder.open(run, options.run_data, fresh=("issues", "candidates"))
    written = folder.rewrites if options.rewrite else folder.relabels
    check_not_foreign([written], "move it away")
    said = read_said(options.decisions)
    rows = read_run_rows(folder, said)
    check_label_names(rows.class_names)
    style = options.style()
    n_most = _most_rows(options, rows)
    asked, probe = first_rows(rows, n_most, options.probe, order=options.order, seed=options.seed)
    if options.rewrite:
        check_has_texts(folder, "--rewrite")
        is_limited = options.max_rows is not None or options.share is not None
        asked = rewrite_rows(rows, asked, n_most if is_limited else None, style)
    knowledge = None
    if options.knowledge is not None:
        path = Path(options.knowledge)
        knowledge = read_knowledge(path, folder, rows.texts, rows.embeddings, options.device)
    return RelabelPlan(folder, rows, options, style, asked, probe, n_most, said, knowledge)


class AskPlan(Protocol):
    """What ``relabel`` and ``augment`` plan to ask."""

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        ...

    @property
    def options(self) -> Any:
        """Budget, batches, wording."""
        ...

    @property
    def asked(self) -> np.ndarray:
        """Indices of the rows asked about."""
        ...

    @property
    def n_questions(self) -> int:
        """How many questions there are."""
        ...

    def questions(self) -> Iterator[Any]:
        """Yield them."""
        ...


def estimate_plan(plan: AskPlan) -> PlanEstimate:
    """Render every prompt once, and count what asking them would cost."""
    characters, tokens_out, prompts = 0, 0.0, []
    for number, question in enumerate(plan.questions()):
        tokens_out += _TOKENS_OF_AN_ANSWER + question.more_tokens
        text = "\n\n".join(f"[{m.role}]\n{m.content}" for m in question.prompt)
        characters += len(text)
        if number < _SHOWN_PROMPTS:
            prompts.append(text)
    tokens_in = int(characters / _CHARS_PER_TOKEN)
    prices = plan.options.budget().prices
    return PlanEstimate(
        rows=len(plan.asked),
        requests=plan.n_questions,
        tokens_in=tokens_in,
        tokens_out=int(tokens_out),
        cost_usd=None if prices is None else prices.cost_usd(tokens_in, int(tokens_out)),
        prompts=tuple(prompts),
    )


def _most_rows(options: RelabelOptions, rows: RunRows) -> int:
    """Return how many rows may be asked about, the probe included."""
    n_labelled = int((rows.given_labels != UNLABELLED).sum())
    if not n_labelled:
        raise DataError("the run has no labelled rows")
    limits = []
    if options.share is not None:
        limits.append(int(options.share * len(rows)))
    if options.max_rows is not None:
        limits.append(options.max_rows)
    return min(limits) if limits else int(rows.is_issue.sum()) + options.probe
