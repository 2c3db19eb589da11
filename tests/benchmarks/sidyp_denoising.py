"""A figure of SiDyP at work: many chains of one support ticket, from pure noise to a label.

``python tests/benchmarks/sidyp_denoising.py [FILE] [--ticket ID]`` trains on
``examples/support_tickets.csv`` with the default encoder and writes a PNG, by default
``docs/methods/sidyp-denoising.png``. Needs matplotlib, which the dev extra installs.
"""

from __future__ import annotations

import argparse
import csv
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shared_sets import REPOSITORY, Task, embed
from training_cases import judge_task

EXAMPLE = REPOSITORY / "examples" / "support_tickets.csv"
FIGURE = REPOSITORY / "docs" / "methods" / "sidyp-denoising.png"

TICKET = "T-1406"
_N_CHAINS = 400
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#555555", "#999933")


@dataclass(frozen=True, eq=False)
class Look:
    """One ticket's chains.

    Attributes:
        text: of the ticket.
        given_label: as it is in the file.
        names: (K,) class names.
        timesteps: (T,) falling.
        path: (T, S, K) what each chain holds likely.
        probs: (K,) the prediction, read off the chains.
    """

    text: str
    given_label: str
    names: tuple[str, ...]
    timesteps: np.ndarray
    path: np.ndarray
    probs: np.ndarray


def look(ticket: str = TICKET, n_chains: int = _N_CHAINS) -> Look:
    """Train on the example's labels, and walk one ticket's chains."""
    from noisefix.training.diffusion.classifier import SidypClassifier
    from noisefix.training.interface import finish
    from noisefix.training.methods.sidyp import Params, fit

    with EXAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = tuple(row["message"] for row in rows)
    given = tuple(row["label"] or None for row in rows)
    nothing = (None,) * len(rows)
    task = Task("example", "main", "", False, texts, given, nothing, embed(texts, "example"))
    data, names = judge_task(task)
    model = finish(fit(data, Params(n_samples=n_chains), seed=0, device="cpu"))
    assert isinstance(model, SidypClassifier)
    place = [row["ticket_id"] for row in rows].index(ticket)
    features = data.features[place : place + 1]
    timesteps, path = model.denoising_path(features)
    probs = model.predict_probs(features)[0]
    return Look(texts[place], given[place] or "", names, timesteps, path[:, :, 0], probs)


def draw(seen: Look, path: Path = FIGURE) -> None:
    """Draw the chains, sorted by the label they end at, and the prediction beside them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    n_steps, n_chains, n_classes = seen.path.shape
    order = np.argsort(-seen.probs, kind="stable")  # the most probable class at the bottom
    rank = np.argsort(order)
    colours = np.array([to_rgb(_COLOURS[place % len(_COLOURS)]) for place in rank])
    ends = seen.path[-1].argmax(axis=1)
    chains = np.lexsort((seen.path[n_steps // 2, np.arange(n_chains), ends], rank[ends]))
    image = (seen.path[:, chains] @ colours).transpose(1, 0, 2).clip(0, 1)  # (S, T, 3)

    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(9.5, 4.9), width_ratios=(5, 1.5), sharey=True, layout="constrained"
    )
    extent = (-0.5, n_steps - 0.5, 0, 1)
    left.imshow(image, aspect="auto", origin="lower", extent=extent, interpolation="nearest")
    left.set_xticks(range(n_steps), [str(t) for t in seen.timesteps])
    left.set_xlabel(
        f"timestep: at {seen.timesteps[0]} nothing but noise, at 0 nothing but the label"
    )
    left.set_ylabel(f"share of {n_chains} chains, each a horizontal line")
    left.set_title("what each chain holds likely, step by step", fontsize=10)

    shares = np.bincount(ends, minlength=n_classes) / n_chains
    for place, heights in ((0, shares), (1, seen.probs)):
        bottom = 0.0
        for label in order:
            right.bar(place, heights[label], 0.7, bottom, color=colours[label])
            if heights[label] >= 0.06:
                middle = bottom + heights[label] / 2
                text = f"{heights[label]:.2f}"
                right.text(place, middle, text, ha="center", va="center", color="white")
            bottom += heights[label]
    right.set_xticks((0, 1), ("chains\nend at", "prediction"))
    right.set_ylim(0, 1)
    right.set_title("p(label | ticket)", fontsize=10)
    for side in ("top", "right", "left"):
        right.spines[side].set_visible(False)
    right.tick_params(axis="y", length=0)
    handles = [Patch(color=colours[k], label=seen.names[k].replace("_", " ")) for k in order[::-1]]
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=9)
    quoted = textwrap.fill(f"“{seen.text}”", 95)
    figure.suptitle(f"{quoted}\ngiven label: {seen.given_label}", fontsize=10, x=0.02, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    """Parse options, train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=FIGURE)
    parser.add_argument("--ticket", default=TICKET)
    options = parser.parse_args()
    draw(look(options.ticket), options.file)


if __name__ == "__main__":
    main()
