"""What whoever asks an annotator may choose: how much, at what cost, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.errors import UsageError

if TYPE_CHECKING:
    from noisefix.annotators.budget import Budget
    from noisefix.annotators.prompts import PromptStyle
    from noisefix.relabelling.questions import QuestionParams


@dataclass(frozen=True)
class AskOptions:
    """How rows are asked about, and how much may be spent.

    Attributes:
        max_rows: rows asked about at most; None: see ``share``.
        share: the same as a share of all rows, in [0, 1].
        max_cost_usd: stop when so much is spent; needs both prices.
        price_in: US dollars for a million tokens sent.
        price_out: US dollars for a million tokens received.
        max_tokens_total: stop after so many tokens.
        votes: how often each row is asked.
        pool: "candidates" or "all".
        labels: labels.toml with what the classes mean.
        template: wording to use instead.
        with_demonstrations: show surely clean rows as examples.
        seed: order of the labels shown, and whatever is drawn.
    """

    max_rows: int | None = None
    share: float | None = None
    max_cost_usd: float | None = None
    price_in: float | None = None
    price_out: float | None = None
    max_tokens_total: int | None = None
    votes: int = 1
    pool: str = "candidates"
    labels: str | Path | None = None
    template: str | Path | None = None
    with_demonstrations: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_rows is not None and self.max_rows < 0:
            raise UsageError(f"--max-rows is {self.max_rows}", "it cannot be below 0")
        if self.share is not None and not 0 <= self.share <= 1:
            raise UsageError(f"--share is {self.share}", "it must lie in 0 to 1")
        if self.pool not in ("candidates", "all"):
            raise UsageError(f"--pool {self.pool!r} is unknown", "choose candidates or all")
        if self.votes < 1:
            raise UsageError(f"--votes is {self.votes}", "it must be at least 1")
        if (self.price_in is None) != (self.price_out is None):
            raise UsageError("one of the two prices is missing", "give --price-in and --price-out")

    def budget(self) -> Budget:
        """Return the hard limits.

        Raises:
            UsageError: a limit on the cost without prices.
        """
        from noisefix.annotators.budget import Budget, Prices

        prices = None
        if self.price_in is not None and self.price_out is not None:
            prices = Prices(self.price_in, self.price_out)
        return Budget(
            max_tokens_total=self.max_tokens_total, max_cost_usd=self.max_cost_usd, prices=prices
        )

    def style(self) -> PromptStyle:
        """Return the wording.

        Raises:
            DataError: labels.toml or the template cannot be used.
        """
        from noisefix.annotators.prompts import PromptStyle, PromptTemplate, load_template
        from noisefix.label_descriptions import load_label_sheet

        sheet = None if self.labels is None else load_label_sheet(Path(self.labels))
        template = PromptTemplate() if self.template is None else load_template(Path(self.template))
        return PromptStyle(
            task="" if sheet is None else sheet.task,
            descriptions={} if sheet is None else sheet.labels,
            template=template,
            seed=self.seed,
        )

    def question_params(self) -> QuestionParams:
        """Return how the questions are put."""
        from noisefix.relabelling.questions import QuestionParams

        return QuestionParams(self.pool, self.with_demonstrations, self.votes)
