"""How good the trained classifiers are, on real noise: every method, told who labelled and not.

``python tests/benchmarks/training.py [--sets A,B] [--methods A,B] [--seeds N]`` prints tables. All
methods get the same sentence embeddings of the train split (3,000 rows of it, where there are
more), its given labels, and what the joint and candidates stages make of them; the test split's
true labels score what comes out. The reference is scikit-learn's LogisticRegression with its
defaults, trained on given and on true labels. The sets are all that have a test split with truth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from report import Headline, Table
from shared_sets import WHO
from training_cases import Case, make_case, regression_labels

from noisefix.training.interface import finish
from noisefix.training.registry import METHODS, find_method

SETS = (
    "hs_brexit_crowd",
    "md_offensive_crowd",
    "semeval_weak",
    "youtube_weak",
    "sms_weak",
    "rna_titles_weak",
    "hausa_news_distant",
    "trec_weak",
    "semeval_mixtral",
    "mr_chatgpt",
    "fpb_llm",
    "fomc_llm",
    "mfrc_moral_llm",
    "css_emotion_llm",
    "css_semeval_stance_llm",
    "css_ibc_llm",
    "numclaim_llm",
)
CLEAN = ("clean_banking77", "clean_hwu64", "clean_snips", "clean_sst2")
ALL = tuple(name for name in METHODS if name != "pu")
"""Every method but ``pu``, which somebody must tell in which class nobody looked."""

MOST_ROWS = 3_000
MOST_LOST = -0.015
"""What a method may lose to logistic regression on any set."""

_PARTS = {"told": "told who labelled", "methods": "not told"}

Result = dict[str, Any]


def right(predicted: np.ndarray, case: Case) -> np.ndarray:
    """Return (T,) bool: the test rows that are predicted right."""
    found: np.ndarray = predicted == case.test_labels
    return found


def accuracies(case: Case, method: str, seeds: Sequence[int]) -> Result:
    """Train a method; return each seed's test accuracy and gain over logistic regression.

    ``error`` is the standard error of the gain, over the test rows: of a set with 98 of them a row
    is a point.
    """
    fit, params = find_method(method).load()
    baseline = right(regression_labels(case, case.data.given_labels), case)
    rows, started = [], time.perf_counter()
    for seed in seeds:
        model = finish(fit(case.data, params(), seed=seed, device="cpu"))
        rows.append(right(model.predict_probs(case.test_features).argmax(axis=1), case))
    gains = np.mean(rows, axis=0) - baseline
    return {
        "accuracies": [float(found.mean()) for found in rows],
        "error": float(gains.std(ddof=1) / np.sqrt(len(gains))),
        "seconds": (time.perf_counter() - started) / len(seeds),
    }


def run(
    sets: Sequence[str] = (*SETS, *CLEAN),
    methods: Sequence[str] = ALL,
    n_seeds: int = 1,
    *,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Train every method on every set; accuracies by set and method, one for each seed."""
    result: Result = {"seeds": n_seeds, "sets": {}}
    for name in sets:
        entry: Result = {}
        for part in ("methods", "told") if name in WHO else ("methods",):
            told = WHO[name] if part == "told" else "unknown"
            case = make_case(name, labelled_by=told, most_rows=MOST_ROWS)
            entry[part] = {}
            for method in methods:
                if part == "told" and not find_method(method).needs:  # does not see the judgement
                    entry[part][method] = entry["methods"][method]
                    continue
                found = accuracies(case, method, range(n_seeds))
                entry[part][method] = found
                if progress is not None:
                    mean = np.mean(found["accuracies"])
                    progress(f"{name}, {told}, {method}: {mean:.3f} ({found['seconds']:.1f} s)")
        for key, labels in (("lr_given", case.data.given_labels), ("lr_true", case.true_labels)):
            entry[key] = float(right(regression_labels(case, labels), case).mean())
        entry |= {"rows": len(case.data.given_labels), "test_rows": len(case.test_labels)}
        result["sets"][name] = entry
    return result


def mean_accuracy(entry: Result, method: str, part: str = "methods") -> float:
    """Return the mean over the seeds; NaN where the method was not run."""
    found = entry.get(part, {}).get(method)
    return float(np.mean(found["accuracies"])) if found else float("nan")


def gains(
    sets: dict[str, Result], method: str, reference: str, part: str = "methods"
) -> list[float]:
    """Return how much more accurate a method is on each set, than "lr_given" or a method."""
    return [
        mean_accuracy(entry, method, part)
        - (entry[reference] if reference in entry else mean_accuracy(entry, reference, part))
        for entry in sets.values()
    ]


def tables(result: Result) -> list[Table]:
    """Return what each method gains by who labelled, its worst sets, and all accuracies."""
    sets = result["sets"]
    return [
        _gains_table(result),
        *(_worst_table(sets, part) for part in _PARTS if _noisy(sets, part)),
        *(_accuracy_table(sets, part) for part in _PARTS if _noisy(sets, part)),
    ]


