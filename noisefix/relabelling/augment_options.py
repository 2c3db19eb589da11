"""What may be chosen for having texts edited to pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from noisefix.annotators.protocol import Annotator
from noisefix.common_options import Decisions, Device, RunData
from noisefix.options import Option
from noisefix.relabelling.options import AskOptions, BatchOptions, ServerOptions, check_for_edits


@dataclass(frozen=True)
class AugmentOptions(BatchOptions, ServerOptions, AskOptions):
    """Options of ``augment``; with no limit on the rows: 20 of each of five pairs of classes."""

    pairs: Annotated[
        bool,
        Option(
            "--pairs",
            "Ask for the smallest edit of surely mislabelled texts after which their given label "
            "is right: pairs of texts that tell two classes apart.",
        ),
    ] = False
    annotator: Annotated[
        str | Annotator,
        Option(
            "--annotator",
            "Who is asked: openai | vllm:PATH. openai: any server that speaks OpenAI's language.",
            "WHO",
            offered=("openai", "vllm:"),
        ),
    ] = "openai"
    device: Device = "auto"
    decisions: Decisions = None
    run_data: RunData = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_for_edits("--pairs", self.annotator, {"--votes": self.votes > 1})
