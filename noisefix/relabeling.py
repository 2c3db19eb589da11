"""``relabel``: ask an annotator about the suspicious rows, and weigh its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import DataError, ServiceError, UsageError
from noisefix.labels import UNLABELLED
from noisefix.stages.questions import QuestionParams, questions
from noisefix.stages.run_rows import RunRows, read_run_rows
from noisefix.tables.run_folder import RunFolder

if TYPE_CHECKING:
    from noisefix.annotators.batch_export import BatchExport
    from noisefix.annotators.batch_import import BatchImport
    from noisefix.annotators.budget import Budget
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.annotators.human import RowFacts
    from noisefix.annotators.progress import AskProgress
    from noisefix.annotators.prompts import PromptStyle
    from noisefix.annotators.protocol import Annotator, Answer, Question
    from noisefix.annotators.store import AnswerStore
    from noisefix.stages.relabel import RelabelReport

STORE_FILE = "annotations.sqlite"
_SHOWN_PROMPTS = 3
_CHARS_PER_TOKEN = 4.0
_TOKENS_OF_AN_ANSWER = 12
_NEIGHBORS_SHOWN = 5


@dataclass(frozen=True)
class RelabelOptions:
    """What to ask, how, and how much may be spent.

    Attributes:
        max_rows: rows asked about at most, probe included; None: see ``share``.
        share: the same as a share of all rows, in [0, 1]. With neither: the flagged rows.
        max_cost_usd: stop when so much is spent; needs both prices.
        price_in: US dollars for a million tokens sent.
        price_out: US dollars for a million tokens received.
        max_tokens_total: stop after so many tokens.
        n_probe: unflagged rows to ask about too, drawn at random.
        votes: how often each row is asked.
        pool: "candidates" or "all".
        labels: labels.toml with what the classes mean.
        template: wording to use instead.
        with_demonstrations: show surely clean rows as examples.
        seed: order of the labels shown, and the random probe.
    """

    max_rows: int | None = None
    share: float | None = None
    max_cost_usd: float | None = None
    price_in: float | None = None
    price_out: float | None = None
    max_tokens_total: int | None = None
    n_probe: int = 50
    votes: int = 1
    pool: str = "candidates"
    labels: str | Path | None = None
    template: str | Path | None = None
    with_demonstrations: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.share is not None and not 0 <= self.share <= 1:
            raise UsageError(f"--share is {self.share}", "it must lie in 0 to 1")
        if self.pool not in ("candidates", "all"):
            raise UsageError(f"--pool {self.pool!r} is unknown", "choose candidates or all")
        if self.votes < 1:
            raise UsageError(f"--votes is {self.votes}", "it must be at least 1")
        if (self.price_in is None) != (self.price_out is None):
            raise UsageError("one of the two prices is missing", "give --price-in and --price-out")

    def budget(self) -> Budget:
        """Return the hard limits."""
        from noisefix.annotators.budget import Budget, Prices

        prices = None
        if self.price_in is not None and self.price_out is not None:
            prices = Prices(self.price_in, self.price_out)
        return Budget(
            max_tokens_total=self.max_tokens_total, max_cost_usd=self.max_cost_usd, prices=prices
        )


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
    """

    folder: RunFolder
    rows: RunRows
    options: RelabelOptions
    style: PromptStyle
    asked: np.ndarray
    probe: np.ndarray
    n_most: int

    def questions(self, asked: np.ndarray | None = None) -> Iterator[Question]:
        """Yield the questions about some rows, in order; None: about all that are planned."""
        params = QuestionParams(
            self.options.pool, self.options.with_demonstrations, self.options.votes
        )
        chosen = self.asked if asked is None else asked
        return questions(self.rows, chosen.tolist(), self.style, params)

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


@dataclass(frozen=True, eq=False)
class RelabelResult:
    """What came of a run.

    Attributes:
        run: the run folder.
        report: counts, agreement, the annotator's estimated quality, and what was learned.
        failure: why not everything was asked; None when all went well. What was answered is kept.
    """

    run: Path
    report: RelabelReport
    failure: ServiceError | None = field(default=None)


