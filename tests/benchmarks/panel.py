"""More labels to judge than the sets came with: other annotators' answers, and noise put in.

Part of the panel has had a say in the coefficients of the error model (``is_fitted``); the rest
has not, though its texts come from the same sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from shared_sets import Task, embeddings_of, load, make_task

Matrix = Callable[[int], np.ndarray]
"""From K to (K, K) P(given | true), [true, given], rows sum to 1; classes in sorted order."""


@dataclass(frozen=True)
class Answers:
    """One annotator's answers on one split of a set; unanswered rows are left out."""

    set_name: str
    column: str
    split: str = "train"
    is_fitted: bool = True


def _all(set_name: str, columns: Sequence[str]) -> tuple[Answers, ...]:
    return tuple(Answers(set_name, column) for column in columns)


ANSWERS = (
    *_all("fpb_llm", ("llm_gpt4", "llm_falcon_7b")),
    *_all("fomc_llm", ("llm_gpt4", "llm_falcon_7b")),
    *_all("mfrc_moral_llm", ("llm_gpt35_finetuned", "llm_llama2")),
    *_all(
        "css_emotion_llm",
        (
            "llm_chatgpt",
            "llm_flan_t5_large",
            "llm_flan_t5_xl",
            "llm_flan_t5_xxl",
            "llm_flan_ul2",
            "llm_text_davinci_003",
            "llm_flan_t5_small",
        ),
    ),
    *_all(
        "css_semeval_stance_llm",
        (
            "llm_chatgpt",
            "llm_flan_t5_base",
            "llm_flan_t5_xxl",
            "llm_flan_ul2",
            "llm_text_davinci_001",
        ),
    ),
    Answers("semeval_mixtral", "label", "test"),
    Answers("semeval_weak", "weak_label", "test"),
    Answers("rna_titles_weak", "weak_label", "test"),
    Answers("css_semeval_stance_llm", "llm_flan_t5_xl", is_fitted=False),
    Answers("css_semeval_stance_llm", "llm_text_davinci_003", is_fitted=False),
    Answers("mr_chatgpt", "slm_freeal_pred", is_fitted=False),
    Answers("mfrc_moral_llm", "label", "test", is_fitted=False),
    Answers("mfrc_moral_llm", "llm_gpt35_finetuned", "test", is_fitted=False),
    Answers("mfrc_moral_llm", "llm_llama2", "test", is_fitted=False),
)
"""Unseen ones only where at least 40 % of the answers are right and there are 300 rows or more."""


@dataclass(frozen=True)
class MadeNoise:
    """True labels of a set, some of them exchanged.

    Attributes:
        name: name of the task.
        set_name: where the texts and true labels come from, all splits.
        rows: how many, drawn at random.
        noise: what the labels become.
        shares: rows of each class as a share of ``rows``, in sorted class order; None: as it is.
        n_classes: only the first so many classes.
        is_fitted: the error model's coefficients have seen it.
    """

    name: str
    set_name: str
    rows: int
    noise: Matrix
    shares: tuple[float, ...] | None = None
    n_classes: int | None = None
    is_fitted: bool = True


def symmetric(share: float) -> Matrix:
    """Any other class, equally likely."""
    return lambda k: np.full((k, k), share / (k - 1)) * (1 - np.eye(k)) + np.eye(k) * (1 - share)


def pair(share: float) -> Matrix:
    """The next class."""
    return lambda k: np.eye(k) * (1 - share) + np.roll(np.eye(k), 1, axis=1) * share


def collapse(share: float, into: int = 0) -> Matrix:
    """One class swallows rows of all others."""

    def matrix(k: int) -> np.ndarray:
        made = np.eye(k) * (1 - share)
        made[:, into] += share
        return made

    return matrix


def by_hand(*rows: Sequence[float]) -> Matrix:
    """Return a matrix as it is written down."""
    return lambda k: np.array(rows, dtype=float)


