"""``noisefix augment``: more texts, made of those that are there."""

from __future__ import annotations

from noisefix.cli.options import RunArgument, Shown, takes_options
from noisefix.relabelling.augment_options import AugmentOptions


@takes_options
def augment(run: RunArgument, options: AugmentOptions, shown: Shown) -> None:
    """Have texts edited, for pairs of texts that tell confused classes apart.

    With --pairs: the five most confused pairs of classes, and the surest 20 mislabelled rows of
    each. An LLM makes the smallest edit after which the given label is right; what is unlike its
    text, or has not that label by a second opinion, is not accepted. All of it is in
    contrast_pairs.parquet, for train --pairs and evaluate --pairs.
    """
    from noisefix.cli.asking import show_asking
    from noisefix.cli.edit_summary import show_pairs
    from noisefix.cli.relabel_summary import show_asked_for
    from noisefix.relabelling.augment import augment as run_augment

    with show_asking(quiet=shown.quiet, name="augment") as progress:
        result = run_augment(run, options=options, progress=progress)
    show_asked_for(result, shown, show_pairs)