def relabel(
    run: str | Path,
    *,
    annotator: Annotator,
    max_rows: int | None = None,
    share: float | None = None,
    max_cost_usd: float | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    max_tokens_total: int | None = None,
    probe: int = 50,
    votes: int = 1,
    pool: str = "candidates",
    labels: str | Path | None = None,
    template: str | Path | None = None,
    demonstrations: bool = True,
    seed: int = 0,
    progress: Callable[[AskProgress], None] | None = None,
) -> RelabelResult:
    """Ask an annotator about the suspicious rows of a run, and weigh its answers.

    Args:
        run: run folder that ``detect`` has written.
        annotator: any object with ``annotate(questions) -> iterator of answers``, for instance an
            ``OpenAIAnnotator`` or a ``LocalAnnotator``.
        max_rows: rows asked about at most, probe included; None: see ``share``.
        share: the same as a share of all rows, in [0, 1]. With neither: the flagged rows.
        max_cost_usd: stop when so much is spent; needs both prices.
        price_in: US dollars for a million tokens sent.
        price_out: US dollars for a million tokens received.
        max_tokens_total: stop after so many tokens.
        probe: unflagged rows to ask about too, drawn at random.
        votes: how often each row is asked.
        pool: "candidates" (what is plausible) or "all" (every class).
        labels: labels.toml with what the classes mean.
        template: wording to use instead.
        demonstrations: show surely clean rows as examples.
        seed: order of the labels shown, and the random probe.
        progress: called with how far it has come.

    Returns:
        What came of it; relabels.parquet is written. Where the service failed or a budget was
        reached, ``failure`` says so, and a further run goes on from there.

    Raises:
        DataError: the run folder cannot be used.
        UsageError: an option is out of range.
    """
    options = RelabelOptions(
        max_rows=max_rows,
        share=share,
        max_cost_usd=max_cost_usd,
        price_in=price_in,
        price_out=price_out,
        max_tokens_total=max_tokens_total,
        n_probe=probe,
        votes=votes,
        pool=pool,
        labels=labels,
        template=template,
        with_demonstrations=demonstrations,
        seed=seed,
    )
    return finish(plan_relabel(run, options), annotator, progress=progress)


def plan_relabel(run: str | Path, options: RelabelOptions) -> RelabelPlan:
    """Choose the rows to ask about.

    Args:
        run: run folder that ``detect`` has written.
        options: what was chosen.

    Raises:
        DataError: the run folder, labels.toml or the template cannot be used.
    """
    from noisefix.annotators.prompts import PromptStyle, PromptTemplate, load_template
    from noisefix.label_descriptions import load_label_sheet
    from noisefix.stages.asking import first_rows

    folder = RunFolder.open(run)
    rows = read_run_rows(folder)
    sheet = None if options.labels is None else load_label_sheet(Path(options.labels))
    style = PromptStyle(
        task="" if sheet is None else sheet.task,
        descriptions={} if sheet is None else sheet.labels,
        template=PromptTemplate()
        if options.template is None
        else load_template(Path(options.template)),
        seed=options.seed,
    )
    n_most = _most_rows(options, rows)
    asked, probe = first_rows(rows, n_most, options.n_probe, seed=options.seed)
    return RelabelPlan(folder, rows, options, style, asked, probe, n_most)


def estimate_plan(plan: RelabelPlan) -> PlanEstimate:
    """Render every prompt once, and count what asking them would cost."""
    characters, prompts = 0, []
    for number, question in enumerate(plan.questions()):
        text = "\n\n".join(f"[{m.role}]\n{m.content}" for m in question.prompt)
        characters += len(text)
        if number < _SHOWN_PROMPTS:
            prompts.append(text)
    tokens_in = int(characters / _CHARS_PER_TOKEN)
    tokens_out = plan.n_questions * _TOKENS_OF_AN_ANSWER
    prices = plan.options.budget().prices
    return PlanEstimate(
        rows=len(plan.asked),
        requests=plan.n_questions,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=None if prices is None else prices.cost_usd(tokens_in, tokens_out),
        prompts=tuple(prompts),
    )


