"""How a model did on pairs of texts, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, plural, share

if TYPE_CHECKING:
    from noisefix.evaluation.contrast import ContrastScores


def show_pair_scores(screen: Screen, scored: ContrastScores) -> None:
    """Write the shares, and the counts of each two labels."""
    counts = scored.scores
    screen.line(f"{scored.model} on {plural(counts.pairs, 'pair')} of {scored.pairs}", style="bold")
    screen.table(
        (Column("measure"), Column("value", is_flexible=True)),
        [
            (
                "both right (contrast accuracy)",
                f"{share(scored.accuracy)} (95 % interval "
                f"{interval(scored.accuracy_low, scored.accuracy_high)})",
            ),
            ("both the wrong way round", share(scored.both_wrong_way)),
            ("texts right", share(counts.text_right / counts.pairs)),
            ("edited texts right", share(counts.edited_right / counts.pairs)),
        ],
    )
    screen.heading("Labels of text and edited text")
    screen.table(
        (
            Column("labels", max_width=60),
            Column("pairs", "right"),
            Column("both right", "right"),
            Column("wrong way", "right"),
        ),
        [
            (name, f"{c.pairs:,}", f"{c.both_right:,}", f"{c.both_wrong_way:,}")
            for name, c in scored.cells.items()
        ],
    )
    screen.line(
        "The pairs are of an LLM's making: on other texts a model may do otherwise.", style="dim"
    )
