"""Options of ``relabel``, and what does not go together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from noisefix.annotators.protocol import Annotator
from noisefix.common_options import RAY, Decisions, Device, ExecutorOptions, RunData
from noisefix.errors import UsageError
from noisefix.options import READS, Option
from noisefix.relabelling.options import (
    VLLM,
    AskOptions,
    BatchOptions,
    ServerOptions,
    check_for_edits,
    writes_texts,
)

if TYPE_CHECKING:
    from noisefix.annotators.prompts import PromptStyle


@dataclass(frozen=True)
class RelabelOptions(BatchOptions, ExecutorOptions, ServerOptions, AskOptions):
    """Options of ``relabel``; with no limit on the rows: those flagged."""

    annotator: Annotated[
        str | Annotator,
        Option(
            "--annotator",
            "Who is asked: openai | local:PATH | vllm:PATH | column:NAME | human. openai: any "
            "server that speaks OpenAI's language.",
            "WHO",
            offered=("openai", "local:", "vllm:", "column:", "human"),
        ),
    ] = "openai"
    probe: Annotated[
        int,
        Option("--probe", "Unflagged rows to ask about too, drawn at random.", "N", at_least=0),
    ] = 50
    knowledge: Annotated[
        str | Path | None,
        Option(
            "--knowledge",
            "Handbook or glossary (.md, .txt, or a table of texts): the passages nearest to a row "
            "are shown to an LLM with it.",
            "FILE",
            role=READS,
        ),
    ] = None
    paraphrase: Annotated[
        int | None,
        Option(
            "--paraphrase",
            "Ask K times, in other words and with typing errors, where the first answer is neither "
            "the given nor the likely label; and say what the wording changes.",
            "K",
            at_least=2,
            at_most=8,
        ),
    ] = None
    order: Annotated[
        str,
        Option(
            "--order",
            "Which rows first: where an answer should help most; others to compare with: rad "
            "(drawn, against the worst case), margin (least clear), random.",
            words=("value", "rad", "margin", "random"),
        ),
    ] = "value"
    allow_not: Annotated[
        bool,
        Option(
            "--allow-not",
            "Let an LLM answer `not X` too, where only that is sure: evidence for all others.",
        ),
    ] = False
    rewrite: Annotated[
        bool,
        Option(
            "--rewrite",
            "Ask for the smallest edit of each text after which its given label is right, in the "
            "place of a label. An LLM only.",
        ),
    ] = False
    reviewer: Annotated[
        str, Option("--reviewer", "Who reviews, with --annotator human.", "NAME")
    ] = ""
    device: Device = "auto"
    decisions: Decisions = None
    run_data: RunData = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag, value in (("--knowledge", self.knowledge), ("--paraphrase", self.paraphrase)):
            if value is not None and _reads_nothing(self.annotator):
                raise UsageError(
                    f"{flag}: {self.annotator} reads no prompt", "it is for an LLM that is asked"
                )
        if self.paraphrase is not None and (self.votes > 1 or self.export_batch):
            raise UsageError(
                "--paraphrase asks again in the light of the first answer",
                "leave out --votes and --export-batch",
            )
        if self.executor == RAY:
            self._check_distributed()
        if self.allow_not and isinstance(self.annotator, str) and not writes_texts(self.annotator):
            raise UsageError(
                f"--allow-not: {self.annotator} cannot answer so",
                "it is for --annotator openai; a column: noisefix detect DATA --not-column NAME",
            )
        if self.rewrite:
            check_for_edits(
                "--rewrite",
                self.annotator,
                {
                    "--votes": self.votes > 1,
                    "--pool": self.pool != "candidates",
                    "--template": self.template is not None,
                    "--knowledge": self.knowledge is not None,
                    "--paraphrase": self.paraphrase is not None,
                    "--allow-not": self.allow_not,
                    "--executor ray": self.executor == RAY,
                },
            )

    def _check_distributed(self) -> None:
        if not isinstance(self.annotator, str) or _reads_nothing(self.annotator):
            who = self.annotator if isinstance(self.annotator, str) else "an object"
            raise UsageError(
                f"--executor ray: {who} cannot be asked from other machines",
                "leave it out; it is for --annotator openai and local:PATH",
            )
        if self.annotator.startswith(VLLM):
            raise UsageError(
                f"--executor ray: {self.annotator} is a server on this machine",
                "leave it out; vLLM itself spreads a model over cards and machines",
            )
        if self.export_batch or self.import_batch:
            raise UsageError(
                "--executor ray: a batch asks nobody", "leave it out, or ask without a batch file"
            )

    def style(self) -> PromptStyle:
        """Return the wording.

        Raises:
            DataError: labels.toml or the template cannot be used.
            UsageError: there are passages to show, and the template has no place for them.
        """
        style = replace(super().style(), allow_not=self.allow_not)
        if self.knowledge is not None and "knowledge" not in style.template.placeholders:
            raise UsageError(
                f"--template {self.template}: has no place for the passages of --knowledge",
                "write $knowledge where they belong",
            )
        return style


def _reads_nothing(annotator: Any) -> bool:
    return isinstance(annotator, str) and annotator.startswith(("column:", "human"))