def finish(
    plan: RelabelPlan,
    annotator: Annotator,
    *,
    progress: Callable[[AskProgress], None] | None = None,
    ask_nobody: bool = False,
) -> RelabelResult:
    """Ask what is planned, weigh the answers, and write relabels.parquet.

    Rows are asked in a few rounds: what the answers tell of the annotator and of the labels
    decides which rows are worth asking about next.

    Args:
        plan: what to ask.
        annotator: whom.
        progress: called with how far it has come.
        ask_nobody: take the stored answers to the planned rows only.
    """
    from noisefix.stages.relabel import weigh_and_write

    answers, failure = _collect(plan, annotator, progress, ask_nobody)
    report = weigh_and_write(plan.folder, plan.rows, answers, plan.probe, seed=plan.options.seed)
    return RelabelResult(plan.folder.path, report, failure)


def export_requests(plan: RelabelPlan, annotator: Annotator, path: Path) -> BatchExport:
    """Write the unanswered questions as OpenAI Batch requests.

    Raises:
        UsageError: the annotator is no OpenAI-compatible model.
    """
    from noisefix.annotators.batch_export import export_batch
    from noisefix.annotators.store import AnswerStore

    with AnswerStore(plan.folder.path / STORE_FILE) as store:
        return export_batch(path, plan.questions(), _openai(annotator), store)


def import_responses(plan: RelabelPlan, annotator: Annotator, paths: list[Path]) -> BatchImport:
    """Put a batch's responses into the store.

    Raises:
        UsageError: the annotator is no OpenAI-compatible model.
        DataError: a file cannot be read.
    """
    from noisefix.annotators.batch_import import import_batch
    from noisefix.annotators.store import AnswerStore

    with AnswerStore(plan.folder.path / STORE_FILE) as store:
        prices = plan.options.budget().prices
        return import_batch(paths, plan.questions(), _openai(annotator), store, prices)


def column_annotator(plan: RelabelPlan, column: str) -> ColumnAnnotator:
    """Make an annotator of a column of the run's input.

    Raises:
        DataError: the input is gone, or has no such column.
    """
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.tables.columns import resolve_column
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.label_values import read_labels
    from noisefix.tables.source import read_source

    columns = plan.folder.read()["input"]["columns"]
    source = read_source(plan.folder.input_path())
    name = resolve_column(source, column, "--annotator column:NAME")
    if name == columns["label"]:
        raise UsageError(
            f"column {name!r} holds the labels that are to be judged",
            "name a column with another annotator's answers",
        )
    dataset = load_dataset(
        source,
        text_column=columns["text"],
        label_column=columns["label"],
        id_column=columns["id"],
        needs_labels=False,
    )
    where = f"{source.name}, column {name!r}"
    values = read_labels(source.table[name], source.table.schema.field(name), where).labels
    cells = dict(zip(dataset.ids, values, strict=True))
    return ColumnAnnotator(name, cells, plan.rows.class_names)


def facts_of(plan: RelabelPlan) -> Callable[[str], RowFacts]:
    """Return a function from row id to what a person should see of the row."""
    from noisefix.annotators.human import Neighbor, RowFacts
    from noisefix.neighbors.search import nearest

    rows = plan.rows
    place = {key: row for row, key in enumerate(rows.ids)}
    labelled = np.flatnonzero(rows.given_labels != UNLABELLED)

    def facts(key: str) -> RowFacts:
        row = place[key]
        found = nearest(
            rows.embeddings[row : row + 1],
            rows.embeddings[labelled],
            _NEIGHBORS_SHOWN,
            query_groups=rows.groups[row : row + 1],
            base_groups=rows.groups[labelled],
            device="cpu",
        )
        near = [
            (labelled[index], float(similarity))
            for index, similarity in zip(found.indices[0], found.similarities[0], strict=True)
            if index >= 0
        ]
        return RowFacts(
            text=rows.texts[row],
            neighbors=tuple(
                Neighbor(rows.texts[i], rows.class_names[rows.given_labels[i]], similarity)
                for i, similarity in near
            ),
            probabilities=dict(
                zip(rows.class_names, rows.true_label_probs[row].tolist(), strict=True)
            ),
        )

    return facts


