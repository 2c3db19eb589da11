"""The two readings of the noise: refit their calibration, and say what p_error is worth unseen.

``python tests/benchmarks readings``. Every set is judged with the weights and calibrations that
were fitted without its texts (leave one source out), once told who labelled it and once not.
People, rules, models and clean sets are shown apart. What is not refitted, because it was chosen by
looking at all sets: the shape of the mixtures (``PEOPLE``, ``MACHINES``, ``SHARE_PULL``) and the
floors of the flags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import plain_script
from detection import class_ids
from panel import MADE, made_task
from readings_fit import Looked, fit_calibrations, fit_weights
from report import Headline, Table, least, mean, number, percent
from shared_sets import CLEAN_SETS, MAIN_SETS, NEW_CLEAN_SETS, NEW_SETS, WHO, Task, embed
from shared_sets import train_tasks as tasks_of

from noisefix.metrics.calibration import expected_calibration_error
from noisefix.metrics.detection import average_precision, flag_scores
from noisefix.probing.error_model import ErrorModel, estimate_errors
from noisefix.probing.flags import flag_rows, perhaps_clean
from noisefix.probing.readings import CALIBRATIONS, Calibration, read

GROUPS = ("people", "rules", "model", "clean")
N_VERIFIED = (0, 10, 30)
N_DRAWS = 5
_TIES = 0.002  # a clean set's interval that begins below this holds 0


def look_at(task: Task, seed: int = 0) -> Looked:
    """Look at a task as the joint stage does, up to the readings."""
    from noisefix.probing.error_model import ERROR_MODEL
    from noisefix.probing.hypotheses import Evidence, judge
    from noisefix.probing.label_names import name_view, readable_name
    from noisefix.probing.latent_classes import fit_latent_classes
    from noisefix.probing.readings import shares_as_given
    from noisefix.probing.views import look, look_around

    names, given, truth = class_ids(task)
    around = look_around(task.embeddings, task.texts, given)
    views = look(task.embeddings, task.texts, given, len(names), around, seed=seed)
    words = embed([readable_name(name) for name in names], "names")
    named = name_view(task.embeddings, words, given)
    latent = fit_latent_classes(task.embeddings, given, len(names))
    evidence = Evidence(views.pooled, given, latent, named)
    hypotheses = judge(evidence, np.array(ERROR_MODEL.weights))
    labelled = given >= 0
    plain = plain_script.judge(task.embeddings[labelled], given[labelled], seed)
    scores, flags = np.zeros(len(given)), np.zeros(len(given), dtype=bool)
    scores[labelled], flags[labelled] = 1 - plain.self_confidence, plain.is_issue
    who = "made" if task.kind == "made" else WHO.get(task.name, "clean")
    return Looked(
        task.name,
        who,
        task.source,
        given,
        truth,
        hypotheses,
        shares_as_given([views.probe, views.words], given),
        named.gain,
        scores,
        flags,
    )


@dataclass(frozen=True)
class Constants:
    """What was fitted without a source."""

    weights: np.ndarray
    calibrations: dict[str, Calibration]


def fit_without(data: Sequence[Looked], source: str | None) -> Constants:
    """Fit to all tasks but those of a source."""
    others = [task for task in data if task.source != source]
    weights = fit_weights(others)
    return Constants(weights, fit_calibrations(others, weights))


def score(
    task: Looked, constants: Constants, labelled_by: str, n_verified: int = 0, seed: int = 0
) -> dict[str, float]:
    """Score what is said of the rows whose truth is known and that were not verified."""
    odds = task.hypotheses.log_odds @ constants.weights
    readings = read(
        task.shares, odds, labelled_by, task.gain, calibration=constants.calibrations[labelled_by]
    )
    known = np.flatnonzero(task.known)
    verified = np.full(len(task.given), -1)
    drawn = np.random.default_rng(seed).permutation(known)[:n_verified]
    verified[drawn] = task.truth[drawn]
    estimate = estimate_errors(
        task.hypotheses,
        task.given,
        readings=readings,
        verified_labels=verified,
        model=ErrorModel(weights=tuple(constants.weights)),
        seed=seed,
    )
    rest = task.known & (verified < 0)
    is_error, p_error, rate = task.is_error[rest], estimate.p_error[rest], estimate.noise_rate
    flags = flag_rows(
        np.where(verified < 0, estimate.p_error, np.nan),
        is_perhaps_clean=perhaps_clean(rate.low, labelled_by),
    )
    true_rate = float(task.is_error[task.known].mean())
    found = {
        "calibration_error": expected_calibration_error(is_error, p_error),
        "noise_rate": rate.value,
        "noise_rate_error": abs(rate.value - true_rate),
        "covered": float(rate.low <= max(true_rate, _TIES) and true_rate <= rate.high),
        "width": rate.high - rate.low,
        "flagged": float(flags[task.given >= 0].mean()),
    }
    if is_error.any():
        plain = average_precision(is_error, task.plain[rest])
        f1 = flag_scores(is_error, flags[rest]).f1
        found["lead"] = average_precision(is_error, p_error) - plain
        found["f1"], found["plain_f1"] = f1, flag_scores(is_error, task.plain_flags[rest]).f1
        found["f1_lead"] = f1 - found["plain_f1"]
    return found


def run(
    tasks: Iterable[Task] | None = None, progress: Callable[[str], None] = print
) -> dict[str, Any]:
    """Look at every task, refit without each source, and score.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    from looking import looked_at  # which looks by ``look_at``

    data = []
    for task in _all_tasks() if tasks is None else tasks:
        data.append(looked_at(task))
        progress(f"looked at {task.name}")
    return measure(data)


