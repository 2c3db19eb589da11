"""Rows that belong to no class: found among others, and not found where there are none.

``python tests/benchmarks outside``. Foreign texts: 8 % of the rows come from another set, with
random labels. Forgotten classes: the rows of five intents get random other labels. Clean sets and
real ones as they are: nearly nothing may be called outside. The constants were chosen on other
pairs (those of ``CHOSEN_ON``, and of fpb_llm, css_emotion_llm, maptask_acts, clean_banking77).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from detection import class_ids
from report import Headline, Table, mean, number, percent
from shared_sets import Task, embed, embeddings_of, load, source_of, stage_tables, train_task

from noisefix.detection.joint_stage import JointParams, see

PAIRS = (
    ("fomc_llm", "mfrc_moral_llm"),
    ("numclaim_llm", "youtube_weak"),
    ("sms_weak", "semeval_weak"),
    ("hs_brexit_crowd", "rna_titles_weak"),
    ("convabuse", "fpb_llm"),
)
"""Where rows are put in, and where they are from."""

CHOSEN_ON = (
    ("semeval_weak", "rna_titles_weak"),
    ("mfrc_moral_llm", "youtube_weak"),
    ("youtube_weak", "numclaim_llm"),
    ("rna_titles_weak", "css_emotion_llm"),
)
"""The same, but the constants were chosen with an eye on these."""

CLEAN = ("clean_banking77", "clean_hwu64", "clean_snips", "clean_sst2")
REAL = ("fomc_llm", "numclaim_llm", "sms_weak", "hs_brexit_crowd", "convabuse")
_FOREIGN_SHARE = 0.08
_CLEAN_ROWS = 1_500
_N_FORGOTTEN, _N_DRAWS = 5, 1
_LEAST_SEEDS, _SURELY_NOISY = 10, 0.95


def foreign_task(host: str, guest: str, seed: int = 0) -> tuple[Task, np.ndarray]:
    """Return a set with foreign texts in it, and (N,) bool which rows they are."""
    rng = np.random.default_rng(seed)
    task, table = train_task(host), load(guest)
    n_rows = len(task.texts)
    n_foreign = round(n_rows * _FOREIGN_SHARE / (1 - _FOREIGN_SHARE))
    rows = rng.choice(len(table), min(n_foreign, len(table)), replace=False)
    names = sorted({label for label in task.given if label is not None})
    texts = (*task.texts, *table["text"].iloc[rows])
    given = (*task.given, *rng.choice(names, len(rows)).tolist())
    truth = (*task.truth, *[None] * len(rows))
    vectors = np.concatenate([task.embeddings, embeddings_of(guest)[rows]])
    order = rng.permutation(len(texts))
    mixed = replace(
        task,
        name=f"{host} with {guest}",
        kind="made",
        texts=tuple(texts[row] for row in order),
        given=tuple(given[row] for row in order),
        truth=tuple(truth[row] for row in order),
        embeddings=vectors[order],
    )
    return mixed, order >= n_rows


def forgotten_task(seed: int) -> tuple[Task, np.ndarray]:
    """Return banking77 with five intents that have no class, and which rows are theirs."""
    rng = np.random.default_rng(seed)
    task = train_task("clean_banking77")
    names = sorted({label for label in task.given if label is not None})
    gone = set(rng.choice(names, _N_FORGOTTEN, replace=False).tolist())
    left = [name for name in names if name not in gone]
    is_gone = np.array([label in gone for label in task.given])
    given = tuple(
        str(rng.choice(left)) if out else label
        for label, out in zip(task.given, is_gone, strict=True)
    )
    name = f"clean_banking77, {_N_FORGOTTEN} intents forgotten, draw {seed + 1}"
    return replace(task, name=name, kind="made", given=given), is_gone


def clean_part(name: str, seed: int = 0) -> Task:
    """Return some rows of a clean set, of which only these are embedded."""
    table = load(name)
    rows = np.random.default_rng(seed).choice(len(table), _CLEAN_ROWS, replace=False)
    table = table.iloc[np.sort(rows)]
    texts, labels = tuple(table["text"]), tuple(table["label"])
    vectors = embed(texts, f"{name}-{_CLEAN_ROWS}")
    return Task(name, "clean", source_of(name), False, texts, labels, labels, vectors)


def run_task(task: Task, is_outside: np.ndarray) -> dict[str, Any]:
    """Look for rows of no class, and hold what is found against the truth."""
    seen = see(stage_tables(task), JointParams())
    _, given, _ = class_ids(task)
    found = seen.outside.rows
    outcome: dict[str, Any] = {
        "name": task.name,
        "rows": len(given),
        "outside": int(is_outside.sum()),
        "found": len(found),
        "right": int(is_outside[found].sum()),
    }
    if is_outside.any():
        probs = np.maximum(seen.pooled.astype(np.float64), 1e-6)
        labels = np.maximum(seen.scope.labels(given), 0)
        loss = -np.log(probs[np.arange(len(probs)), labels])
        outcome |= {
            "auc": _auc(is_outside, -np.nan_to_num(seen.outside.tail, nan=1.0)),
            "auc_p": _auc(is_outside, np.nan_to_num(seen.outside.p_outside)),
            "auc_lsa": _auc(is_outside, lsa(seen.embeddings, loss)),
            "auc_loss": _auc(is_outside, loss),
            "auc_entropy": _auc(is_outside, -(probs * np.log(probs)).sum(axis=1)),
        }
    return outcome


def lsa(embeddings: np.ndarray, loss: np.ndarray) -> np.ndarray | None:
    """Return (N,) P(noisy) by linear separation, out of fold and with a penalty; None: no answer.

    Source: Albert et al. 2024, "An accurate detection is not all you need to combat label noise in
    web-noisy datasets": seeds by a mixture of two Gaussians on the losses, then a logistic
    regression. Theirs is fitted without penalty on the rows that it is applied to.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.mixture import GaussianMixture
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import StandardScaler

    scaled = ((loss - loss.min()) / max(float(np.ptp(loss)), 1e-12))[:, None]
    mixture = GaussianMixture(2, max_iter=10, reg_covar=5e-4, tol=1e-2, random_state=0).fit(scaled)
    high = int(mixture.means_.argmax())
    noisy = mixture.predict_proba(scaled)[:, high] > _SURELY_NOISY
    if min(noisy.sum(), (~noisy).sum()) < _LEAST_SEEDS:
        return None
    features = StandardScaler().fit_transform(embeddings)
    found = np.empty(len(loss))
    for train, test in KFold(5, shuffle=True, random_state=0).split(features):
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
        model.fit(features[train], noisy[train])
        found[test] = model.predict_proba(features[test])[:, 1]
    return found


