"""Run folders of any size, written by hand: rows of no meaning, in the shape of a real run's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

import noisefix
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import (
    CANDIDATES,
    CLASSES_TABLE,
    EMBEDDINGS,
    ISSUES,
    PAIRS,
    TableSchema,
)
from noisefix.tables.source import read_source

_DIMENSION = 16


def write_run(
    folder: Path,
    n_rows: int,
    *,
    n_classes: int = 8,
    texts: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    dimension: int = _DIMENSION,
    seed: int = 0,
) -> RunFolder:
    """Write data.csv and a run folder with issues, candidates, embeddings, classes and pairs.

    Args:
        folder: where to.
        n_rows: rows, where no texts are given.
        n_classes: classes, where no names are given.
        texts: the texts; the input of the run has them as they are only if CSV can hold them.
        class_names: the names of the classes, in canonical order.
        dimension: of the embeddings.
        seed: same seed, same rows.
    """
    draw = np.random.default_rng(seed)
    names = tuple(class_names or (f"class_{k}" for k in range(n_classes)))
    texts = made_texts(n_rows, draw) if texts is None else list(texts)
    n_rows, n_classes = len(texts), len(names)
    given = draw.integers(0, n_classes, n_rows)
    run = _make_folder(folder, texts, [names[k] for k in given.tolist()])
    p_error = np.round(draw.beta(0.4, 2.5, n_rows), 6)
    other = (given + draw.integers(1, n_classes, n_rows)) % n_classes
    suggested = np.where(p_error > 0.5, other, given)
    probs = draw.dirichlet(np.ones(n_classes), n_rows).astype(np.float32)
    ranks = np.empty(n_rows, dtype=np.int64)
    ranks[np.argsort(-p_error, kind="stable")] = np.arange(1, n_rows + 1)
    ids = pa.array([str(row + 1) for row in range(n_rows)])
    labels = pa.array(names, pa.string())
    rows = {
        "id": ids,
        "row_number": pa.array(range(1, n_rows + 1)),
        "text": pa.array([t.encode("utf-8", "replace").decode() for t in texts], pa.large_string()),
        "given_label": labels.take(pa.array(given)),
    }
    issues = pa.table(
        rows
        | {
            "predicted_label": labels.take(pa.array(suggested)),
            "suggested_label": labels.take(pa.array(suggested)),
            "self_confidence": pa.array(1 - p_error),
            "normalized_margin": pa.array(1 - p_error),
            "p_error": pa.array(p_error),
            "is_issue": pa.array(p_error > 0.45),
            "rank": pa.array(ranks),
            "reasons": pa.array(
                [
                    [f"{k % 10} of 10 nearest rows say class_1", f"the words alone give 0.{k % 90}"]
                    for k in range(n_rows)
                ],
                pa.list_(pa.string()),
            ),
            "pred_probs": _lists(probs),
            "true_label_probs": _lists(probs),
            "duplicate_group": pa.array(range(n_rows), pa.int64()),
            "is_trusted": pa.array(np.zeros(n_rows, bool)),
        }
    )
    centres = draw.normal(size=(n_classes, dimension))
    vectors = (centres[given] + draw.normal(size=(n_rows, dimension)) * 0.4).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = draw.integers(0, n_rows, (n_rows, 3))
    candidates = pa.table(
        {
            "id": ids,
            "given_label": rows["given_label"],
            "candidate_labels": pa.array([[names[k]] for k in given.tolist()]),
            "candidate_weights": pa.array([[1.0]] * n_rows),
            "is_certain": pa.array([True] * n_rows),
            "neighbor_ids": pa.array([[str(k + 1) for k in three] for three in near.tolist()]),
            "neighbor_similarities": pa.array([[0.6] * 3] * n_rows, pa.list_(pa.float32())),
        }
    )
    counts = np.bincount(given, minlength=n_classes)
    classes = pa.table(
        {
            "label": list(names),
            "rows": counts,
            "given_share": counts / n_rows,
            "true_share": counts / n_rows,
            "issues": np.bincount(given[p_error > 0.45], minlength=n_classes),
            "noise_rate": [0.1] * n_classes,
            "noise_rate_low": [0.05] * n_classes,
            "noise_rate_high": [0.2] * n_classes,
        }
    )
    pair = {"given_label": names[0], "suggested_label": names[1], "expected_rows": 3.0, "issues": 1}
    results = {
        "rows": n_rows,
        "labelled": n_rows,
        "issues": int((p_error > 0.45).sum()),
        "noise_rate": 0.12,
        "noise_rate_low": 0.08,
        "noise_rate_high": 0.17,
        "verdict": "some",
        "flagged_wrong": 2.0,
        "flagged_wrong_low": 1.0,
        "flagged_wrong_high": 3.0,
        "can_relabel": True,
    }
    _write(run.issues, issues, ISSUES, names, results)
    _write(run.embeddings, pa.table(rows | {"embedding": _lists(vectors)}), EMBEDDINGS, names)
    _write(run.candidates, candidates, CANDIDATES, names)
    _write(run.classes, classes, CLASSES_TABLE, names)
    _write(run.pairs, pa.Table.from_pylist([pair], schema=PAIRS.arrow()), PAIRS, names)
    return run


def made_texts(n_rows: int, draw: np.random.Generator, signs: int = 120) -> list[str]:
    """Return texts of made words, some of them frequent, as those of a language are."""
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    weights = 1 / np.arange(1, len(letters) + 1)
    sizes = draw.integers(2, 9, 20_000)
    signs_of = draw.choice(letters, int(sizes.sum()), p=weights / weights.sum())
    words = ["".join(word) for word in np.split(signs_of, np.cumsum(sizes)[:-1])]
    chosen = np.minimum(draw.zipf(1.25, (n_rows, 40)), len(words)) - 1
    return [" ".join(words[k] for k in row)[:signs] for row in chosen.tolist()]


def _make_folder(folder: Path, texts: Sequence[str], labels: Sequence[str]) -> RunFolder:
    import csv

    data = folder / "data.csv"
    with data.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(
            (text.replace("\0", " ").replace("\r", " "), label)
            for text, label in zip(texts, labels, strict=True)
        )
    source = read_source(data)
    run = RunFolder.create(folder / "data.noisefix", source)
    run.set_input(source, text_column="text", label_column="label", id_column=None)
    return run


def _write(
    path: Path,
    table: pa.Table,
    schema: TableSchema,
    names: tuple[str, ...],
    results: dict[str, object] | None = None,
) -> None:
    write_table(
        table,
        path,
        schema,
        Provenance(
            schema=schema.name,
            version=schema.version,
            noisefix_version=noisefix.__version__,
            class_names=names,
            results=results or {},
        ),
    )


def _lists(matrix: np.ndarray) -> pa.Array:
    flat = pa.array(matrix.astype(np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