_OVERFLAGGED = (0.05, 0.2, 0.15, 0.2, 0.1, 0.2, 0.1)
MADE = (
    MadeNoise("snips_sym20", "clean_snips", 2500, symmetric(0.2)),
    MadeNoise("snips_collapse15", "clean_snips", 2500, collapse(0.15)),
    MadeNoise("snips_overflag", "clean_snips", 2500, collapse(0.1), _OVERFLAGGED),
    MadeNoise(
        "sst2_overflag", "clean_sst2", 2500, by_hand((0.85, 0.15), (0.05, 0.95)), (0.85, 0.15)
    ),
    MadeNoise(
        "sst2_underflag", "clean_sst2", 2500, by_hand((0.99, 0.01), (0.4, 0.6)), (0.85, 0.15)
    ),
    MadeNoise("sst2_sym15", "clean_sst2", 2500, symmetric(0.15)),
    MadeNoise("sst2_oneway", "clean_sst2", 2500, by_hand((0.98, 0.02), (0.25, 0.75))),
    MadeNoise("sms_overflag", "sms_weak", 3000, by_hand((0.92, 0.08), (0.05, 0.95))),
    MadeNoise("sms_underflag", "sms_weak", 3000, by_hand((0.995, 0.005), (0.35, 0.65))),
    MadeNoise(
        "fpb_overflag",
        "fpb_llm",
        2000,
        by_hand((0.95, 0.02, 0.03), (0.10, 0.85, 0.05), (0.12, 0.08, 0.80)),
    ),
    MadeNoise("fpb_sym15", "fpb_llm", 2000, symmetric(0.15)),
    MadeNoise(
        "youtube_overflag", "youtube_weak", 1700, by_hand((0.85, 0.15), (0.05, 0.95)), (0.8, 0.15)
    ),
    MadeNoise("mfrc_overflag", "mfrc_moral_llm", 2500, by_hand((0.95, 0.05), (0.25, 0.75))),
    MadeNoise("mfrc_sym10", "mfrc_moral_llm", 2500, symmetric(0.1)),
    MadeNoise("mr_overflag", "mr_chatgpt", 2500, by_hand((0.88, 0.12), (0.08, 0.92)), (0.8, 0.2)),
    MadeNoise("banking20_sym20", "clean_banking77", 2500, symmetric(0.2), n_classes=20),
    MadeNoise("banking20_pair20", "clean_banking77", 2500, pair(0.2), n_classes=20),
    MadeNoise(
        "rna_overflag", "rna_titles_weak", 2200, by_hand((0.82, 0.18), (0.1, 0.9)), (0.65, 0.12)
    ),
    MadeNoise("semeval_sym20", "semeval_weak", 2000, symmetric(0.2)),
    MadeNoise("semeval_collapse20", "semeval_weak", 2000, collapse(0.2, into=5)),
    MadeNoise(
        "fomc_overflag",
        "fomc_llm",
        2000,
        by_hand((0.9, 0.05, 0.05), (0.03, 0.92, 0.05), (0.12, 0.2, 0.68)),
    ),
    MadeNoise("banking77_sym10", "clean_banking77", 4000, symmetric(0.1), is_fitted=False),
    MadeNoise("banking77_collapse20", "clean_banking77", 4000, collapse(0.2, 7), is_fitted=False),
    MadeNoise("snips_pair20", "clean_snips", 1000, pair(0.2), is_fitted=False),
    MadeNoise("snips_sym5", "clean_snips", 3000, symmetric(0.05), is_fitted=False),
    MadeNoise("sst2_sym30", "clean_sst2", 2500, symmetric(0.3), is_fitted=False),
    MadeNoise(
        "sms_rare_overflag",
        "sms_weak",
        2500,
        by_hand((0.95, 0.05), (0, 1)),
        (0.9, 0.03),
        is_fitted=False,
    ),
    MadeNoise("mr_sym20", "mr_chatgpt", 800, symmetric(0.2), is_fitted=False),
    MadeNoise("youtube_sym10", "youtube_weak", 1500, symmetric(0.1), is_fitted=False),
    MadeNoise(
        "rna_underflag", "rna_titles_weak", 2000, by_hand((0.99, 0.01), (0.3, 0.7)), is_fitted=False
    ),
    MadeNoise("hausa_sym20", "hausa_news_distant", 2000, symmetric(0.2), is_fitted=False),
    MadeNoise("fpb_collapse20", "fpb_llm", 2000, collapse(0.2, into=1), is_fitted=False),
    MadeNoise("emotion_sym20", "css_emotion_llm", 498, symmetric(0.2), is_fitted=False),
)