def _gains_table(result: Result) -> Table:
    sets = result["sets"]
    kinds = ("people", "rules", "model")
    rows = []
    for method in _methods(sets):
        cells = [method]
        for part in _PARTS:
            noisy = _noisy(sets, part)
            for kind in kinds:
                those = {name: entry for name, entry in noisy.items() if WHO[name] == kind}
                cells.append(_mean_points(gains(those, method, "lr_given", part)))
            cells.append(_worst_points(gains(noisy, method, "lr_given", part)))
        cells.append(_worst_points(gains(_clean(sets), method, "ce")))
        cells.append(f"{np.mean([e['methods'][method]['seconds'] for e in sets.values()]):.1f}")
        rows.append(tuple(cells))
    told, unknown = (
        [f"{kind}, {words}" for kind in (*kinds, "worst")] for words in _PARTS.values()
    )
    n_sets = {part: len(_noisy(sets, part)) for part in _PARTS}
    return Table(
        f"What a method gains over logistic regression on {max(n_sets.values())} noisy sets, in "
        f"points, by who labelled; seeds: {result['seeds']}",
        ("method", *told, *unknown, "clean sets: worst, over ce", "seconds a training"),
        tuple(rows),
        "Logistic regression: scikit-learn's on the given labels, with its defaults. One "
        "configuration for all sets.",
    )


def _worst_table(sets: dict[str, Result], part: str) -> Table:
    """Return on which set a method loses most, beside the noise of the test rows."""
    rows = []
    noisy = _noisy(sets, part)
    for method in _methods(sets):
        found = dict(zip(noisy, gains(noisy, method, "lr_given", part), strict=True))
        worst = min(found, key=lambda name: found[name])
        error = noisy[worst][part][method].get("error", float("nan"))
        below = sum(gain < MOST_LOST for gain in found.values())
        sure = sum(
            gain < -2 * noisy[name][part][method].get("error", float("nan"))
            for name, gain in found.items()
        )
        cells = (_points(found[worst]), _cell(error), f"{below}", f"{sure}")
        rows.append((method, worst, *cells))
    return Table(
        f"The worst set of each method, {_PARTS[part]}",
        (
            "method",
            "set",
            "over LR",
            "standard error",
            "sets below -1.5",
            "sets below by two standard errors",
        ),
        tuple(rows),
        "The standard error is that of the difference on the same test rows: css_ibc_llm has 98 of "
        "them, a row is a point.",
    )


def _accuracy_table(sets: dict[str, Result], part: str) -> Table:
    clean = _clean(sets) if part == "methods" else {}
    shown = _noisy(sets, part) | clean
    methods = _methods(sets)
    rows = []
    for name, entry in shown.items():
        values = [entry["lr_true"], entry["lr_given"]]
        values += [mean_accuracy(entry, method, part) for method in methods]
        who = WHO.get(name, "clean")
        rows.append((name, who, f"{entry.get('test_rows', '')}", *(_cell(v) for v in values)))
    return Table(
        f"Test accuracy in percent on frozen features, {_PARTS[part]}",
        ("set", "labelled by", "test rows", "LR, true labels", "LR", *methods),
        tuple(rows),
    )


def _methods(sets: dict[str, Result]) -> list[str]:
    return list(dict.fromkeys(method for entry in sets.values() for method in entry["methods"]))


def _noisy(sets: dict[str, Result], part: str) -> dict[str, Result]:
    return {name: entry for name, entry in sets.items() if name in WHO and part in entry}


def _clean(sets: dict[str, Result]) -> dict[str, Result]:
    return {name: entry for name, entry in sets.items() if name not in WHO}


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def _points(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:+.1f}"


def _mean_points(values: Sequence[float]) -> str:
    return _points(float(np.mean(values))) if values else "-"


def _worst_points(values: Sequence[float]) -> str:
    return _points(min(values)) if values else "-"


def headlines(result: Result) -> list[Headline]:
    """Return what the best methods gain, the worst of all, and the worst loss on clean sets."""
    sets = result["sets"]
    found = []
    for part, words in _PARTS.items():
        noisy = _noisy(sets, part)
        methods = _methods(noisy)
        for method in ("repair", "sidyp"):
            if method in methods:
                over = gains(noisy, method, "lr_given", part)
                found.append(
                    Headline(
                        f"{method}, {words}: over logistic regression, mean of {len(over)} sets / "
                        "worst set, points",
                        f"{100 * np.mean(over):+.1f} / {100 * min(over):+.1f}",
                        "worst at least -1.5",
                        min(over) >= MOST_LOST,
                    )
                )
        if methods:
            over_all = {m: min(gains(noisy, m, "lr_given", part)) for m in methods}
            worst = min(over_all, key=lambda m: over_all[m])
            found.append(
                Headline(
                    f"the worst method on its worst set ({worst}), {words}, points",
                    f"{100 * over_all[worst]:+.1f}",
                    "at least -1.5",
                    over_all[worst] >= MOST_LOST,
                )
            )
    clean = _clean(sets)
    if clean and "ce" in _methods(clean):
        over_ce = {m: min(gains(clean, m, "ce")) for m in _methods(clean)}
        worst = min(over_ce, key=lambda m: over_ce[m])
        found.append(
            Headline(
                f"clean sets: the worst method ({worst}) over ce, points",
                f"{100 * over_ce[worst]:+.2f}",
                "at least -0.5",
                over_ce[worst] >= -0.005,
            )
        )
    return found


def main() -> None:
    """Parse options, run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join((*SETS, *CLEAN)))
    parser.add_argument("--methods", default=",".join(ALL))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    result = run(options.sets.split(","), options.methods.split(","), options.seeds, progress=print)
    for table in tables(result):
        print(f"\n{table}")
    for headline in headlines(result):
        print(headline.what, headline.value, headline.asked)


if __name__ == "__main__":
    main()