def _auc(is_outside: np.ndarray, scores: np.ndarray | None) -> float | None:
    from sklearn.metrics import roc_auc_score

    return None if scores is None else float(roc_auc_score(is_outside, scores))


def run(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Look for outsiders where they are and where they are not.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    makers: dict[str, list[Callable[[], tuple[Task, np.ndarray]]]] = {
        "foreign": [lambda pair=pair: foreign_task(*pair) for pair in PAIRS],  # type: ignore[misc]
        "chosen_on": [lambda pair=pair: foreign_task(*pair) for pair in CHOSEN_ON],  # type: ignore[misc]
        "forgotten": [lambda k=k: forgotten_task(k) for k in range(_N_DRAWS)],  # type: ignore[misc]
        "clean": [lambda name=name: _as_it_is(clean_part(name)) for name in CLEAN],  # type: ignore[misc]
        "real": [lambda name=name: _as_it_is(train_task(name)) for name in REAL],  # type: ignore[misc]
    }
    result: dict[str, Any] = {kind: [] for kind in makers}
    for kind, tasks in makers.items():
        for make in tasks:
            outcome = run_task(*make())
            result[kind].append(outcome)
            progress(f"rows of no class in {outcome['name']}")
    return result


def _as_it_is(task: Task) -> tuple[Task, np.ndarray]:
    return task, np.zeros(len(task.texts), dtype=bool)


def tables(result: dict[str, Any]) -> list[Table]:
    """Return what is found where outsiders are, and where there are none."""
    return [_found(result), _not_found(result)]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return how well foreign texts are found, and what is called outside in clean sets."""
    pairs = result["foreign"]
    if not pairs:
        return []
    auc = [s["auc"] for s in pairs]
    clean = sum(s["found"] for s in result["clean"])
    rows = sum(s["rows"] for s in result["clean"])
    return [
        Headline(
            "Foreign texts (8 % of the rows): area under the curve",
            f"{number(mean(auc))} (worst {number(min(auc))})",
        ),
        Headline("Rows of clean sets called outside", f"{clean:,} of {rows:,}"),
    ]


def _found(result: dict[str, Any]) -> Table:
    def row(s: dict[str, Any]) -> tuple[str, ...]:
        return (
            s["name"],
            f"{s['rows']:,}",
            f"{s['outside']:,}",
            *("-" if s[key] is None else number(s[key]) for key in _AUCS),
            f"{s['found']:,}",
            percent(s["right"] / s["found"], 0) if s["found"] else "-",
            percent(s["right"] / s["outside"], 0),
        )

    return Table(
        "Rows of no class: area under the ROC curve, and what p_outside of .8 or more finds",
        (
            "set",
            "rows",
            "outside",
            "distances",
            "p_outside",
            "LSA",
            "loss",
            "entropy",
            "found",
            "precision",
            "recall",
        ),
        tuple(
            row(s if kind != "chosen_on" else {**s, "name": f"{s['name']} *"})
            for kind in ("foreign", "chosen_on", "forgotten")
            for s in result[kind]
        ),
        "LSA: linear separation out of fold, with a penalty; loss and entropy of the text's own "
        "probabilities. Foreign and forgotten rows have random labels. * The constants were chosen "
        "with an eye on these; the headline counts the others.",
    )


_AUCS = ("auc", "auc_p", "auc_lsa", "auc_loss", "auc_entropy")


def _not_found(result: dict[str, Any]) -> Table:
    return Table(
        "Sets as they are: rows that are called outside",
        ("set", "rows", "called outside"),
        tuple(
            (s["name"], f"{s['rows']:,}", f"{s['found']:,}")
            for s in (*result["clean"], *result["real"])
        ),
        f"Of the clean sets {_CLEAN_ROWS:,} rows, of the others all train rows. Whether the latter "
        "hold outsiders is not known.",
    )
