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
    from noisefix.cli.messages import tell
    from noisefix.cli.relabel_summary import import_counts, show_estimate, show_exported
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.relabelling.augment import augment as run_augment

    with show_asking(quiet=shown.quiet, name="augment") as progress:
        result = run_augment(run, options=options, progress=progress)
    tell((*import_counts(result.imported), *result.notes), quiet=shown.quiet)
    if shown.as_json:
        write_json(result.estimate or result.exported or result)
    elif result.estimate is not None:
        show_estimate(Screen(), result.estimate)
    elif result.exported is not None:
        show_exported(Screen(), result.exported)
    else:
        show_pairs(Screen(), result)
    if result.failure is not None:
        raise result.failure