HARD = (("snips", "clean_snips", 0.12), ("sst2", "clean_sst2", 0.15), ("fpb", "fpb_llm", 0.2))
"""Noise where the texts are hard: (name, set, share of rows)."""


def panel_tasks() -> Iterator[Task]:
    """Yield the tasks of the panel, one after the other."""
    yield from (_answers_task(answers) for answers in ANSWERS)
    yield from (made_task(made) for made in MADE)
    yield from (_hard_task(*hard) for hard in HARD)


def _answers_task(answers: Answers) -> Task:
    """Leave out answers that fewer than three rows got."""
    table = load(answers.set_name)
    labels = table[answers.column].to_numpy()
    asked = np.flatnonzero((table["split"] == answers.split) & (labels != ""))
    counts = Counter(labels[asked])
    rows = np.array([row for row in asked if counts[labels[row]] >= 3])
    name = f"{answers.set_name}:{answers.column}"
    if answers.split != "train":
        name += f":{answers.split}"
    return make_task(
        name, answers.set_name, rows, labels[rows], kind="answers", is_fitted=answers.is_fitted
    )


def _drawn_rows(made: MadeNoise) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return row numbers, true class ids and class names."""
    rng = np.random.default_rng(0)
    labels = load(made.set_name)["true_label"].to_numpy()
    names = sorted(set(labels) - {""})[: made.n_classes]
    known = np.flatnonzero(np.isin(labels, names))
    if made.shares is None:
        rows = rng.permutation(known)[: made.rows]
    else:
        rows = np.concatenate(
            [
                rng.permutation(known[labels[known] == name])[: int(made.rows * share)]
                for name, share in zip(names, made.shares, strict=True)
            ]
        )
    rows = np.sort(rows)
    return rows, np.array([names.index(label) for label in labels[rows]]), names


def made_task(made: MadeNoise) -> Task:
    """Return true labels of a set with noise put in."""
    rows, true, names = _drawn_rows(made)
    rng = np.random.default_rng(1)
    matrix = made.noise(len(names))
    given = [names[rng.choice(len(names), p=matrix[label])] for label in true]
    return make_task(made.name, made.set_name, rows, given, kind="made", is_fitted=made.is_fitted)


def _hard_task(name: str, set_name: str, share: float) -> Task:
    """Give the rows nearest to another class's centre that class: the noise looks like the text."""
    made = MadeNoise(f"{name}_hard", set_name, 2500, symmetric(0), is_fitted=False)
    rows, true, names = _drawn_rows(made)
    vectors = embeddings_of(set_name)[rows]
    centres = np.stack([vectors[true == k].mean(axis=0) for k in range(len(names))])
    similarity = vectors @ centres.T  # (N, K)
    own = similarity[np.arange(len(rows)), true].copy()
    similarity[np.arange(len(rows)), true] = -np.inf
    lead = similarity.max(axis=1) - own
    lead += np.random.default_rng(1).gumbel(scale=lead.std() / 2, size=len(rows))
    chosen = np.argsort(-lead, kind="stable")[: int(share * len(rows))]
    given = true.copy()
    given[chosen] = similarity.argmax(axis=1)[chosen]
    return make_task(
        made.name, set_name, rows, [names[k] for k in given], kind="made", is_fitted=False
    )