def _all_tasks() -> Iterable[Task]:
    yield from tasks_of((*MAIN_SETS, *NEW_SETS, *CLEAN_SETS, *NEW_CLEAN_SETS))
    yield from (made_task(made) for made in MADE)


def measure(data: Sequence[Looked]) -> dict[str, Any]:
    """Refit without each source, and score."""
    scored = [task for task in data if task.who in GROUPS]
    unseen = {task.source: fit_without(data, task.source) for task in scored}
    refitted = fit_without(data, None)
    rows = []
    for task in scored:
        kind = "people" if task.who == "clean" else task.who
        row: dict[str, Any] = {"name": task.name, "who": task.who, "rows": len(task.given)}
        row["noise_rate"] = float(task.is_error[task.known].mean())
        for n_verified in N_VERIFIED:
            for told, by in (("told", kind), ("unknown", "unknown")):
                draws = [
                    score(task, unseen[task.source], by, n_verified, seed)
                    for seed in range(N_DRAWS if n_verified else 1)
                ]
                row[f"{told}_{n_verified}"] = {
                    name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]
                }
        rows.append(row)
    return {
        "sets": rows,
        "weights": [float(w) for w in refitted.weights],
        "refitted": {who: asdict(c) for who, c in refitted.calibrations.items()},
        "shipped": {who: asdict(c) for who, c in CALIBRATIONS.items()},
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the means by who labelled, the sets one by one, and the constants."""
    return [_groups(result), _sets(result), _constants(result)]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what was asked of the ranking where the labeller is known."""
    found = []
    for words, kinds, asked in (
        ("people", ("people",), 0.03),
        ("models and rules", ("model", "rules"), 0.14),
    ):
        leads = [s["told_0"].get("lead") for s in result["sets"] if s["who"] in kinds]
        leads = [lead for lead in leads if lead is not None]
        if leads:
            found.append(
                Headline(
                    f"lead in average precision over the plain script, labels by {words}, told so "
                    f"(worst set {number(least(leads))})",
                    number(mean(leads)),
                    f"at least {number(asked)}",
                    mean(leads) >= asked,
                )
            )
    return found


def _groups(result: dict[str, Any]) -> Table:
    rows = []
    for who in GROUPS:
        sets = [s for s in result["sets"] if s["who"] == who]
        if not sets:
            continue
        for n_verified in N_VERIFIED:
            for told in ("told", "unknown"):
                s = [one[f"{told}_{n_verified}"] for one in sets]
                has_errors = who != "clean" and "lead" in s[0]
                rows.append(
                    (
                        f"{who} ({len(sets)}), {told}, {n_verified} verified",
                        number(mean(x["lead"] for x in s)) if has_errors else "-",
                        number(least(x["lead"] for x in s)) if has_errors else "-",
                        number(mean(x["f1_lead"] for x in s)) if has_errors else "-",
                        number(least(x["f1_lead"] for x in s)) if has_errors else "-",
                        number(mean(x["calibration_error"] for x in s)),
                        number(mean(x["noise_rate_error"] for x in s)),
                        percent(mean(x["covered"] for x in s), 0),
                        percent(mean(x["flagged"] for x in s)),
                    )
                )
    return Table(
        "p_error by who labelled, fitted without the set's source",
        (
            "labelled by",
            "lead in average precision",
            "worst",
            "F1 of flags beyond plain",
            "worst",
            "calibration error",
            "noise-rate error",
            "interval covers",
            "flagged",
        ),
        tuple(rows),
        f"Leads are over the plain script on the same rows; verified rows are drawn at random, "
        f"{N_DRAWS} draws, and not scored.",
    )


def _sets(result: dict[str, Any]) -> Table:
    rows = []
    for s in sorted(result["sets"], key=lambda s: (GROUPS.index(s["who"]), s["name"])):
        cells = [s["name"], s["who"], percent(s["noise_rate"])]
        for told in ("told_0", "unknown_0"):
            one = s[told]
            cells += [
                number(one["lead"]) if "lead" in one else "-",
                number(one["calibration_error"]),
                percent(one["noise_rate"]),
                f"{number(one['f1'])} / {number(one['plain_f1'])}" if "f1" in one else "-",
            ]
        rows.append(tuple(cells))
    four = ("lead", "calibration error", "estimated", "F1 / plain")
    return Table(
        "The sets one by one: told who labelled, and not told",
        ("set", "labelled by", "wrong", *four, *(f"{word}, not told" for word in four)),
        tuple(rows),
        "",
    )


def _constants(result: dict[str, Any]) -> Table:
    names = ("slope", "slope_gain", "intercept", "name_gain")
    rows = [
        (f"{who}, {which}", *(number(constants[name]) for name in names))
        for which in ("shipped", "refitted")
        for who, constants in result[which].items()
    ]
    return Table("The calibrations", ("", *names), tuple(rows), "")