def _collect(
    plan: RelabelPlan,
    annotator: Annotator,
    progress: Callable[[AskProgress], None] | None,
    ask_nobody: bool,
) -> tuple[list[Answer], ServiceError | None]:
    """Return one answer a row, and why there are not more."""
    from noisefix.annotators.column import ColumnAnnotator
    from noisefix.annotators.engine import stored_answers
    from noisefix.annotators.store import AnswerStore
    from noisefix.annotators.votes import majority

    if isinstance(annotator, ColumnAnnotator):
        # A column is looked up, not asked: see its docstring.
        return _in_rounds(plan, lambda rows: annotator.annotate(_bare_questions(plan, rows)))
    with AnswerStore(plan.folder.path / STORE_FILE) as store:
        if ask_nobody:
            found = stored_answers(annotator, plan.questions(), store)
            return list(majority(found, plan.options.votes)), None
        asking = _Asking(plan, annotator, store, progress)
        return _in_rounds(plan, asking.ask)


class _Asking:
    """Asks round after round with one budget."""

    def __init__(
        self,
        plan: RelabelPlan,
        annotator: Annotator,
        store: AnswerStore,
        progress: Callable[[AskProgress], None] | None,
    ) -> None:
        self._plan, self._annotator, self._store = plan, annotator, store
        self._progress = progress
        self._spent_tokens, self._spent_usd = 0, 0.0

    def ask(self, rows: np.ndarray) -> Iterator[Answer]:
        """Yield one answer for each of some rows."""
        from noisefix.annotators.engine import ask
        from noisefix.annotators.votes import majority

        votes = self._plan.options.votes
        answers = ask(
            self._annotator,
            self._plan.questions(rows),
            store=self._store,
            budget=self._left(),
            total=len(rows) * votes,
            progress=self._progress,
            seed=self._plan.options.seed,
        )
        yield from majority(self._counted(answers), votes)

    def _counted(self, answers: Iterator[Answer]) -> Iterator[Answer]:
        for answer in answers:
            if not answer.reused:
                self._spent_tokens += (answer.input_tokens or 0) + (answer.output_tokens or 0)
                self._spent_usd += answer.cost_usd or 0.0
            yield answer

    def _left(self) -> Budget:
        budget = self._plan.options.budget()
        tokens, dollars = budget.max_tokens_total, budget.max_cost_usd
        return replace(
            budget,
            max_tokens_total=None if tokens is None else max(tokens - self._spent_tokens, 0),
            max_cost_usd=None if dollars is None else max(dollars - self._spent_usd, 0.0),
        )


def _in_rounds(
    plan: RelabelPlan, ask: Callable[[np.ndarray], Iterator[Answer]]
) -> tuple[list[Answer], ServiceError | None]:
    from noisefix.annotators.engine import UnansweredError
    from noisefix.stages.asking import rounds

    failure: ServiceError | None = None
    collected: list[Answer] = []
    for rows in rounds(plan.rows, plan.asked, plan.probe, plan.n_most, collected):
        try:
            for answer in ask(rows):
                collected.append(answer)  # one by one: those before an error are kept
        except UnansweredError as error:
            failure = error  # a few rows without an answer are no reason not to ask the others
        except ServiceError as error:
            return collected, error
    return collected, failure


def _bare_questions(plan: RelabelPlan, rows: np.ndarray) -> Iterator[Question]:
    from noisefix.annotators.protocol import Question

    for row in rows.tolist():
        yield Question(plan.rows.ids[row], plan.rows.class_names, ())


def _openai(annotator: Annotator) -> Any:
    from noisefix.annotators.openai_client import OpenAIAnnotator

    if not isinstance(annotator, OpenAIAnnotator):
        raise UsageError(
            "batches are for OpenAI-compatible models only",
            "leave --annotator out and name --model",
        )
    return annotator


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
    return min(limits) if limits else int(rows.is_issue.sum()) + options.n_probe
