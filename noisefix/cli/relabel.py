"""``noisefix relabel``: an annotator looks at the suspicious rows, and only at those."""

from __future__ import annotations

from noisefix.cli.options import RunArgument, Shown, takes_options
from noisefix.relabelling.relabel_options import RelabelOptions


@takes_options
def relabel(run: RunArgument, options: RelabelOptions, shown: Shown) -> None:
    """Ask an annotator about the suspicious rows, and weigh its answers.

    Rows are asked in the order of what an answer is expected to be worth. Each answer is weighed
    against everything else that is known of the row; what follows is in relabels.parquet, and apply
    writes it. Every answer is stored as it arrives and never paid for twice. With --rewrite an LLM
    is asked for the smallest edit of each text after which its label is right: rewrites.parquet.
    """
    from noisefix.cli.asking import show_asking
    from noisefix.cli.desk import open_desk
    from noisefix.cli.edit_summary import show_rewrites
    from noisefix.cli.relabel_summary import show_asked_for, show_relabels
    from noisefix.relabelling.relabel import relabel as run_relabel

    with show_asking(quiet=shown.quiet or options.annotator == "human") as progress:
        result = run_relabel(run, options=options, progress=progress, open_desk=open_desk)
    show_asked_for(result, shown, show_rewrites if options.rewrite else show_relabels)
