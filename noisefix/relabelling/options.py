"""What may be chosen for asking an annotator: whom, how much, at what cost, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from noisefix.common_options import Labels, Seed
from noisefix.errors import UsageError
from noisefix.options import READS, WRITES, Option, Options

if TYPE_CHECKING:
    from noisefix.annotators.budget import Budget
    from noisefix.annotators.prompts import PromptStyle
    from noisefix.relabelling.questions import QuestionParams


VLLM = "vllm:"


def _check_tokens(flag: str, value: Any) -> None:
    if value != "auto" and not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise UsageError(
            f"{flag} {value!r} is neither auto nor a number of tokens", "give at least 1"
        )


@dataclass(frozen=True)
class AskOptions(Options):
    """How rows are asked about, and how much may be spent."""

    max_rows: Annotated[
        int | None, Option("--max-rows", "Ask about at most N rows.", "N", at_least=0)
    ] = None
    share: Annotated[
        float | None,
        Option("--share", "Ask about at most this share of all rows.", "P", at_least=0, at_most=1),
    ] = None
    max_cost_usd: Annotated[
        float | None, Option("--max-cost-usd", "Stop when this is spent.", "USD", at_least=0)
    ] = None
    price_in: Annotated[
        float | None, Option("--price-in", "Price of a million tokens in.", "USD", at_least=0)
    ] = None
    price_out: Annotated[
        float | None, Option("--price-out", "Price of a million tokens out.", "USD", at_least=0)
    ] = None
    max_tokens_total: Annotated[
        int | None, Option("--max-tokens-total", "Stop after so many tokens.", "N", at_least=0)
    ] = None
    votes: Annotated[
        int, Option("--votes", "Ask N times; the majority counts.", "N", at_least=1)
    ] = 1
    pool: Annotated[
        str,
        Option(
            "--pool",
            "Labels to choose from: those that the neighbours make plausible, or all.",
            words=("candidates", "all"),
        ),
    ] = "candidates"
    labels: Labels = None
    template: Annotated[
        str | Path | None, Option("--template", "Wording to use instead.", "FILE", role=READS)
    ] = None
    demonstrations: Annotated[
        bool,
        Option(
            "--demonstrations/--no-demonstrations",
            "Show the nearest surely clean rows as examples.",
        ),
    ] = True
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
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
        from noisefix.annotators.prompts import PromptStyle
        from noisefix.annotators.templates import PromptTemplate, load_template
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

        return QuestionParams(self.pool, self.demonstrations, self.votes)


@dataclass(frozen=True)
class ServerOptions(Options):
    """How a server that speaks OpenAI's language is reached."""

    model: Annotated[str | None, Option("--model", "Model to ask for.", "NAME")] = None
    base_url: Annotated[
        str | None,
        Option("--base-url", "The server, for instance http://localhost:8000/v1.", "URL"),
    ] = None
    api_key_env: Annotated[
        str, Option("--api-key-env", "Environment variable with the key.", "NAME")
    ] = "OPENAI_API_KEY"
    vllm_config: Annotated[
        str | Path | None,
        Option(
            "--vllm-config",
            "With vllm:PATH: vLLM's own options, a YAML file as its --config reads it.",
            "FILE",
            role=READS,
        ),
    ] = None
    concurrency: Annotated[
        int, Option("--concurrency", "Most requests at a time.", "N", at_least=1)
    ] = 16
    timeout: Annotated[
        float, Option("--timeout", "Most seconds for a request.", "SECONDS", at_least=0.1)
    ] = 60.0
    max_output_tokens: Annotated[
        str,
        Option(
            "--max-output-tokens",
            "Longest answer, reasoning included. auto: 2,048, and more where an answer was cut "
            "off. Always less where the model's context has no room for so much.",
            "N|auto",
            check=_check_tokens,
        ),
    ] = "auto"
    system_role: Annotated[
        str,
        Option(
            "--system-role",
            "user: for models without a system role; found out by itself where they complain.",
            words=("auto", "user"),
        ),
    ] = "auto"
    logprobs: Annotated[
        str,
        Option(
            "--logprobs",
            "off: do not ask for log-probabilities, from which confidences come.",
            words=("auto", "off"),
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        who = getattr(self, "annotator", VLLM)
        if self.vllm_config is not None and not str(who).startswith(VLLM):
            raise UsageError("--vllm-config: is for --annotator vllm:PATH", "leave it out")


@dataclass(frozen=True)
class BatchOptions(Options):
    """Questions by way of files, and what would be asked."""

    export_batch: Annotated[
        str | Path | None,
        Option(
            "--export-batch",
            "Write OpenAI Batch requests; ask nobody.",
            "FILE",
            role=WRITES,
        ),
    ] = None
    import_batch: Annotated[
        list[str | Path] | None,
        Option("--import-batch", "Read a batch's responses first.", "FILE", role=READS),
    ] = None
    batch_lost: Annotated[
        bool,
        Option(
            "--batch-lost",
            "What was exported to the model and is not back will not come: ask or export it again.",
        ),
    ] = False
    dry_run: Annotated[
        bool, Option("--dry-run", "Show three prompts, requests, tokens and cost; ask nobody.")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        who = str(getattr(self, "annotator", ""))
        if who.startswith(VLLM) and (self.export_batch or self.import_batch):
            raise UsageError(f"--annotator {who}: takes no batch files", "it is asked directly")


def check_for_edits(flag: str, annotator: Any, others: Mapping[str, bool]) -> None:
    """Refuse who cannot edit a text, and options that are about labels.

    Args:
        flag: what asks for edits.
        annotator: who is asked.
        others: options that do not go with it, and whether they were given.

    Raises:
        UsageError: there is one.
    """
    if isinstance(annotator, str) and not writes_texts(annotator):
        raise UsageError(
            f"{flag}: {annotator} writes no texts",
            "edits are for --annotator openai: any server that speaks its language",
        )
    given = [other for other, is_given in others.items() if is_given]
    if given:
        raise UsageError(f"{flag}: does not go with {given[0]}", "leave one of them out")


def writes_texts(who: str) -> bool:
    """Tell whether an annotator, as typed, writes more than labels."""
    return who == "openai" or who.startswith(VLLM)
