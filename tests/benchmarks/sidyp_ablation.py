"""What each part of SiDyP is worth: the whole, and the whole without one part, on real noise.

``python tests/benchmarks/sidyp_ablation.py [--sets A,B] [--seeds N]`` prints tables; frozen
features. A part is left out either of the training (its parameters) or of what the joint stage
makes of the labels beforehand (the label names, the class shares).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from report import Headline, Table, points
from training_cases import Case, logistic_regression, make_case

from noisefix.training.diffusion.classifier import SidypClassifier
from noisefix.training.interface import TrainingData, finish
from noisefix.training.methods import ce
from noisefix.training.methods.sidyp import Params, fit

WHOLE = "sidyp, whole"
CLASSIFIER = "its classifier alone, no diffusion"
PLAIN = "ce, for comparison"

SETS = (
    "semeval_mixtral",
    "semeval_weak",
    "fpb_llm",
    "fomc_llm",
    "mfrc_moral_llm",
    "css_emotion_llm",
    "rna_titles_weak",
    "hausa_news_distant",
    "mr_chatgpt",
)

NO_NAMES = (("with_names", False),)
NO_SHARES = (("shares_are_given", True),)

Result = dict[str, Any]


def _branches(**changes: Any) -> Params:
    params = Params()
    return replace(params, branches=replace(params.branches, **changes))


def _without_agreement() -> Params:
    params = _branches(agreement=0.0)
    return replace(params, denoiser=replace(params.denoiser, agreement=0.0))


def _denoiser(**changes: Any) -> Params:
    params = Params()
    return replace(params, denoiser=replace(params.denoiser, **changes))


def _nearest_corners() -> Params:
    params = Params()
    return replace(params, process=replace(params.process, projection="nearest"))


def _candidates_only() -> Params:
    return replace(Params(), candidate_share=1.0)


@dataclass(frozen=True)
class Variant:
    """SiDyP with one thing changed.

    Attributes:
        params: its options.
        judged: how the labels are judged beforehand, see ``training_cases.make_case``.
        told: what of the judgement it gets to see.
    """

    params: Callable[[], Params] = Params
    judged: tuple[tuple[str, bool], ...] = ()
    told: Callable[[TrainingData], TrainingData] = lambda data: data


def _given_only(data: TrainingData) -> TrainingData:
    return replace(data, true_label_probs=np.eye(data.n_classes)[data.given_labels])


VARIANTS: dict[str, Variant] = {
    WHOLE: Variant(),
    "one branch": Variant(lambda: _branches(n_branches=1)),
    "no co-regularisation": Variant(_without_agreement),
    "fixed prior": Variant(lambda: _denoiser(n_samples=0)),
    "no certain rows first": Variant(lambda: _denoiser(certain_epochs=0.0)),
    "nearest corners, as published": Variant(_nearest_corners),
    "prior from candidates only, as published": Variant(
        lambda: replace(Params(), candidate_share=1.0)
    ),
    "prior from the given labels only": Variant(told=_given_only),
    "no label names": Variant(judged=NO_NAMES),
    "no class shares": Variant(judged=NO_SHARES),
    "neither names nor shares": Variant(judged=(*NO_NAMES, *NO_SHARES)),
}


def run(
    sets: Sequence[str] = SETS,
    n_seeds: int = 1,
    variants: Sequence[str] = tuple(VARIANTS),
    *,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Train every variant on every set; accuracies by set and variant, one for each seed."""
    result: Result = {"seeds": n_seeds, "sets": {}}
    for name in sets:
        case = make_case(name)
        entry: Result = {"lr_given": logistic_regression(case, case.data.given_labels)}
        models = [
            finish(ce.fit(case.data, ce.Params(), seed=seed, device="cpu"))
            for seed in range(n_seeds)
        ]
        found = {PLAIN: [accuracy(case, m.predict_probs(case.test_features)) for m in models]}
        for title in variants:
            variant = VARIANTS[title]
            judged = make_case(name, **dict(variant.judged)) if variant.judged else case
            data = variant.told(judged.data)
            for seed in range(n_seeds):
                model = finish(fit(data, variant.params(), seed=seed, device="cpu"))
                probs = model.predict_probs(case.test_features)
                found.setdefault(title, []).append(accuracy(case, probs))
                if title == WHOLE:
                    assert isinstance(model, SidypClassifier)
                    probs = model.predict_given_probs(case.test_features)
                    found.setdefault(CLASSIFIER, []).append(accuracy(case, probs))
            if progress is not None:
                progress(f"{name}, {title}: {np.mean(found[title]):.3f}")
        result["sets"][name] = entry | {"variants": found}
    return result


def accuracy(case: Case, probs: np.ndarray) -> float:
    """Return the test accuracy."""
    return float((probs.argmax(axis=1) == case.test_labels).mean())


def gains(result: Result, title: str) -> np.ndarray:
    """Return (sets, seeds) points over logistic regression on the given labels."""
    entries = result["sets"].values()
    return np.array([np.array(e["variants"][title]) - e["lr_given"] for e in entries])


def tables(result: Result) -> list[Table]:
    """Return gains over logistic regression, by variant and set."""
    sets = list(result["sets"])
    rows = []
    for title in next(iter(result["sets"].values()))["variants"]:
        gained = gains(result, title)
        lost = (gained - gains(result, WHOLE)).mean(axis=1)  # (sets,)
        apart = "" if title == WHOLE else points(lost.mean())
        if apart and len(lost) > 1:
            apart += f" ± {100 * lost.std(ddof=1) / len(lost) ** 0.5:.2f}"
        by_set = (f"{100 * gain:+.1f}" for gain in gained.mean(axis=1))
        rows.append((title, points(gained.mean()), apart, *by_set))
    return [
        Table(
            f"SiDyP without its parts: points over logistic regression, seeds: {result['seeds']}",
            ("", "mean", "against the whole", *sets),
            tuple(rows),
            "Frozen features. ± is the standard error of the difference, over the sets.",
        )
    ]


def headlines(result: Result) -> list[Headline]:
    """Return what the diffusion adds to its own classifier."""
    added = float((gains(result, WHOLE) - gains(result, CLASSIFIER)).mean())
    what = "sidyp's diffusion over its own classifier, frozen features"
    return [Headline(what, f"{100 * added:+.1f} points", "not below", added >= 0)]


def main() -> None:
    """Parse options, run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    result = run(options.sets.split(","), options.seeds, progress=print)
    for table in tables(result):
        print(f"\n{table}")
    for headline in headlines(result):
        print(headline.what, headline.value)


if __name__ == "__main__":
    main()
