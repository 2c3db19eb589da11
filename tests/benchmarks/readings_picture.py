"""Draw what the two readings suspect, for docs/methods/readings.md.

``python tests/benchmarks/readings_picture.py``. Made-up labels: one row of five is given the rare
label; how much a text looks like it is drawn from two overlapping bells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noisefix.probing.readings import read, shares_as_given

FILE = Path(__file__).resolve().parents[2] / "docs" / "methods" / "readings.png"


def draw(path: Path = FILE) -> None:
    """Write the picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rng = np.random.default_rng(0)
    given = (rng.random(3000) < 0.2).astype(int)
    looks = np.where(given == 1, 0.9, -0.9) + rng.normal(size=3000)
    rare = 1 / (1 + np.exp(-(1.8 * looks + np.log(0.2 / 0.8))))
    shares = shares_as_given([np.column_stack([1 - rare, rare])], given)
    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.2), sharey=True)
    panels = (
        ("given shares alone", read(shares, shares.equal / 2, "people", 0.0).only[:, 1]),
        ("collapsed alone", read(shares, shares.equal / 2, "model", 0.0).only[:, 0]),
        ("mixed, unknown", 1 / (1 + np.exp(-read(shares, shares.equal / 2, "unknown", 0.0).base))),
    )
    for axis, (title, p) in zip(axes, panels, strict=True):
        order = np.argsort(looks)
        for label, name, colour in ((1, "given the rare label", "C3"), (0, "the common one", "C0")):
            rows = order[given[order] == label]
            axis.plot(looks[rows], p[rows], color=colour, label=name)
        axis.set_title(title)
        axis.set_xlabel("text looks like the rare label")
    axes[0].set_ylabel("p_error")
    axes[0].legend(frameon=False, fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    draw()
